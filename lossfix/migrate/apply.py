"""Writes: each made whole or not at all, and only over the bytes that it was planned for."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from lossfix.cache.stamps import digest_of
from lossfix.errors import ChangedOnDisk, SourceError
from lossfix.migrate.journal import Journal, Write, WriteState
from lossfix.source.files import write_over

CHANGED = "changed since it was planned; not written"
_AT_ONCE = 50  # writes that are made before they are marked


def carry_out(
    root: Path, journal: Journal, writes: Sequence[Write], done: Callable[[str], None]
) -> list[Write]:
    """Makes the recorded writes and gives them back with their states; `done` is told each path.

    One that was made before it could be marked is recognised by the bytes of its file.
    """
    made: list[Write] = []
    for start in range(0, len(writes), _AT_ONCE):
        part = [_attempted(root, write) for write in writes[start : start + _AT_ONCE]]
        for folder in {(root / os.fsdecode(write.path)).parent for write in part}:
            _settle(folder)
        for state, reason in dict.fromkeys((write.state, write.reason) for write in part):
            alike = [w.id for w in part if (w.state, w.reason) == (state, reason)]
            journal.mark(alike, state, reason)
        for write in part:
            done(os.fsdecode(write.path))
        made += part
    return made


def _attempted(root: Path, write: Write) -> Write:
    reason = replace_at(root, write.path, write.before, write.stages[-1].data)
    return replace(write, state=WriteState.LEFT if reason else WriteState.WRITTEN, reason=reason)


def replace_at(root: Path, path: bytes, before: bytes, data: bytes) -> str:
    """Puts `data` where bytes of digest `before` are, or `data` already; else says why not."""
    place = root / os.fsdecode(path)
    if _through_a_link(root, path):
        return f"{place}: is, or lies behind, a symlink; not written"
    temporary = place.parent / f".lossfix-{digest_of(data).hex()}.tmp"
    with suppress(OSError):
        temporary.unlink()  # of a process that was killed
    after = digest_of(data)
    try:
        if digest_of(place.read_bytes()) == after:
            return ""
        write_over(place, data, lambda old: digest_of(old) == before, temporary)
    except ChangedOnDisk:
        return f"{place}: {CHANGED}"
    except FileNotFoundError:
        return f"{place}: is gone since it was planned"
    except SourceError as error:
        return str(error)
    except OSError as error:
        return f"{place}: cannot be read: {error.strerror}"
    return ""


def _through_a_link(root: Path, path: bytes) -> bool:
    parts = Path(os.fsdecode(path)).parts
    return any(root.joinpath(*parts[:n]).is_symlink() for n in range(1, len(parts) + 1))


def _settle(folder: Path) -> None:
    """Has the system keep the names in a folder, as far as it can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
