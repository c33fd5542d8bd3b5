"""Digests of files, and stamps: what tells, without reading it, that a file is as it was."""

from __future__ import annotations

import os
import time
from hashlib import blake2b

DIGEST_BYTES = 16
_RACE_NS = 2_000_000_000  # a clock's tick, at its coarsest: FAT counts in two seconds


def digest_of(data: bytes) -> bytes:
    return blake2b(data, digest_size=DIGEST_BYTES).digest()


def stamp_of(path: str | bytes) -> str:
    """Times, size and number of the file; empty where it is missing."""
    try:
        found = os.stat(path)
    except OSError:
        return ""
    return f"{found.st_mtime_ns} {found.st_ctime_ns} {found.st_size} {found.st_ino}"


def settled(stamp: str, noted: int) -> bool:
    """Whether a stamp taken at `noted` (ns) tells this content from any written later.

    A file that changed within a tick of the clock may change again and keep its times.
    """
    return bool(stamp) and newest(stamp) < noted - _RACE_NS


def newest(stamp: str) -> int:
    """The later of a stamp's two times, in ns."""
    modified, changed, *_ = stamp.split(" ", 2)
    return max(int(modified), int(changed))


def read(path: str | bytes) -> tuple[bytes, str] | None:
    """A file's bytes and its stamp, which is empty where it is not settled; None without a file."""
    noted = time.time_ns()
    stamp = stamp_of(path)
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return None
    return data, stamp if settled(stamp, noted) else ""
