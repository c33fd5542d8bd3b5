"""Positions in a text: offsets in code points, lines and columns as Python's parser counts them."""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, count
from operator import add

_NEWLINE = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open range of code-point offsets into one text."""

    start: int
    end: int

    def covers(self, other: Span) -> bool:
        return self.start <= other.start and other.end <= self.end

    def overlaps(self, other: Span) -> bool:
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Position:
    """A place as a person reads it: line and column, both 1-based, the column in code points."""

    line: int
    column: int


@dataclass(frozen=True)
class Text:
    """A text with its line starts; lines end at LF, CR LF or CR alone, and nowhere else."""

    content: str

    @cached_property
    def line_starts(self) -> list[int]:
        if "\r" not in self.content:
            ends = accumulate(map(len, self.content.split("\n")[:-1]))
            return [0, *map(add, ends, count(1))]  # each newline is one more
        return [0, *(m.end() for m in _NEWLINE.finditer(self.content))]

    @cached_property
    def newline(self) -> str:
        """The first line ending of the text, LF where there is none."""
        found = _NEWLINE.search(self.content)
        return found.group() if found else "\n"

    def position(self, offset: int) -> Position:
        line = bisect_right(self.line_starts, offset)
        return Position(line, offset - self.line_starts[line - 1] + 1)

    def line(self, number: int) -> str:
        """Line `number` (1-based) with its ending."""
        start = self.line_starts[number - 1]
        end = self.line_starts[number] if number < len(self.line_starts) else len(self.content)
        return self.content[start:end]

    def lines(self, first: int, last: int) -> str:
        """Lines `first` to `last` (1-based, both included)."""
        end = self.line_starts[last] if last < len(self.line_starts) else len(self.content)
        return self.content[self.line_starts[first - 1] : end]

    def offset(self, line: int, byte_column: int) -> int:
        """The offset of an `ast` position: 1-based line, 0-based column in UTF-8 bytes."""
        start = self.line_starts[line - 1]
        if self.content.isascii():
            return start + byte_column
        return start + len(self.line(line).encode("utf-8")[:byte_column].decode("utf-8"))

    def span(self, node: ast.expr | ast.stmt) -> Span:
        """The range that `node` takes, without parentheses around it."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return Span(
            self.offset(node.lineno, node.col_offset),
            self.offset(node.end_lineno, node.end_col_offset),
        )

    def slice(self, span: Span) -> str:
        return self.content[span.start : span.end]
