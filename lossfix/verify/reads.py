"""Which files a verdict rests on: those that Python opens while a loss is loaded and run."""

from __future__ import annotations

import importlib.util
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_LOSSFIX = str(Path(__file__).resolve().parents[1])
_SYSTEM = ("/proc/", "/sys/", "/dev/")


class Reads:
    """Hears every file that is opened to read, and every module that is asked for, from now on.

    What is installed is left out, as its version tells what it is; and so is what stands in
    `scratch`. There is no way to stop: it is for a process that serves one request.
    """

    def __init__(self, scratch: str) -> None:
        installed = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}
        installed.update(p for p in sys.path if p.endswith(("site-packages", "dist-packages")))
        self._left_out = (*(f"{p}/" for p in installed if p), f"{_LOSSFIX}/", f"{scratch}/")
        self._scratch = scratch
        self._opened: set[str] = set()
        self._asked: set[str] = set()
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, str | bytes) and not flags & (os.O_WRONLY | os.O_RDWR):
                self._opened.add(os.fsdecode(path))
        elif event == "import":
            self._asked.add(str(arguments[0]))

    def paths(self, losses: tuple[str, ...]) -> list[str]:
        """Files that were read or looked for, there or not, for losses at these places."""
        found = {os.path.abspath(_source(path)) for path in self._opened.copy()}
        for place in losses:
            found.update(_initials(place))
            found.update(self._missing(os.path.dirname(place)))
        kept = (path for path in found if not path.startswith((*_SYSTEM, *self._left_out)))
        return sorted(path for path in kept if path not in losses)

    def _missing(self, folder: str) -> Iterator[str]:
        """Where a module that was asked for in vain might come to stand."""
        for name in self._asked.copy():
            if name not in sys.modules:
                stem = os.path.join(folder, *name.split("."))
                yield from (f"{stem}.py", os.path.join(stem, "__init__.py"))


def _source(path: str) -> str:
    """The source of what Python compiled, the path itself of anything else."""
    if not path.endswith(".pyc"):
        return path
    try:
        return importlib.util.source_from_cache(path)
    except (ValueError, NotImplementedError):
        return path


def _initials(place: str) -> Iterator[str]:
    """The `__init__.py` of every folder above, up to the first that has none, that one too."""
    folder = os.path.dirname(place)
    while True:
        initial = os.path.join(folder, "__init__.py")
        yield initial
        parent = os.path.dirname(folder)
        if parent == folder or not os.path.isfile(initial):
            return
        folder = parent
