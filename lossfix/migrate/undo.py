"""Undo: the bytes from before a migration put back, where those that it wrote still are."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from lossfix.errors import MigrateError
from lossfix.migrate.apply import CHANGED, replace_at
from lossfix.migrate.journal import Journal, Write, WriteState, journal_in
from lossfix.migrate.lock import only_one

EDITED = "was edited since the migration; left as it is"


class Undone(NamedTuple):
    """How many files are as before, why others are not, and branches whose commits stay."""

    files: int
    kept: tuple[str, ...]
    branches: tuple[str, ...] = ()


def undo(root: Path) -> Undone:
    """Takes back the last migration; the one before it is then the last. Raises MigrateError."""
    if not journal_in(root):
        raise MigrateError(f"{root}: has no journal, so no migration to undo")
    journal = Journal(root)
    try:
        with only_one(journal.folder):
            made = (WriteState.WRITTEN, WriteState.PENDING)
            run = journal.last_run(*made)
            if run is None:
                return Undone(0, ())
            journal.end(run)
            return _undone(root, journal, journal.writes(*made, run=run))
    finally:
        journal.close()


def _undone(root: Path, journal: Journal, writes: list[Write]) -> Undone:
    """The later of two writes of one file is undone first; where that fails, so does the other."""
    kept: dict[bytes, str] = {}
    undone: set[bytes] = set()
    for write in reversed(writes):
        if write.path in kept:
            journal.mark([write.id], WriteState.EDITED, kept[write.path])
            continue
        reason = replace_at(root, write.path, write.after, write.old)
        if reason:
            kept[write.path] = reason.replace(CHANGED, EDITED)
            undone.discard(write.path)
        else:
            undone.add(write.path)
        state = WriteState.EDITED if reason else WriteState.UNDONE
        journal.mark([write.id], state, reason)
    branches = sorted({write.committed for write in writes if write.committed})
    return Undone(len(undone), tuple(kept.values()), tuple(branches))
