"""Cells: the code of a notebook joined to one module, and a changed module split up again.

Names that earlier cells define count in later ones, as they do where cells run in order. A comment
stands at the head of each cell, so that the cells are found again. Lines that are IPython's and
not Python's (`%matplotlib inline`, `!pip install x`, `x = !ls`, `x?`) become statements that bind
the same names; cells in another language (`%%bash`) stand in no module.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

_OF_PYTHON = frozenset("capture memit mprun prun time timeit".split())
"""The cell magics whose cell is Python."""
_LINE_MAGIC = re.compile(r"\s*[%!?]|.*\?\s*$|\s*[^\W\d][\w\s,.]*=\s*[%!]", re.DOTALL)
_BINDS = re.compile(r"\s*(?P<names>[^\W\d][\w\s,.]*?)\s*=\s*[%!]")
_CELL_MAGIC = re.compile(r"\s*%%(?P<name>\w*)")
_INDENT = re.compile(r"[ \t]*")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")


class CellError(ValueError):
    """A cell that is no Python: its number, the line in it, and what the parser says."""

    def __init__(self, cell: int, line: int, message: str) -> None:
        self.cell = cell
        self.line = line
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class _Part:
    """What the module keeps of one cell.

    `prefix` is the text above it that is not in the module, `hidden` the lines that placeholders
    stand for, `ended` whether the newline at its end is the cell's own.
    """

    cell: int
    body: str
    prefix: str
    hidden: tuple[str, ...]
    ended: bool


@dataclass(frozen=True)
class Joined:
    """The module of a notebook. Cells are numbered by the caller, lines from 1."""

    text: str
    _parts: tuple[_Part, ...]
    _heads: tuple[int, ...]  # the lines that the cells' marks stand in
    _mark: str

    def place(self, line: int) -> tuple[int, int]:
        """The cell that a line of the module stands in, and the line there."""
        index = max(bisect_right(self._heads, line) - 1, 0)
        if not self._parts:
            return 0, line
        part = self._parts[index]
        return part.cell, max(line - self._heads[index], 1) + part.prefix.count("\n")

    def line(self, cell: int, line: int) -> int | None:
        """The module's line for a line of a cell; None where the module does not have it."""
        for head, part in zip(self._heads, self._parts, strict=True):
            inside = line - part.prefix.count("\n")
            if part.cell == cell and inside >= 1:
                return head + inside
        return None

    def split(self, module: str) -> dict[int, str]:
        """The new text of each cell that `module`, a changed text, changes.

        Raises ValueError where a cell's mark or an IPython line is not in it exactly once.
        """
        pieces = re.split(rf"^{re.escape(self._mark)} (\d+)\n", module, flags=re.MULTILINE)
        above, numbers, bodies = pieces[0], pieces[1::2], pieces[2::2]
        if numbers != [str(part.cell) for part in self._parts]:
            raise ValueError("the cells of the notebook cannot be told apart any more")
        if bodies:
            bodies[0] = above + bodies[0]
        new: dict[int, str] = {}
        for part, body in zip(self._parts, bodies, strict=True):
            if body != part.body:
                text = part.prefix + self._shown(part, body)
                new[part.cell] = text if part.ended else text.removesuffix("\n")
        return new

    def _shown(self, part: _Part, body: str) -> str:
        """The body with IPython's lines where their placeholders stand."""
        found: list[int] = []

        def shown(match: re.Match[str]) -> str:
            found.append(int(match["number"]))
            return part.hidden[found[-1]]

        token = rf"^.*{re.escape(self._mark)} line (?P<number>\d+)\n"
        text = re.sub(token, shown, body, flags=re.MULTILINE)
        if found != list(range(len(part.hidden))):
            raise ValueError("a line for IPython would be lost")
        return text


def join(cells: Sequence[tuple[int, str]]) -> Joined:
    """The module of code cells, each given with its number. Raises CellError."""
    mark = "# %%"
    while any(mark in text for _, text in cells):
        mark += "%"
    parts = [part for cell, text in cells if (part := _part(cell, text, mark)) is not None]
    pieces: list[str] = []
    heads: list[int] = []
    line = 1
    for part in parts:
        heads.append(line)
        pieces.append(f"{mark} {part.cell}\n{part.body}")
        line += 1 + part.body.count("\n")
    return Joined("".join(pieces), tuple(parts), tuple(heads), mark)


def _part(cell: int, text: str, mark: str) -> _Part | None:
    """None for a cell in another language. Raises CellError."""
    lines = _LINES.findall(text)
    prefix = ""
    first = next((index for index, line in enumerate(lines) if line.strip()), 0)
    magic = _CELL_MAGIC.match(lines[first]) if lines else None
    if magic is not None:
        if magic["name"] not in _OF_PYTHON:
            return None
        prefix = "".join(lines[: first + 1])
        lines = lines[first + 1 :]
        if not prefix.endswith("\n"):
            return None
    ended = not lines or lines[-1].endswith("\n")
    if not ended:
        lines[-1] += "\n"
    hidden = _hide(cell, lines, prefix.count("\n"), mark)
    return _Part(cell, "".join(lines), prefix, hidden, ended)


def _hide(cell: int, lines: list[str], above: int, mark: str) -> tuple[str, ...]:
    """Puts placeholders where the parser meets IPython's lines, and gives those lines."""
    hidden: dict[int, str] = {}
    while True:
        try:
            ast.parse("".join(lines))
            break
        except (SyntaxError, ValueError) as error:
            at = getattr(error, "lineno", None) or 1
            message = getattr(error, "msg", None) or str(error)
        open_ = [n for n, text in enumerate(lines) if n not in hidden and _LINE_MAGIC.match(text)]
        if not open_:
            raise CellError(cell, at + above, message)
        number = max((n for n in open_ if n < at), default=open_[0])
        indent = _INDENT.match(lines[number])
        while number < len(lines):
            hidden[number] = lines[number]
            lines[number] = _placeholder(lines[number], indent.group() if indent else "")
            number += 1
            if not hidden[number - 1].rstrip().endswith("\\"):
                break
    for order, number in enumerate(sorted(hidden)):
        lines[number] = f"{lines[number][:-1]}  {mark} line {order}\n"
    return tuple(hidden[number] for number in sorted(hidden))


def _placeholder(line: str, indent: str) -> str:
    """A statement that binds what the line binds."""
    binds = _BINDS.match(line)
    return f"{indent}{binds['names']} = ipython_line()\n" if binds else f"{indent}pass\n"
