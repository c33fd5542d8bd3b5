"""The program that an answer rests on: lossfix's own source and the rule packs.

It is told by the path, time and size of every source file, and nothing is imported for it. A pack
is the top package that its entry point names; what else a pack may import is not looked at.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator

import lossfix
from lossfix.cache.stamps import digest_of
from lossfix.rules.packs import packs


def program_digest() -> bytes | None:
    """Of lossfix, its rule packs and this Python; None where the source is in no folder."""
    found = [sys.version, *(f"{name}={pack}" for name, pack in sorted(packs().items()))]
    try:
        for path in sources():
            told = os.stat(path)
            found.append(f"{path} {told.st_mtime_ns} {told.st_size}")
    except OSError:
        return None
    return digest_of(os.fsencode("\n".join(found)))


def sources() -> Iterator[str]:
    """Every source file of lossfix and of the rule packs. Raises OSError."""
    yield from _under(os.path.dirname(lossfix.__file__))
    for _, reference in sorted(packs().items()):
        for place in _places(reference.partition(":")[0]):
            yield from _under(place)


def _places(module: str) -> list[str]:
    """The folders of a module's top package, below any namespace; its one file where it has none.

    An entry point of a module that is not there has no place; loading it will say so.
    """
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        try:
            spec = importlib.util.find_spec(".".join(parts[:depth]))
        except (ImportError, ValueError):
            return []
        if spec is None:
            return []
        if spec.origin is not None:
            return list(spec.submodule_search_locations or [spec.origin])
    return []


def _under(place: str) -> Iterator[str]:
    """The file itself, or every source file in a folder. Raises OSError."""
    if not os.path.isdir(place):
        yield place
        return
    with os.scandir(place) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.endswith(".py"):
                yield entry.path
            elif entry.name != "__pycache__" and entry.is_dir():
                yield from _under(entry.path)
