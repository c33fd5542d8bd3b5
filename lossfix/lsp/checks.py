"""Checks: each open text is checked off the loop, the newest one only."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lossfix.editing.recheck import Checked, Noted, Rechecker
from lossfix.graph.packages import Packages
from lossfix.lsp.options import Applied, Configurations
from lossfix.lsp.places import Subject
from lossfix.report.rows import FileRow, State
from lossfix.rules.operands import forget_operands
from lossfix.source.text import Text

_T = TypeVar("_T")
_COLLECT_EVERY = 25  # checks: what each leaves behind holds a whole tree


class Superseded(Exception):
    """A newer text is being checked instead."""


@dataclass(frozen=True)
class Current:
    """What is known of one version of a document."""

    version: int | None
    generation: int  # of the configuration
    applied: Applied
    checked: Checked


class Checks:
    """The checkers of all open documents, by their addresses, and the one thread they run in."""

    def __init__(self, configurations: Configurations) -> None:
        self.configurations = configurations
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lossfix-check")
        self._packages = Packages()
        self._checkers: dict[str, Rechecker] = {}
        self._current: dict[str, Current] = {}
        self._running: dict[str, tuple[tuple[int | None, int], asyncio.Future[Current]]] = {}
        self._wanted: dict[str, tuple[int | None, int]] = {}
        self._count = 0
        gc.disable()

    async def run(self, work: Callable[[], _T]) -> _T:
        """Do something else in the thread that checks run in."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def current(self, document: Subject) -> Current:
        """What is known of the document as it stands. Raises Superseded where it moves on."""
        uri, version = str(document.uri), document.version
        text, path = document.text.content, str(document.path)
        applied = self.configurations.for_path(path)
        generation = self.configurations.generation
        known = self._current.get(uri)
        if known is not None and known.version == version and known.generation == generation:
            return known
        running = self._running.get(uri)
        if running is None or running[0] != (version, generation):
            self._wanted[uri] = (version, generation)
            if running is not None:
                running[1].cancel()  # one that waits for the thread is dropped
            future = asyncio.ensure_future(
                self.run(lambda: self._check(uri, path, text, version, generation, applied))
            )
            self._running[uri] = running = ((version, generation), future)
        try:
            found = await asyncio.shield(running[1])
        except asyncio.CancelledError:
            if running[1].cancelled():
                raise Superseded from None
            raise
        if self._running.get(uri) is running:
            del self._running[uri]
        if document.version != version:
            raise Superseded
        return found

    def _check(
        self,
        uri: str,
        path: str,
        text: str,
        version: int | None,
        generation: int,
        applied: Applied,
    ) -> Current:
        if self._wanted.get(uri) != (version, generation):
            raise Superseded
        checker = self._checkers.get(uri)
        if checker is None:
            checker = self._checkers[uri] = Rechecker(Path(path), self._packages)
        checked = checker.check(text, applied.rules, applied.config.roles)
        checked = _without_known(checked, path, applied)
        found = Current(version, generation, applied, checked)
        self._current[uri] = found
        self._count += 1
        if self._count % _COLLECT_EVERY == 0:
            forget_operands()
            gc.collect()
        return found

    def close(self, uri: str) -> None:
        """Drop what is known of a document that was closed."""
        self._checkers.pop(uri, None)
        self._wanted.pop(uri, None)
        self._current.pop(uri, None)

    def forget_files(self) -> None:
        """Other files changed: what rests on them is worked out anew."""
        self._packages = Packages()
        for checker in self._checkers.values():
            checker.packages = self._packages
            checker.forget()
        self._current.clear()

    def forget_answers(self) -> None:
        self._current.clear()

    def stop(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)


def _without_known(checked: Checked, path: str, applied: Applied) -> Checked:
    """Without the findings that the configured baseline knows."""
    place = applied.config.baseline
    if place is None or not checked.findings:
        return checked
    from dataclasses import replace

    from lossfix.baseline import read_baseline, without_known
    from lossfix.errors import ConfigError

    try:
        left = read_baseline(place)
    except ConfigError:
        return checked  # shown is better than hidden
    rows = tuple(noted.row for noted in checked.findings)
    row = FileRow(path, State.FINDINGS, findings=rows)
    known = {
        id(each)
        for each in without_known(row, left, os.path.dirname(place), Text(checked.text)).known
    }
    kept: list[Noted] = [noted for noted in checked.findings if id(noted.row) not in known]
    return replace(checked, findings=tuple(kept))
