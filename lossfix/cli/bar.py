"""The bar of a migration: steps with counts and time left, on a terminal's stderr alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_DOING = {"plan": "planning", "verify": "verifying", "apply": "writing"}


class Quiet:
    """What a migration tells, where nobody looks."""

    def begin(self, step: str, total: int) -> None:
        """Says nothing."""

    def done(self, path: str) -> None:
        """Says nothing."""


class Bar(Quiet):
    """The same, shown."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def begin(self, step: str, total: int) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(_DOING[step], total=total)

    def done(self, path: str) -> None:
        if self._task is not None:
            self._progress.advance(self._task)


@contextmanager
def bar() -> Iterator[Quiet]:
    """What to tell; it shows itself on a terminal and is gone at the end."""
    if not sys.stderr.isatty():
        yield Quiet()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Bar(progress)
