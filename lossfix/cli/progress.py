"""Progress: one line on a terminal's stderr, for work of more than a second or two."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

_PATIENCE_S = 1.0
_EVERY_S = 0.1
_CLEAR = "\r\x1b[K"


@contextmanager
def progress(doing: str, total: int | None = None) -> Iterator[Callable[[str], None]]:
    """A function to call with what comes next; it shows nothing off a terminal.

    It may be called from several threads. `total` is how often it will be called, where known.
    """
    of = f" of {total}" if total is not None else ""
    lock = Lock()
    start = shown = time.monotonic()
    count = 0
    visible = False

    def step(what: str) -> None:
        nonlocal shown, visible, count
        with lock:
            now = time.monotonic()
            count += 1
            if sys.stderr.isatty() and now - start > _PATIENCE_S and now - shown > _EVERY_S:
                shown, visible = now, True
                line = f"{_CLEAR}{doing} {count}{of}: {what[-60:]}"
                print(line, end="", file=sys.stderr, flush=True)

    try:
        yield step
    finally:
        if visible:
            print(_CLEAR, end="", file=sys.stderr, flush=True)
