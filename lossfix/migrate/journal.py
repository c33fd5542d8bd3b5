"""The journal: what is known of each file by its content, and every write before it is made.

One SQLite file in `.lossfix/` below the root, in WAL mode and flushed at each commit, so that what
was recorded outlives the process and the power. Paths are bytes, from the root.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from lossfix.cache.packed import packed, unpacked
from lossfix.errors import MigrateError
from lossfix.mend import Stage
from lossfix.migrate.tasks import Result
from lossfix.report.rows import FileRow, State

FOLDER = ".lossfix"
_NAME = "journal.sqlite"
_SCHEMA = 1
_LITTLE_ROOM = 200_000  # bytes
_TABLES = """
CREATE TABLE IF NOT EXISTS results (
    step TEXT NOT NULL, path BLOB NOT NULL, digest BLOB NOT NULL, question BLOB NOT NULL,
    rests TEXT NOT NULL, row TEXT NOT NULL, stages BLOB NOT NULL,
    PRIMARY KEY (step, path, digest, question));
CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY, started REAL NOT NULL, ended REAL NOT NULL);
CREATE TABLE IF NOT EXISTS writes (
    id INTEGER PRIMARY KEY, run INTEGER NOT NULL, round INTEGER NOT NULL, path BLOB NOT NULL,
    before BLOB NOT NULL, after BLOB NOT NULL, old BLOB NOT NULL, stages BLOB NOT NULL,
    row TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, committed TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS writes_of_run ON writes (run, state);
"""


class WriteState(str, Enum):
    """What became of a write."""

    PENDING = "pending"  # recorded, and perhaps made
    WRITTEN = "written"
    LEFT = "left"  # not made, and why
    UNDONE = "undone"
    EDITED = "edited"  # somebody edited the file since, so that it was not undone


class Key(NamedTuple):
    """What a result is about: a file by its content, and what was asked of it."""

    step: str
    path: bytes
    digest: bytes
    question: bytes


class Known(NamedTuple):
    """A result, and the digests of the files that it rests on; empty for a missing one."""

    result: Result
    rests: dict[str, str]


@dataclass(frozen=True, slots=True)
class Write:
    """One file's change, from the bytes `old` to those of the last stage."""

    id: int
    run: int
    round: int
    path: bytes
    before: bytes  # digests
    after: bytes
    old: bytes
    stages: tuple[Stage, ...]
    row: FileRow
    state: WriteState = WriteState.PENDING
    reason: str = ""
    committed: str = ""  # the branch


class Journal:
    """The journal of one root, opened; made where there is none. Raises MigrateError."""

    def __init__(self, root: Path) -> None:
        self.folder = root / FOLDER
        self.path = self.folder / _NAME
        with self._reported():
            self._make_folder()
            self._base = sqlite3.connect(self.path, isolation_level=None, timeout=10.0)
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = FULL")
            version = self._base.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, _SCHEMA):
                raise MigrateError(
                    f"{self.path}: is of another version of lossfix; move it away to start anew"
                )
            self._base.executescript(_TABLES)
            self._base.execute(f"PRAGMA user_version = {_SCHEMA}")

    def close(self) -> None:
        with self._reported():
            self._base.close()

    def _make_folder(self) -> None:
        self.folder.mkdir(exist_ok=True)
        ignored = self.folder / ".gitignore"
        if not ignored.exists():
            ignored.write_text("*\n")

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """SQLite's and the system's errors as ours."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            said = getattr(error, "strerror", None) or str(error)
            message = f"{self.path}: the journal cannot be used: {said}"
            then = "make room on the disk, which is full, and" if _is_full(self.folder) else "then"
            raise MigrateError(f"{message}; what was recorded is kept, {then} run again") from None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._reported():
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield self._base
                self._base.execute("COMMIT")
            except BaseException:
                if self._base.in_transaction:
                    self._base.execute("ROLLBACK")
                raise

    # results

    def known(self, keys: Sequence[Key]) -> dict[Key, Known]:
        """What is known of these; a damaged entry is not."""
        found: dict[Key, Known] = {}
        query = (
            "SELECT rests, row, stages FROM results"
            " WHERE step = ? AND path = ? AND digest = ? AND question = ?"
        )
        with self._reported():
            for key in keys:
                row = self._base.execute(query, key).fetchone()
                if row is not None:
                    known = _known(key, *row)
                    if known is not None:
                        found[key] = known
        return found

    def keep(self, results: Sequence[tuple[Key, Known]]) -> None:
        """Record what came of these, in one transaction."""
        with self._transaction() as base:
            base.executemany(
                "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (*key, json.dumps(rests), _row_text(result.row), _packed_stages(result.stages))
                    for key, (result, rests) in results
                ],
            )

    def forget_what_did_not_run(self) -> int:
        """Drop the results of files that failed or could not be run; gives their number."""
        with self._transaction() as base:
            gone = base.execute(
                "DELETE FROM results WHERE json_extract(row, '$.state') = ? OR instr(row, ?)",
                (State.FAILED.value, '"not-runnable: '),
            )
            return int(gone.rowcount)

    # writes

    def begin(self) -> int:
        """The number of a run that writes: the last one where that did not come to its end."""
        with self._transaction() as base:
            last = base.execute("SELECT id, ended FROM runs ORDER BY id DESC LIMIT 1").fetchone()
            if last is not None and not last[1]:
                return int(last[0])
            began = base.execute("INSERT INTO runs (started, ended) VALUES (?, 0)", (time.time(),))
            return int(began.lastrowid or 0)

    def end(self, run: int) -> None:
        with self._transaction() as base:
            base.execute("UPDATE runs SET ended = ? WHERE id = ?", (time.time(), run))

    def plan_writes(self, writes: Sequence[Write]) -> None:
        """Record writes before any of them is made, all in one transaction."""
        with self._transaction() as base:
            base.executemany(
                "INSERT INTO writes (run, round, path, before, after, old, stages, row, state,"
                " reason, committed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        write.run,
                        write.round,
                        write.path,
                        write.before,
                        write.after,
                        zlib.compress(write.old),
                        _packed_stages(write.stages),
                        _row_text(write.row),
                        write.state.value,
                        write.reason,
                        write.committed,
                    )
                    for write in writes
                ],
            )

    def writes(self, *states: WriteState, run: int | None = None) -> list[Write]:
        """Writes in these states, in the order in which they were recorded."""
        marks = ", ".join("?" * len(states))
        query = (
            "SELECT id, run, round, path, before, after, old, stages, row, state, reason, committed"
            f" FROM writes WHERE state IN ({marks}) AND (? IS NULL OR run = ?) ORDER BY id"
        )
        values = [state.value for state in states]
        with self._reported():
            rows = self._base.execute(query, (*values, run, run)).fetchall()
        return [_write(row) for row in rows]

    def last_run(self, *states: WriteState) -> int | None:
        """The last run that has writes in these states."""
        marks = ", ".join("?" * len(states))
        query = f"SELECT max(run) FROM writes WHERE state IN ({marks})"
        with self._reported():
            found = self._base.execute(query, [state.value for state in states]).fetchone()[0]
        return None if found is None else int(found)

    def mark(self, ids: Sequence[int], state: WriteState, reason: str = "") -> None:
        with self._transaction() as base:
            base.executemany(
                "UPDATE writes SET state = ?, reason = ? WHERE id = ?",
                [(state.value, reason, each) for each in ids],
            )

    def mark_committed(self, ids: Sequence[int], branch: str) -> None:
        with self._transaction() as base:
            base.executemany(
                "UPDATE writes SET committed = ? WHERE id = ?", [(branch, each) for each in ids]
            )


def _is_full(folder: Path) -> bool:
    """SQLite has no word for it where a file cannot grow."""
    try:
        return shutil.disk_usage(folder).free < _LITTLE_ROOM
    except OSError:
        return False


def journal_in(root: Path) -> bool:
    """Whether a root has a journal."""
    return (root / FOLDER / _NAME).is_file()


def _row_text(row: FileRow) -> str:
    return json.dumps(packed(row), separators=(",", ":"))


def _packed_stages(stages: Sequence[Stage]) -> bytes:
    data = [[stage.code, stage.data.decode("latin-1")] for stage in stages]
    return zlib.compress(json.dumps(data).encode("ascii")) if data else b""


def _unpacked_stages(data: bytes) -> tuple[Stage, ...]:
    if not data:
        return ()
    return tuple(
        Stage(code, text.encode("latin-1")) for code, text in json.loads(zlib.decompress(data))
    )


def _known(key: Key, rests: str, row: str, stages: bytes) -> Known | None:
    try:
        found = unpacked(json.loads(row), os.fsdecode(key.path))
        return Known(Result(found, _unpacked_stages(stages)), dict(json.loads(rests)))
    except (ValueError, TypeError, KeyError, AttributeError, zlib.error):
        return None


def _write(row: Sequence[object]) -> Write:
    number, run, round_, path, before, after, old, stages, text, state, reason, committed = row
    assert isinstance(path, bytes)
    return Write(
        int(number),  # type: ignore[call-overload]
        int(run),  # type: ignore[call-overload]
        int(round_),  # type: ignore[call-overload]
        path,
        before,  # type: ignore[arg-type]
        after,  # type: ignore[arg-type]
        zlib.decompress(old),  # type: ignore[arg-type]
        _unpacked_stages(stages),  # type: ignore[arg-type]
        unpacked(json.loads(str(text)), os.fsdecode(path)),
        WriteState(state),
        str(reason),
        str(committed),
    )
