"""A migration: plan, verify, apply, in rounds, until there is nothing left to write.

A round looks at every file again, which costs reading it: what was planned or verified before is in
the journal. A fix in one file may make room for one in another, and a file that changed under way
is planned again, so that a round that wrote is followed by another.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from lossfix.cache.stamps import digest_of
from lossfix.migrate.apply import CHANGED, carry_out
from lossfix.migrate.choices import Until
from lossfix.migrate.engine import Engine
from lossfix.migrate.files import MISSING, Listed
from lossfix.migrate.journal import Journal, Key, Known, Write, WriteState
from lossfix.migrate.question import Asked, File, file_at, key_of, task_of
from lossfix.migrate.tasks import PLAN, VERIFY, Result, result_of
from lossfix.report.rows import FileRow, State

MOST_ROUNDS = 5
_MOST_LOOKS = 3  # at a file that changes while it is planned
_EVERY_S = 1.0  # what came of tasks is recorded this often
_EVERY = 200


class Watch(Protocol):
    """Is told how a migration gets on."""

    def begin(self, step: str, total: int) -> None:
        """A step with so many files to do starts."""

    def done(self, path: str) -> None:
        """One more of them is done."""


@dataclass
class Counts:
    """How many files each step did, and how many it knew from the journal."""

    done: dict[str, int] = field(default_factory=lambda: {PLAN: 0, VERIFY: 0})
    known: dict[str, int] = field(default_factory=lambda: {PLAN: 0, VERIFY: 0})
    seconds: dict[str, float] = field(
        default_factory=lambda: {PLAN: 0.0, VERIFY: 0.0, "apply": 0.0}
    )
    rounds: int = 0


@dataclass(frozen=True)
class Migrated:
    """Every file with its row, the changes planned or made, and what was done for it."""

    files: list[FileRow]
    changes: list[Write]
    counts: Counts
    until: Until
    run: int | None = None


class Migration:
    """One run over the files of a root."""

    def __init__(self, asked: Asked, engine: Engine, journal: Journal, watch: Watch) -> None:
        self.asked = asked
        self.root = asked.root
        self.engine = engine
        self.journal = journal
        self.watch = watch
        self.counts = Counts()
        self._digests: dict[str, str] = {}
        self._refused: dict[tuple[bytes, bytes], str] = {}
        self._run: int | None = None

    def over(self, files: Sequence[Listed]) -> Migrated:
        """Raises LossfixError; what was done by then is recorded."""
        until = self.asked.until
        if until is Until.APPLY:
            self._run = self.journal.begin()
            self._finish()
        rows: dict[bytes, FileRow] = {}
        results: dict[File, Result] = {}
        while True:
            self.counts.rounds += 1
            rows, found = self._looked_at(files)
            results = self._step(PLAN, found, {}, rows)
            if until is not Until.PLAN:
                changing = [file for file, result in results.items() if result.stages]
                results |= self._step(VERIFY, changing, results, rows)
            if until is not Until.APPLY or not self._applied(results):
                break
            if self.counts.rounds == MOST_ROUNDS:
                break
        return self._told(rows, results)

    # looking

    def _looked_at(self, files: Sequence[Listed]) -> tuple[dict[bytes, FileRow], list[File]]:
        """Rows of the files that nothing can be done with, and the others as they are."""
        self._digests = {}
        rows: dict[bytes, FileRow] = {}
        found: list[File] = []
        for one in files:
            path = os.fsdecode(one.path)
            if one.skipped == MISSING:
                rows[one.path] = FileRow(path, State.FAILED, f"{path}: {MISSING}")
                continue
            if one.skipped:
                rows[one.path] = FileRow(path, State.SKIPPED, one.skipped)
                continue
            file = self._file(one.path)
            if isinstance(file, FileRow):
                rows[one.path] = file
            else:
                found.append(file)
        return rows, found

    def _file(self, name: bytes) -> File | FileRow:
        path = os.fsdecode(name)
        try:
            file = file_at(self.asked, name)
        except OSError as error:
            return FileRow(path, State.FAILED, f"{path}: cannot be read: {error.strerror}")
        self._digests[path] = file.digest.hex()
        return file

    def _digest(self, path: str) -> str:
        """Of a file by its path from the root, as it was in this round; empty without one."""
        if path not in self._digests:
            try:
                self._digests[path] = digest_of((self.root / path).read_bytes()).hex()
            except OSError:
                self._digests[path] = ""
        return self._digests[path]

    # planning and verifying

    def _step(
        self,
        step: str,
        files: Sequence[File],
        plans: dict[File, Result],
        rows: dict[bytes, FileRow],
    ) -> dict[File, Result]:
        """A result for each file, from the journal or anew; files that keep changing get a row."""
        began = time.monotonic()
        results: dict[File, Result] = {}
        wanted = list(files)
        for _ in range(_MOST_LOOKS):
            missing = self._recalled(step, wanted, results)
            if not missing:
                break
            self.watch.begin(step, len(missing))
            changed = self._done_anew(step, missing, plans, results)
            wanted = []
            for file in changed if step == PLAN else ():
                again = self._file(file.path)
                if isinstance(again, FileRow):
                    rows[file.path] = again
                else:
                    wanted.append(again)
            if not wanted:
                break
        for file in wanted:
            if file not in results and file.path not in rows:
                path = os.fsdecode(file.path)
                rows[file.path] = FileRow(path, State.FAILED, f"{path}: keeps changing; run again")
        self.counts.seconds[step] += time.monotonic() - began
        return results

    def _recalled(
        self, step: str, files: Sequence[File], results: dict[File, Result]
    ) -> list[File]:
        """Fills in what the journal knows, and gives the files that it does not."""
        keys = {file: key_of(self.asked, step, file) for file in files}
        known = self.journal.known(list(keys.values()))
        missing: list[File] = []
        for file, key in keys.items():
            found = known.get(key)
            if found is not None and self._holds(found):
                results[file] = found.result
            else:
                missing.append(file)
        self.counts.known[step] += len(files) - len(missing)
        return missing

    def _holds(self, known: Known) -> bool:
        return all(self._digest(path) == digest for path, digest in known.rests.items())

    def _done_anew(
        self,
        step: str,
        files: Sequence[File],
        plans: dict[File, Result],
        results: dict[File, Result],
    ) -> list[File]:
        """Runs the step and records what comes of it; gives the files that are others by now."""
        tasks = [task_of(self.asked, step, file) for file in files]
        waiting: list[tuple[Key, Known]] = []
        changed: list[File] = []
        saved = time.monotonic()
        try:
            for number, answer in self.engine.run(tasks, [file.size for file in files]):
                file = files[number]
                result = result_of(tasks[number], answer, plans.get(file))
                self.watch.done(tasks[number].path)
                if result is None:
                    changed.append(file)
                    continue
                results[file] = result
                rests = {path: self._digest(path) for path in result.row.reads}
                waiting.append((key_of(self.asked, step, file), Known(result, rests)))
                self.counts.done[step] += 1
                if len(waiting) >= _EVERY or time.monotonic() - saved > _EVERY_S:
                    self.journal.keep(waiting)
                    waiting, saved = [], time.monotonic()
        finally:
            if waiting:
                self.journal.keep(waiting)
        return changed

    # applying

    def _finish(self) -> None:
        """Make what an earlier process recorded and did not get to."""
        pending = self.journal.writes(WriteState.PENDING)
        if pending:
            self._carry_out(pending)

    def _applied(self, results: dict[File, Result]) -> bool:
        """Records and makes the writes of a round; whether another round is wanted."""
        began = time.monotonic()
        assert self._run is not None
        writes, changed = self._writes(results, self._run)
        made: list[Write] = []
        if writes:
            self.journal.plan_writes(writes)
            made = self._carry_out(self.journal.writes(WriteState.PENDING))
        self.counts.seconds["apply"] += time.monotonic() - began
        written = any(write.state is WriteState.WRITTEN for write in made)
        return written or changed or any(write.reason.endswith(CHANGED) for write in made)

    def _writes(self, results: dict[File, Result], run: int) -> tuple[list[Write], bool]:
        """The writes that results ask for, and whether a file is another by now."""
        writes: list[Write] = []
        changed = False
        for file, result in results.items():
            if not result.stages or (file.path, file.digest) in self._refused:
                continue
            old = self._bytes(file.path)
            if old is None or digest_of(old) != file.digest:
                changed = True
                continue
            after = digest_of(result.stages[-1].data)
            writes.append(
                Write(
                    0,
                    run,
                    self.counts.rounds,
                    file.path,
                    file.digest,
                    after,
                    old,
                    result.stages,
                    result.row,
                )
            )
        return writes, changed

    def _bytes(self, path: bytes) -> bytes | None:
        try:
            return (self.root / os.fsdecode(path)).read_bytes()
        except OSError:
            return None

    def _carry_out(self, writes: Sequence[Write]) -> list[Write]:
        self.watch.begin("apply", len(writes))
        made = carry_out(self.root, self.journal, writes, self.watch.done)
        for write in made:
            if write.state is WriteState.LEFT and not write.reason.endswith(CHANGED):
                self._refused[write.path, write.before] = write.reason
        return made

    # telling

    def _told(self, rows: dict[bytes, FileRow], results: dict[File, Result]) -> Migrated:
        made: list[Write] = []
        if self._run is not None:
            made = self.journal.writes(WriteState.WRITTEN, run=self._run)
        told = dict(rows)
        changes = list(made)
        for file, result in results.items():
            row = result.row
            if self.asked.until is not Until.APPLY:
                if result.stages and (old := self._bytes(file.path)) is not None:
                    changes.append(_unmade(file, old, result))
            elif result.stages:
                reason = self._refused.get((file.path, file.digest), "")
                reason = reason or f"{os.fsdecode(file.path)}: {CHANGED}"
                row = replace(row, state=State.FAILED, reason=reason)
            told[file.path] = row
        for write in made:
            told[write.path] = _with_write(told.get(write.path), write)
        ordered = [told[path] for path in sorted(told)]
        return Migrated(ordered, changes, self.counts, self.asked.until, self._run)


def _unmade(file: File, old: bytes, result: Result) -> Write:
    after = digest_of(result.stages[-1].data)
    return Write(0, 0, 0, file.path, file.digest, after, old, result.stages, result.row)


def _with_write(row: FileRow | None, write: Write) -> FileRow:
    """A file's row with the fixes that were written into it before."""
    fixed = tuple(each for each in write.row.findings if each.applied)
    if row is None:
        return replace(write.row, findings=fixed, state=State.FIXED)
    if row.state is State.FAILED:
        return replace(row, findings=(*fixed, *row.findings))
    findings = (*fixed, *row.findings)
    state = State.FIXED if all(each.applied for each in findings) else State.PARTLY_FIXED
    return replace(row, state=state, reason="", findings=findings)
