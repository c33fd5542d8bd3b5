"""What is known of files from earlier checks, for one run.

An answer is keyed by the file's path, the digest of its bytes, what was looked for in it, and the
program. It holds while every other file that it rests on has the
digest it had, or is still missing. A file is not even read where its stamp is that of known bytes.
Files that failed are not kept: their message is cheap, and they are about to change.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from lossfix.cache.folder import cache_folder
from lossfix.cache.packed import packed, unpacked
from lossfix.cache.program import program_digest
from lossfix.cache.stamps import digest_of, newest, read, stamp_of
from lossfix.cache.store import Result, Seen, Store
from lossfix.job import Job
from lossfix.report.rows import FileRow, State

_FOLDER = b"folder"  # in place of a digest
_EVERY_S = 5.0  # what was found is written this often, so that little is lost with the process


class Cache:
    """Answers of earlier runs; new ones are handed in with `keep` and written with `save`."""

    def __init__(self, store: Store, context: bytes) -> None:
        self.store = store
        self.context = context
        self._started = time.time_ns()
        self._saved = time.monotonic()
        self._digests: dict[bytes, bytes | None] = {}
        self._seen: list[Seen] = []
        self._results: list[tuple[Result, set[bytes]]] = []  # with the paths that they rest on

    def known(self, wanted: Sequence[Job]) -> list[FileRow | None]:
        """For each job the row that still holds; None where there is none."""
        paths = [absolute(job.path) for job in wanted]
        keys = [_key(path, job) for path, job in zip(paths, wanted, strict=True)]
        values = self.store.results(self.context, keys)
        if not values:
            return [None] * len(wanted)
        answered = {key for key, _ in values}
        self._look(path for path, key in zip(paths, keys, strict=True) if key in answered)
        found = [
            _parsed(values.get((key, self._digests.get(path) or b"")))
            for path, key in zip(paths, keys, strict=True)
        ]
        self._look(os.fsencode(path) for each in found if each is not None for path in each[1])
        return [self._row(each, job.path) for each, job in zip(found, wanted, strict=True)]

    def keep(self, row: FileRow, job: Job, digest: bytes, stamp: str) -> None:
        """Keep what was found in bytes of this digest; `stamp` is empty where it is not settled."""
        path = absolute(row.path)
        if stamp:
            self._seen.append((path, stamp, digest))
        if row.state is State.FAILED:
            return
        reads = {absolute(each) for each in row.reads}
        self._look(reads)
        rests = {os.fsdecode(each): _text(self._digests[each]) for each in sorted(reads)}
        value = json.dumps([packed(row), rests], separators=(",", ":"))
        self._results.append(((_key(path, job), self.context, digest, value), reads))
        if time.monotonic() - self._saved > _EVERY_S:
            self.save()

    def save(self) -> None:
        """Write what was handed in, but no answer that rests on what changed during the run."""
        paths: set[bytes] = set().union(*(reads for _, reads in self._results))
        moved = {path for path in paths if self._moved(path)}
        results = [result for result, reads in self._results if not reads & moved]
        if self._seen or results:
            self.store.write(self._seen, results)
        self._seen, self._results = [], []
        self._saved = time.monotonic()

    def _look(self, paths: Iterable[bytes]) -> None:
        """Find the digests of files, without reading those whose stamp is known."""
        new = [path for path in dict.fromkeys(paths) if path not in self._digests]
        seen = self.store.seen(new) if new else {}
        for path in new:
            stamp, digest = seen.get(path, ("", b""))
            if stamp and stamp_of(path) == stamp:
                self._digests[path] = digest
                continue
            data = read(path)
            if data is None:
                self._digests[path] = _FOLDER if os.path.isdir(path) else None
                continue
            self._digests[path] = digest_of(data[0])
            if data[1]:
                self._seen.append((path, data[1], digest_of(data[0])))

    def _moved(self, path: bytes) -> bool:
        """Whether a file came, went or changed since the run began."""
        stamp = stamp_of(path) or stamp_of(os.path.dirname(path))
        return bool(stamp) and newest(stamp) > self._started

    def _row(
        self, found: tuple[dict[str, Any], dict[str, str]] | None, path: str
    ) -> FileRow | None:
        if found is None:
            return None
        row, rests = found
        if any(_text(self._digests[os.fsencode(each)]) != told for each, told in rests.items()):
            return None
        try:
            return unpacked(row, path)
        except (ValueError, TypeError, KeyError, AttributeError):
            return None


def opened() -> Cache | None:
    """The cache for this program; None where nothing is kept."""
    folder = cache_folder()
    program = program_digest() if folder else None
    if not folder or program is None:
        return None
    return Cache(Store(folder), program)


def absolute(path: str | bytes) -> bytes:
    """The path as bytes, from the root; links stay as they are."""
    return os.path.join(os.getcwdb(), os.fsencode(path))


def _key(path: bytes, job: Job) -> bytes:
    return path + b"\0" + _question(job.function, job.codes, job.roles)


@lru_cache(maxsize=256)
def _question(*asked: object) -> bytes:
    return digest_of(json.dumps(asked).encode("utf-8", "replace"))


def _parsed(value: str | None) -> tuple[dict[str, Any], dict[str, str]] | None:
    """A row and the digests that it rests on, empty for a missing file."""
    try:
        row, rests = json.loads(value or "")
        return dict(row), dict(rests)
    except (ValueError, TypeError):
        return None


def _text(digest: bytes | None) -> str:
    return digest.hex() if digest else ""
