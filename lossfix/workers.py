"""Worker processes for many files: each takes a few at a time, and its death costs one file.

Files travel as JSON; a worker that dies has its files done again one by one, so that the one it
dies of is known. It is reported as failed, and the others are not held up.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

from lossfix.cache.packed import packed, unpacked
from lossfix.errors import LossfixError
from lossfix.examine import Examined, Examiner
from lossfix.job import Job, job_of
from lossfix.report.rows import FileRow, State

if TYPE_CHECKING:
    from multiprocessing.context import ForkContext, SpawnContext

MOST_JOBS = 16  # beyond it the one process that hands out the files is what they wait for
_CHUNK_BYTES = 100_000  # about a tenth of a second
_CHUNK_FILES = 50

Chunk = list[int]  # numbers of targets


@dataclass(slots=True)
class _Worker:
    process: multiprocessing.process.BaseProcess
    pipe: Connection
    chunk: Chunk


def default_jobs() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), MOST_JOBS)
    return min(os.cpu_count() or 1, MOST_JOBS)


def shared_out(targets: Sequence[Job], jobs: int) -> Iterator[tuple[int, Examined]]:
    """Each target's number with what came of it, in no order; the workers end with the iterator.

    Raises LossfixError where no process can be started.
    """
    chunks = _chunks(targets)
    workers: list[_Worker] = []
    try:
        while chunks or workers:
            while chunks and len(workers) < jobs:
                with _uninterrupted():  # a worker is on the list, or there is none
                    workers.append(_start(workers))
                _hand_out(workers[-1], targets, chunks.pop())
            for pipe in wait([worker.pipe for worker in workers]):
                worker = next(worker for worker in workers if worker.pipe is pipe)
                try:
                    answers = _received(worker, targets)
                except (EOFError, OSError):
                    workers.remove(worker)
                    answers = _bury(worker, targets, chunks)
                else:
                    if chunks:
                        _hand_out(worker, targets, chunks.pop())
                    else:
                        workers.remove(worker)
                        _end(worker)
                yield from answers
    finally:
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            _end(worker)


def _chunks(targets: Sequence[Job]) -> list[Chunk]:
    """Numbers of targets in handfuls, the largest last, from where they are taken."""
    chunks: list[tuple[int, Chunk]] = []
    for number, (path, *_) in enumerate(targets):
        try:
            size = os.path.getsize(path)
        except OSError:
            size = 0
        if chunks and chunks[-1][0] + size <= _CHUNK_BYTES and len(chunks[-1][1]) < _CHUNK_FILES:
            chunks[-1] = (chunks[-1][0] + size, [*chunks[-1][1], number])
        else:
            chunks.append((size, [number]))
    return [chunk for _, chunk in sorted(chunks, key=lambda sized: sized[0])]


def _start(others: Sequence[_Worker]) -> _Worker:
    context = _context()
    ours, theirs = context.Pipe()
    forks = context.get_start_method() == "fork"
    inherited = [ours, *(other.pipe for other in others)] if forks else []
    process = context.Process(target=_work, args=(theirs, inherited), daemon=True)
    try:
        process.start()
    except OSError as error:
        raise LossfixError(f"no process can be started: {error.strerror}; use -j 1") from None
    theirs.close()
    return _Worker(process, ours, [])


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits, and so it does in a process that is started here, until that ignores it."""
    if sys.platform == "win32":
        yield
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _context() -> ForkContext | SpawnContext:
    """A fork has the rules at once; macOS forbids it to who has used its libraries."""
    if sys.platform in ("win32", "darwin"):
        return multiprocessing.get_context("spawn")
    return multiprocessing.get_context("fork")


def _hand_out(worker: _Worker, targets: Sequence[Job], chunk: Chunk) -> None:
    worker.chunk = chunk
    try:
        worker.pipe.send_bytes(json.dumps([targets[number] for number in chunk]).encode("ascii"))
    except OSError:  # it died; waiting for its answer says so
        return


def _received(worker: _Worker, targets: Sequence[Job]) -> list[tuple[int, Examined]]:
    """A worker's answers. Raises EOFError or OSError where it died, RuntimeError for a defect."""
    answers = json.loads(worker.pipe.recv_bytes())
    if isinstance(answers, str):
        raise RuntimeError(answers)
    return [
        (number, Examined(unpacked(row, targets[number].path), _bytes(digest), stamp))
        for number, (row, digest, stamp) in zip(worker.chunk, answers, strict=True)
    ]


def _bytes(digest: str | None) -> bytes | None:
    return None if digest is None else bytes.fromhex(digest)


def _bury(
    worker: _Worker, targets: Sequence[Job], chunks: list[Chunk]
) -> list[tuple[int, Examined]]:
    """Do a dead worker's files again one by one; a file alone is what it died of."""
    _end(worker)
    if len(worker.chunk) > 1:
        chunks.extend([number] for number in reversed(worker.chunk))
        return []
    path = targets[worker.chunk[0]].path
    reason = f"{path}: the process that checked it {_death(worker.process.exitcode)}"
    row = FileRow(path, State.FAILED, f"{reason}; run again on this file alone")
    return [(worker.chunk[0], Examined(row, None, ""))]


def _death(code: int | None) -> str:
    if code is None or code >= 0:
        return f"ended early, with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    memory = ", perhaps for want of memory" if name == "SIGKILL" else ""
    return f"was ended by {name}{memory}"


def _end(worker: _Worker) -> None:
    """Close the pipe, which a living worker takes as the end, and wait for it."""
    worker.pipe.close()
    worker.process.join()


def _work(pipe: Connection, inherited: Sequence[Connection]) -> None:
    """A worker's life: take files, check them, answer; until nobody is there to ask."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started us stops us
    for other in inherited:  # held open here, they would hide the end of who started us
        other.close()
    examiner = Examiner()
    while True:
        try:
            targets = json.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            return
        answers: list[object] | str = []
        try:
            found = [examiner.examine(job_of(target)) for target in targets]
            answers = [
                [packed(row), None if digest is None else digest.hex(), stamp]
                for row, digest, stamp in found
            ]
        except Exception:  # a defect of ours; it is raised again where it can be seen
            answers = traceback.format_exc()
        try:
            pipe.send_bytes(json.dumps(answers).encode("ascii"))
        except OSError:
            return
