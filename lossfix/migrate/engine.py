"""Engines: what carries tasks to processes and brings answers back, in no order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import Any, Protocol

from lossfix.migrate.tasks import VERIFY, Setup, Task, at_work
from lossfix.workers import default_jobs, handed_out

_ALONE = 1_000_000  # bytes that a task counts for where a worker is to take it alone
_LITTLE = 20  # tasks that one process plans before another has started


class Engine(Protocol):
    """Runs tasks; the driver that asks is the only one that writes."""

    def run(self, tasks: Sequence[Task], sizes: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """Each task's number with its answer, or a Death where its process died of it.

        `sizes` are the files' bytes. Closing the iterator ends what is under way.
        """
        ...


class Pool:
    """Processes on this machine: by default one a processor where there is enough to do."""

    def __init__(self, setup: Setup, jobs: int | None = None) -> None:
        self.setup = setup
        self.jobs = jobs

    def run(self, tasks: Sequence[Task], sizes: Sequence[int]) -> Iterator[tuple[int, Any]]:
        verifying = any(task.step == VERIFY for task in tasks)
        jobs = self.jobs or (default_jobs() if verifying or len(tasks) > _LITTLE else 1)
        weights = [
            _ALONE if task.step == VERIFY else size for task, size in zip(tasks, sizes, strict=True)
        ]
        make = partial(at_work, self.setup)
        with closing(handed_out(tasks, weights, min(jobs, len(tasks)), make)) as answers:
            yield from answers
