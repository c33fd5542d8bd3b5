"""Undo: the bytes from before a migration put back, where those that it wrote still are."""

from __future__ import annotations

from pathlib import Path

from lossfix.errors import MigrateError
from lossfix.migrate.apply import CHANGED, replace_at
from lossfix.migrate.journal import Journal, Write, WriteState, journal_in
from lossfix.migrate.lock import only_one

EDITED = "was edited since the migration; left as it is"


def undo(root: Path) -> tuple[int, list[str]]:
    """How many files are as they were before the last migration, and why others are not.

    The one before it is the last one then. Raises MigrateError.
    """
    if not journal_in(root):
        raise MigrateError(f"{root}: has no journal, so no migration to undo")
    journal = Journal(root)
    try:
        with only_one(journal.folder):
            made = (WriteState.WRITTEN, WriteState.PENDING)
            run = journal.last_run(*made)
            if run is None:
                return 0, []
            journal.end(run)
            return _undone(root, journal, journal.writes(*made, run=run))
    finally:
        journal.close()


def _undone(root: Path, journal: Journal, writes: list[Write]) -> tuple[int, list[str]]:
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
    return len(undone), list(kept.values())
