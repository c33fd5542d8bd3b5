"""Checking many files: what is known is recalled, the rest is checked, by several processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lossfix.cache.recall import opened
from lossfix.report.rows import FileRow

if TYPE_CHECKING:
    from lossfix.examine import Examined

Target = tuple[str, str | None]  # path, and the one function to look at
_LITTLE = 300_000  # bytes that one process checks before others have started


def check_many(
    targets: Sequence[Target],
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    *,
    config: str = "",
    jobs: int | None = None,
    step: Callable[[str], None] | None = None,
) -> list[FileRow]:
    """A row for each target, in their order, whatever the number of processes.

    `config` stands for whatever else the rows rest on, `jobs` is the number of processes (by
    default one for little, else one a processor), and `step` is told each file that is checked.
    Raises RuleError where the names select no rule; LossfixError where no process can be started.
    """
    cache = opened(select, ignore, config)
    rows: list[FileRow | None] = [None] * len(targets)
    if cache:
        rows = cache.known(targets)
    missing = [number for number, row in enumerate(rows) if row is None]
    if missing or not targets:  # what is known was found with these very rules
        found = _examined([targets[n] for n in missing], select, ignore, jobs, step)
        try:
            for number, (row, digest, stamp) in found:
                rows[missing[number]] = row
                if cache and digest is not None:
                    cache.keep(row, targets[missing[number]][1], digest, stamp)
        finally:
            found.close()
            if cache:
                cache.save()
    elif cache:
        cache.save()
    return [row for row in rows if row is not None]


def _examined(
    targets: Sequence[Target],
    select: Sequence[str],
    ignore: Sequence[str],
    jobs: int | None,
    step: Callable[[str], None] | None,
) -> Generator[tuple[int, Examined], None, None]:
    from lossfix.examine import examine
    from lossfix.rules.registry import selected

    rules = selected(select, ignore)
    if jobs is None and not _is_little(targets):
        from lossfix.workers import default_jobs

        jobs = default_jobs()
    jobs = min(jobs or 1, len(targets))
    if jobs > 1:
        from lossfix.workers import shared_out

        for number, found in shared_out(targets, select, ignore, jobs):
            if step is not None:
                step(found.row.path)
            yield number, found
        return
    for number, (path, function) in enumerate(targets):
        if step is not None:
            step(path)
        yield number, examine(Path(path), rules, function)


def _is_little(targets: Sequence[Target]) -> bool:
    total = 0
    for path, _ in targets:
        try:
            total += os.path.getsize(path)
        except OSError:
            continue
        if total > _LITTLE:
            return False
    return True
