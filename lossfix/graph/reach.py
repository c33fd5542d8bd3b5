"""Reach: whether a file can get hold of a framework at all."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lossfix.graph.names import BACKENDS, is_framework
from lossfix.graph.packages import Packages
from lossfix.source.imported import imports_in

_ASSIGNED = tuple(re.compile(rf"{name}(?<![\w.]{name})[\s\\)]*=(?!=)") for name in sorted(BACKENDS))
"""A value given to a name that means a backend; what a pattern begins with is found at once."""


def may_reach_framework(text: str, path: str, packages: Packages) -> bool:
    """Whether a file can reach a framework, by its text: what the parsed file reaches, or more."""
    if any(pattern.search(text) for pattern in _ASSIGNED):
        return True
    return leads_to_framework(imports_in(text), path, packages)


def leads_to_framework(imports: Iterable[tuple[str, str]], path: str, packages: Packages) -> bool:
    """Whether an import, as `bindings_of` has it, gives a framework or may give one.

    It may by a backend's usual name, by a star, and by what a file of the package hands on.
    """
    bound = tuple(imports)
    if any(local == "*" or local in BACKENDS or is_framework(name) for local, name in bound):
        return True
    names = dict.fromkeys(name for _, name in bound)
    return any(packages.hands_on_framework(path, name) for name in names)
