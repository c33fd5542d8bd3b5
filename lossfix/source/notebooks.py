"""Notebooks: the source of code cells read from the JSON text, and put back into it.

Only the JSON text of a changed line changes; every other byte stays, outputs and indent too.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lossfix.errors import SourceError
from lossfix.source.cells import CellError, Joined, join
from lossfix.source.text import Span

PYTHONS = frozenset({"python", "python2", "python3", "ipython"})
_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()
_LINES = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell: its place among all cells, from 1, its source, and where the JSON has it."""

    number: int
    source: str
    span: Span  # of the JSON value
    as_list: bool


@dataclass(frozen=True)
class Notebook:
    """A notebook's JSON text, its code cells, and the language that they are in."""

    raw: str
    cells: tuple[Cell, ...]
    language: str = "python"

    @cached_property
    def joined(self) -> Joined:
        """The cells as one module. Raises CellError."""
        return join([(cell.number, cell.source) for cell in self.cells])

    def with_module(self, module: str) -> str:
        """The JSON text in which the cells are those of a changed module. Raises ValueError."""
        return self.with_cells(self.joined.split(module))

    def with_cells(self, new: Mapping[int, str]) -> str:
        """The JSON text with these cells' source."""
        pieces: list[str] = []
        done = 0
        for cell in self.cells:
            if new.get(cell.number, cell.source) != cell.source:
                pieces += [self.raw[done : cell.span.start], self._value(cell, new[cell.number])]
                done = cell.span.end
        return "".join([*pieces, self.raw[done:]])

    def _value(self, cell: Cell, source: str) -> str:
        """The JSON of a source; of its lines, those that stay keep their text."""
        old = self.raw[cell.span.start : cell.span.end]
        if not cell.as_list:
            return _quoted(source, old)
        spans = list(_elements(old, 0))
        values: list[str] = [_DECODER.raw_decode(old, span.start)[0] for span in spans]
        kept = [old[span.start : span.end] for span in spans]
        lines = _LINES.findall(source)
        texts: list[str] = []
        matcher = difflib.SequenceMatcher(None, values, lines, autojunk=False)
        for tag, i1, i2, j1, j2 in matcher.get_opcodes():
            texts += kept[i1:i2] if tag == "equal" else [_quoted(x, old) for x in lines[j1:j2]]
        if not spans:
            return f"[{', '.join(texts)}]"
        between = (
            old[spans[0].end : spans[1].start] if len(spans) > 1 else f",{old[1:spans[0].start]}"
        )
        return f"{old[: spans[0].start]}{between.join(texts)}{old[spans[-1].end :]}"


def read_notebook(raw: str) -> Notebook:
    """The notebook in a JSON text. Raises ValueError, with a JSON parser's words, for any other."""
    cells: list[Cell] = []
    metadata: Any = {}
    known = False
    for key, start in _members(raw, _SPACE.match(raw).end()):  # type: ignore[union-attr]
        if key == "cells":
            known = True
            cells = list(_code_cells(raw, start))
        elif key == "metadata":
            metadata = _DECODER.raw_decode(raw, start)[0]
    if not known:
        raise ValueError("has no cells; notebooks before format 4 are not read")
    return Notebook(raw, tuple(cells), _language(metadata))


def notebook_at(path: Path, raw: str) -> Notebook:
    """The notebook in a file's text, its cells joined. Raises SourceError."""
    try:
        notebook = read_notebook(raw)
        _ = notebook.joined
    except CellError as error:
        where = f"cell {error.cell}, line {error.line}"
        raise SourceError(str(path), f"{where}: syntax error: {error}") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise SourceError(str(path), f"is no notebook that can be read: {error}") from None
    return notebook


def _language(metadata: Any) -> str:
    for part, key in (("language_info", "name"), ("kernelspec", "language")):
        named = metadata.get(part) if isinstance(metadata, dict) else None
        if isinstance(named, dict) and isinstance(named.get(key), str):
            return str(named[key]).lower()
    return "python"


def _code_cells(raw: str, start: int) -> Iterator[Cell]:
    for number, span in enumerate(_elements(raw, start), 1):
        kind: Any = None
        found: Span | None = None
        for key, at in _members(raw, span.start):
            if key == "cell_type":
                kind = _DECODER.raw_decode(raw, at)[0]
            elif key == "source":
                found = Span(at, _DECODER.raw_decode(raw, at)[1])
        if kind == "code" and found is not None:
            value = _DECODER.raw_decode(raw, found.start)[0]
            as_list = isinstance(value, list)
            yield Cell(number, "".join(value) if as_list else str(value), found, as_list)


def _members(raw: str, start: int) -> Iterator[tuple[str, int]]:
    """The keys of a JSON object and where their values start."""
    if raw[start : start + 1] != "{":
        raise ValueError("is not made of JSON objects")
    at = _skip(raw, start + 1)
    while raw[at : at + 1] == '"':
        key, at = _DECODER.raw_decode(raw, at)
        at = _skip(raw, at)
        if raw[at : at + 1] != ":":
            raise ValueError(f"wants a ':' at character {at}")
        at = _skip(raw, at + 1)
        yield key, at
        at = _next(raw, at, "}")
    if raw[at : at + 1] != "}":
        raise ValueError(f"wants a key or the end of an object at character {at}")


def _elements(raw: str, start: int) -> Iterator[Span]:
    """The spans of the values in a JSON array."""
    if raw[start : start + 1] != "[":
        raise ValueError("has cells that are no list")
    at = _skip(raw, start + 1)
    while raw[at : at + 1] not in ("]", ""):
        end = _DECODER.raw_decode(raw, at)[1]
        yield Span(at, end)
        at = _next(raw, at, "]", end)


def _next(raw: str, at: int, closing: str, end: int | None = None) -> int:
    """Where the next key or value starts, or the closing bracket stands."""
    at = _skip(raw, _DECODER.raw_decode(raw, at)[1] if end is None else end)
    if raw[at : at + 1] == ",":
        return _skip(raw, at + 1)
    if raw[at : at + 1] != closing:
        raise ValueError(f"wants a ',' or a '{closing}' at character {at}")
    return at


def _skip(raw: str, at: int) -> int:
    found = _SPACE.match(raw, at)
    return found.end() if found else at


def _quoted(text: str, like: str) -> str:
    """The JSON of a string; other letters than ASCII's are escaped where `like` escapes them."""
    return json.dumps(text, ensure_ascii=like.isascii() and "\\u" in like)
