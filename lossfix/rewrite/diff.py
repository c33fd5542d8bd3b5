"""Diffs: unified, as `git apply` and `patch -p1` take them."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from pathlib import Path

from lossfix.source.text import Span, Text

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


def changes(before: str, after: str) -> Iterator[tuple[Span, str]]:
    """The lines of `before` that `after` has otherwise, each run with what stands there instead.

    Spans begin and end where lines do. Lines end at LF, CR LF or CR alone.
    """
    old, new = Text(before), Text(after)
    ours, theirs = _texts(old), _texts(new)
    head = 0
    while head < min(len(ours), len(theirs)) and ours[head] == theirs[head]:
        head += 1
    tail = 0
    while tail < min(len(ours), len(theirs)) - head and ours[-1 - tail] == theirs[-1 - tail]:
        tail += 1
    middle = difflib.SequenceMatcher(
        None, ours[head : len(ours) - tail], theirs[head : len(theirs) - tail], autojunk=False
    )
    starts = [*old.line_starts, len(before)]
    for kind, i1, i2, j1, j2 in middle.get_opcodes():
        if kind != "equal":
            text = "".join(theirs[head + j1 : head + j2])
            yield Span(starts[head + i1], starts[head + i2]), text


def _texts(text: Text) -> list[str]:
    """The lines with their endings; the last one may be empty."""
    return [text.line(number) for number in range(1, len(text.line_starts) + 1)]
