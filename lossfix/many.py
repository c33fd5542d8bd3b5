"""Checking many files: what is known is recalled, the rest is checked, by several processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING

from lossfix.cache.recall import opened
from lossfix.job import Job
from lossfix.report.rows import FileRow

if TYPE_CHECKING:
    from lossfix.examine import Examined

_LITTLE = 300_000  # bytes that one process checks before others have started


def check_many(
    wanted: Sequence[Job],
    *,
    jobs: int | None = None,
    step: Callable[[str], None] | None = None,
) -> list[FileRow]:
    """A row for each job, in their order, whatever the number of processes.

    `jobs` is the number of processes (by default one for little, else one a processor), and `step`
    is told each file that is checked. Raises LossfixError where no process can be started.
    """
    cache = opened()
    rows: list[FileRow | None] = [None] * len(wanted)
    if cache:
        rows = cache.known(wanted)
    missing = [number for number, row in enumerate(rows) if row is None]
    if missing:
        found = _examined([wanted[n] for n in missing], jobs, step)
        try:
            for number, (row, digest, stamp) in found:
                rows[missing[number]] = row
                if cache and digest is not None:
                    cache.keep(row, wanted[missing[number]], digest, stamp)
        finally:
            found.close()
            if cache:
                cache.save()
    elif cache:
        cache.save()
    return [row for row in rows if row is not None]


def _examined(
    wanted: Sequence[Job], jobs: int | None, step: Callable[[str], None] | None
) -> Generator[tuple[int, Examined], None, None]:
    from lossfix.examine import Examiner

    if jobs is None and not _is_little(wanted):
        from lossfix.workers import default_jobs

        jobs = default_jobs()
    jobs = min(jobs or 1, len(wanted))
    if jobs > 1:
        from lossfix.workers import shared_out

        for number, found in shared_out(wanted, jobs):
            if step is not None:
                step(found.row.path)
            yield number, found
        return
    examiner = Examiner()
    for number, job in enumerate(wanted):
        if step is not None:
            step(job.path)
        yield number, examiner.examine(job)


def _is_little(wanted: Sequence[Job]) -> bool:
    total = 0
    for job in wanted:
        try:
            total += os.path.getsize(job.path)
        except OSError:
            continue
        if total > _LITTLE:
            return False
    return True
