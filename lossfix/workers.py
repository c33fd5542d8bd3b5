"""Worker processes for many files: each takes a few at a time, and its death costs one file.

What is to be done with a file travels as JSON, and so does what came of it. A worker that dies has
its files done again one by one, so that the one it dies of is known; no other is held up.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, NamedTuple

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


class Death(NamedTuple):
    """In place of an answer: how the process ended that worked on this item alone."""

    how: str


Make = Callable[[], AbstractContextManager[Callable[[Any], Any]]]
"""Called once in each worker; gives what turns one item into its answer, both plain JSON."""


def shared_out(targets: Sequence[Job], jobs: int) -> Iterator[tuple[int, Examined]]:
    """Each target's number with what came of it, in no order; the workers end with the iterator.

    Raises LossfixError where no process can be started.
    """
    sizes = [_size(target.path) for target in targets]
    for number, answer in handed_out(targets, sizes, jobs, _examining):
        path = targets[number].path
        if isinstance(answer, Death):
            reason = f"{path}: the process that checked it {answer.how}"
            row = FileRow(path, State.FAILED, f"{reason}; run again on this file alone")
            yield number, Examined(row, None, "")
        else:
            row, digest, stamp = answer
            yield number, Examined(unpacked(row, path), _bytes(digest), stamp)


@contextmanager
def _examining() -> Iterator[Callable[[Any], Any]]:
    examiner = Examiner()

    def examine(item: Any) -> Any:
        row, digest, stamp = examiner.examine(job_of(item))
        return [packed(row), None if digest is None else digest.hex(), stamp]

    yield examine


def handed_out(
    items: Sequence[Any], sizes: Sequence[int], jobs: int, make: Make
) -> Generator[tuple[int, Any], None, None]:
    """Each item's number with its answer, or a Death; in no order. Workers end with the iterator.

    `sizes` are the bytes that each item stands for. Raises LossfixError where no process can be
    started, and RuntimeError with a worker's traceback for a defect.
    """
    chunks = _chunks(sizes)
    workers: list[_Worker] = []
    try:
        while chunks or workers:
            while chunks and len(workers) < jobs:
                with _uninterrupted():  # a worker is on the list, or there is none
                    workers.append(_start(workers, make))
                _hand_out(workers[-1], items, chunks.pop())
            for pipe in wait([worker.pipe for worker in workers]):
                worker = next(worker for worker in workers if worker.pipe is pipe)
                try:
                    answers = _received(worker)
                except (EOFError, OSError):
                    workers.remove(worker)
                    answers = _bury(worker, chunks)
                else:
                    if chunks:
                        _hand_out(worker, items, chunks.pop())
                    else:
                        workers.remove(worker)
                        _end(worker)
                yield from answers
    finally:
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            _end(worker)


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def _chunks(sizes: Sequence[int]) -> list[Chunk]:
    """Numbers of items in handfuls, the largest last, from where they are taken."""
    chunks: list[tuple[int, Chunk]] = []
    for number, size in enumerate(sizes):
        if chunks and chunks[-1][0] + size <= _CHUNK_BYTES and len(chunks[-1][1]) < _CHUNK_FILES:
            chunks[-1] = (chunks[-1][0] + size, [*chunks[-1][1], number])
        else:
            chunks.append((size, [number]))
    return [chunk for _, chunk in sorted(chunks, key=lambda sized: sized[0])]


def _start(others: Sequence[_Worker], make: Make) -> _Worker:
    context = _context()
    ours, theirs = context.Pipe()
    forks = context.get_start_method() == "fork"
    inherited = [ours, *(other.pipe for other in others)] if forks else []
    process = context.Process(target=_work, args=(theirs, inherited, make), daemon=True)
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


def _hand_out(worker: _Worker, items: Sequence[Any], chunk: Chunk) -> None:
    worker.chunk = chunk
    try:
        worker.pipe.send_bytes(json.dumps([items[number] for number in chunk]).encode("ascii"))
    except OSError:  # it died; waiting for its answer says so
        return


def _received(worker: _Worker) -> list[tuple[int, Any]]:
    """A worker's answers. Raises EOFError or OSError where it died, RuntimeError for a defect."""
    answers = json.loads(worker.pipe.recv_bytes())
    if isinstance(answers, str):
        raise RuntimeError(answers)
    return list(zip(worker.chunk, answers, strict=True))


def _bytes(digest: str | None) -> bytes | None:
    return None if digest is None else bytes.fromhex(digest)


def _bury(worker: _Worker, chunks: list[Chunk]) -> list[tuple[int, Any]]:
    """Do a dead worker's items again one by one; an item alone is what it died of."""
    _end(worker)
    if len(worker.chunk) > 1:
        chunks.extend([number] for number in reversed(worker.chunk))
        return []
    return [(worker.chunk[0], Death(_death(worker.process.exitcode)))]


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


def _work(pipe: Connection, inherited: Sequence[Connection], make: Make) -> None:
    """A worker's life: take items, do them, answer; until nobody is there to ask."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started us stops us
    for other in inherited:  # held open here, they would hide the end of who started us
        other.close()
    with make() as do:
        while True:
            try:
                items = json.loads(pipe.recv_bytes())
            except (EOFError, OSError):
                return
            try:
                answers: list[Any] | str = [do(item) for item in items]
            except Exception:  # a defect of ours; it is raised again where it can be seen
                answers = traceback.format_exc()
            try:
                pipe.send_bytes(json.dumps(answers).encode("ascii"))
            except OSError:
                return
