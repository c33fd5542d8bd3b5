"""Messages between the processes: JSON behind a four-byte length, over a pipe of their own.

Never pickle: the process at the other end has run somebody's code.
"""

from __future__ import annotations

import json
import os
import select
import struct
import time
from typing import Any

LIMIT = 16 * 1024 * 1024  # bytes of one message
_HEADER = struct.Struct("!I")


class WireError(Exception):
    """The other end closed the pipe, was too slow, or sent what is no message."""


class WireTimeoutError(WireError):
    """Nothing complete came before the deadline."""


def send(fd: int, message: dict[str, Any]) -> None:
    """Writes `message` whole; raises WireError where it is too large and OSError on a dead pipe."""
    payload = json.dumps(message).encode("utf-8")
    if len(payload) > LIMIT:
        raise WireError(f"the message is {len(payload)} bytes and the limit is {LIMIT}")
    data = memoryview(_HEADER.pack(len(payload)) + payload)
    while data:
        data = data[os.write(fd, data) :]


def receive(fd: int, deadline: float | None = None) -> dict[str, Any]:
    """The next message; `deadline` is a time on the monotonic clock."""
    (size,) = _HEADER.unpack(_read(fd, _HEADER.size, deadline))
    if size > LIMIT:
        raise WireError(f"a message of {size} bytes was announced and the limit is {LIMIT}")
    try:
        message = json.loads(_read(fd, size, deadline))
    except (ValueError, RecursionError) as error:
        raise WireError(f"what came is not JSON: {error}") from None
    if not isinstance(message, dict):
        raise WireError("what came is not a JSON object")
    return message


def _read(fd: int, size: int, deadline: float | None) -> bytes:
    parts: list[bytes] = []
    while size:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                raise WireTimeoutError("no answer in time")
        part = os.read(fd, min(size, 1 << 20))
        if not part:
            raise WireError("the other end closed the pipe")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
