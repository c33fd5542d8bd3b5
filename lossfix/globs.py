"""Globs of a configuration: paths below the folder of the file that they were written in.

`*` and `?` stay within one part of a path, `**` crosses any number of them. A glob without a slash
is a name at any depth. What stands in a folder that matches, matches.
"""

from __future__ import annotations

import os
import re
from functools import cache
from typing import NamedTuple

_PART = r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]|[^*?\[]+|\["  # compiled where a glob is


class Glob(NamedTuple):
    """A pattern, and the absolute folder that it is relative to."""

    folder: str
    pattern: str

    def matches_entry(self, path: str) -> bool:
        """Whether it matches an absolute path itself."""
        below = _below(path, self.folder)
        return below is not None and _matches(self.pattern, below)

    def matches(self, path: str) -> bool:
        """Whether it matches an absolute path, or a folder that the path is in."""
        below = _below(path, self.folder)
        if below is None:
            return False
        parts = below.split("/")
        return any(_matches(self.pattern, "/".join(parts[:n])) for n in range(1, len(parts) + 1))


def well_formed(pattern: str) -> bool:
    """Whether a pattern can be matched at all: `[z-a]` cannot."""
    try:
        _compiled(pattern)
    except re.error:
        return False
    return True


def _below(path: str, folder: str) -> str | None:
    """The path as it is seen from the folder, with slashes; None where it is not in it."""
    start = folder.rstrip(os.sep) + os.sep
    return path[len(start) :].replace(os.sep, "/") if path.startswith(start) else None


def _matches(pattern: str, below: str) -> bool:
    regex, anchored = _compiled(pattern)
    return regex.fullmatch(below if anchored else below.rpartition("/")[2]) is not None


@cache
def _compiled(pattern: str) -> tuple[re.Pattern[str], bool]:
    """The pattern as a regular expression, and whether it is one of whole paths."""
    bare = pattern.removeprefix("./").rstrip("/")
    parts = (_translated(part) for part in re.findall(_PART, bare.lstrip("/")))
    return re.compile("".join(parts), re.DOTALL), "/" in bare


def _translated(part: str) -> str:
    if part == "**/":
        return "(?:[^/]+/)*"
    if part == "**":
        return ".*"
    if part == "*":
        return "[^/]*"
    if part == "?":
        return "[^/]"
    if part.startswith("[") and len(part) > 2:
        inner = part[1:-1].replace("\\", r"\\").replace("[", r"\[")
        return f"[^/{inner[1:]}]" if inner.startswith("!") else f"[{inner}]"
    return re.escape(part)
