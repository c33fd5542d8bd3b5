"""One migration at a time on a root: a lock that the system drops when its holder is gone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lossfix.errors import MigrateError

_NAME = "lock"


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Holds the lock in the journal's folder. Raises MigrateError where another process does.

    Processes that are forked meanwhile do not hold it.
    """
    try:
        handle = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise MigrateError(f"{folder}: cannot be written: {error.strerror}") from None
    try:
        if not _taken(handle):
            holder = os.read(handle, 20).decode("ascii", "replace").strip() or "?"
            raise MigrateError(
                f"{folder.parent}: another migration is at work here (process {holder}); "
                "wait for it, or end it, then run again"
            )
        os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, f"{os.getpid()}\n".encode("ascii"))
        yield
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
