"""The SQLite file behind the cache: short transactions, several processes, any damage.

Nothing here raises: a store that cannot be read knows nothing, one that cannot be written stays as
it is, and a damaged one is removed, to be made anew by the next write.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from typing import Any, TypeVar
from zlib import crc32

SCHEMA = 1  # a store of another schema has another name, and is left alone
MOST_BYTES = 100_000_000  # beyond it the older half of what is kept is dropped
_PATIENCE_S = 5.0  # for another process that is writing
_AT_ONCE = 500  # paths in one query; SQLite takes 999 in its older versions
_SEEN = """CREATE TABLE seen (path BLOB PRIMARY KEY, stamp TEXT NOT NULL, digest BLOB NOT NULL,
noted INTEGER NOT NULL) WITHOUT ROWID"""
_RESULTS = """CREATE TABLE results (target BLOB NOT NULL, context BLOB NOT NULL,
digest BLOB NOT NULL, value TEXT NOT NULL, sum INTEGER NOT NULL, noted INTEGER NOT NULL,
PRIMARY KEY (target, context, digest)) WITHOUT ROWID"""
_DAMAGE = (
    "no such",
    "no column",
    "already exists",
    "decode",
)  # of errors that SQLite calls operational

Seen = tuple[bytes, str, bytes]  # path, stamp, digest of its bytes
Result = tuple[bytes, bytes, bytes, str]  # target, context, digest, value
T = TypeVar("T")


class Store:
    """One file in `folder`; it is opened for each call and never kept open, nor made to read."""

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, f"results-{SCHEMA}.sqlite")

    def seen(self, paths: Sequence[bytes]) -> dict[bytes, tuple[str, bytes]]:
        """Path -> stamp and digest, of those that are known."""

        def read(connection: sqlite3.Connection) -> dict[bytes, tuple[str, bytes]]:
            rows = _each(connection, "SELECT path, stamp, digest FROM seen WHERE path IN", paths)
            return {
                path: (stamp, digest)
                for path, stamp, digest in rows
                if isinstance(digest, bytes)  # SQLite takes any type in any column
            }

        return self._read(read) or {}

    def results(self, context: bytes, targets: Sequence[bytes]) -> dict[tuple[bytes, bytes], str]:
        """Target and digest -> value, of those that are known in this context and are whole."""
        query = "SELECT target, digest, value, sum FROM results WHERE context = ? AND target IN"

        def read(connection: sqlite3.Connection) -> dict[tuple[bytes, bytes], str]:
            return {
                (target, digest): value
                for target, digest, value, told in _each(connection, query, targets, context)
                if isinstance(value, str) and told == _sum(target, context, digest, value)
            }

        return self._read(read) or {}

    def write(self, seen: Sequence[Seen], results: Sequence[Result]) -> None:
        """Keep all of these, in one transaction."""
        noted = time.time_ns()

        def add(connection: sqlite3.Connection) -> None:
            connection.execute("BEGIN IMMEDIATE")
            if _version(connection) != SCHEMA:
                connection.execute(_SEEN)
                connection.execute(_RESULTS)
                connection.execute(f"PRAGMA user_version = {SCHEMA}")
            _make_room(connection)
            connection.executemany(
                "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)", [(*row, noted) for row in seen]
            )
            connection.executemany(
                "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?)",
                [(*row, _sum(*row), noted) for row in results],
            )
            connection.execute("COMMIT")

        with suppress(OSError):
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            self._with(add)

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        def read(connection: sqlite3.Connection) -> T | None:
            return work(connection) if _version(connection) == SCHEMA else None

        return self._with(read) if os.path.exists(self.path) else None

    def _with(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        try:
            opened = sqlite3.connect(self.path, timeout=_PATIENCE_S, isolation_level=None)
            with closing(opened) as connection:
                connection.execute("PRAGMA synchronous = NORMAL")
                return work(connection)
        except sqlite3.Error as error:
            if not isinstance(error, sqlite3.OperationalError) or any(
                word in str(error) for word in _DAMAGE
            ):
                self._remove()
        except (TypeError, ValueError, OverflowError):  # a column of another type than ours
            self._remove()
        return None

    def _remove(self) -> None:
        # the journal first: left alone, it would be played back into the next store
        for path in (f"{self.path}-journal", self.path):
            with suppress(OSError):
                os.unlink(path)


def _version(connection: sqlite3.Connection) -> int:
    """Raises DatabaseError where the file is of another schema than its name says."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version not in (0, SCHEMA):
        raise sqlite3.DatabaseError(f"schema {version}")
    return int(version)


def _each(
    connection: sqlite3.Connection, query: str, paths: Sequence[bytes], *first: bytes
) -> Iterator[tuple[Any, ...]]:
    for start in range(0, len(paths), _AT_ONCE):
        some = paths[start : start + _AT_ONCE]
        marks = ",".join("?" * len(some))
        yield from connection.execute(f"{query} ({marks})", (*first, *some)).fetchall()


def _sum(target: bytes, context: bytes, digest: bytes, value: str) -> int:
    """SQLite keeps no sums of its pages, and a wrong answer is worse than none."""
    return crc32(value.encode("utf-8"), crc32(digest, crc32(context, crc32(target))))


def _make_room(connection: sqlite3.Connection) -> None:
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    if (pages - free) * size <= MOST_BYTES:
        return
    for table in ("seen", "results"):
        connection.execute(
            f"DELETE FROM {table} WHERE noted <= (SELECT noted FROM {table} ORDER BY noted"
            f" LIMIT 1 OFFSET (SELECT count(*) / 2 FROM {table}))"
        )
