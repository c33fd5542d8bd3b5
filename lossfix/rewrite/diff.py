"""Diffs: unified, as `git apply` and `patch -p1` take them."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

_CONTEXT = 3
_NO_NEWLINE = "\\ No newline at end of file\n"


def unified_diff(before: str, after: str, path: Path) -> str:
    """The change of one file; empty where there is none. Line endings are kept as they are."""
    if before == after:
        return ""
    name = shown_path(path)
    lines = difflib.unified_diff(
        _lines(before), _lines(after), f"a/{name}", f"b/{name}", n=_CONTEXT, lineterm="\n"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}" for line in lines)


def _lines(text: str) -> list[str]:
    """Lines as diff counts them: they end at LF and nowhere else."""
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def shown_path(path: Path) -> str:
    """Relative to the working folder where the file lies below it, with forward slashes."""
    absolute = Path(os.path.abspath(path))
    try:
        return absolute.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return absolute.as_posix().lstrip("/")
