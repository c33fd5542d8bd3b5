"""Rule packs: found by one entry point group, without importing anything."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import cache

GROUP = "lossfix.rules"
"""A pack's entry point names a sequence of rules."""


def packs() -> Mapping[str, str]:
    """Entry points of the group, name -> "module:attribute", from what is installed on sys.path.

    The files are read as the entry points specification has them: `importlib.metadata` does the
    same, and importing it takes as long as all the rest of a check.
    """
    return _packs_on(tuple(sys.path))


@cache
def _packs_on(folders: tuple[str, ...]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for folder in dict.fromkeys(folders):
        for entry in _listed(folder):
            if entry.endswith((".dist-info", ".egg-info")):
                found = {**_group_in(os.path.join(folder, entry, "entry_points.txt")), **found}
    return found


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder or ".")
    except OSError:
        return []


def _group_in(path: str) -> Mapping[str, str]:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError:
        return {}
    _, found, rest = text.partition(f"[{GROUP}]")
    lines = rest.partition("\n[")[0].splitlines() if found else []
    pairs = [line.partition("=") for line in lines if "=" in line]
    return {name.strip(): value.strip() for name, _, value in pairs}
