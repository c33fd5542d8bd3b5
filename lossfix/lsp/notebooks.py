"""Notebooks: the cells of an open one, checked as the one module that they make when run in order.

Findings are pushed cell by cell, to every client: few ask for those of cells.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.uris import to_fs_path

from lossfix.editing.recheck import Note, Noted
from lossfix.errors import LossfixError, RewriteError
from lossfix.lsp.checks import Superseded
from lossfix.lsp.diagnostics import diagnostics_of
from lossfix.lsp.documents import Document
from lossfix.lsp.places import Change, Sheet
from lossfix.rewrite.diff import changes
from lossfix.source.cells import CellError, Joined, join
from lossfix.source.text import Text

if TYPE_CHECKING:
    from lossfix.lsp.server import LossfixServer

PYTHON = "python"


@dataclass(frozen=True)
class Joint:
    """A notebook's Python cells as they are now, joined. Cells are numbered from 1."""

    uri: str
    path: str
    version: int
    text: Text
    joined: Joined
    cells: tuple[Document, ...]

    def number(self, uri: str) -> int:
        """The cell of an address; 0 where it is none of them."""
        found = (n for n, cell in enumerate(self.cells, 1) if str(cell.uri) == uri)
        return next(found, 0)


def joint_of(ls: LossfixServer, uri: str) -> Joint | None:
    """The notebook that has a cell; a cell that does not parse is left out meanwhile."""
    notebook = ls.documents.get_notebook_document(cell_uri=uri)
    if notebook is None:
        return None
    found = [ls.documents.document(cell.document) for cell in notebook.cells]
    cells = tuple(each for each in found if each is not None and each.language_id == PYTHON)
    texts = {number: _lf(cell.text.content) for number, cell in enumerate(cells, 1)}
    while True:
        try:
            joined = join(list(texts.items()))
            break
        except CellError as error:
            del texts[error.cell]
    path = to_fs_path(notebook.uri) or notebook.uri
    return Joint(notebook.uri, path, hash(joined.text), Text(joined.text), joined, cells)


def _lf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def in_cell(noted: Noted, joint: Joint, number: int) -> Noted | None:
    """A finding of the module where the cell has it; None where another cell does."""
    cell, line = joint.joined.place(noted.row.line)
    if cell != number:
        return None
    _, end = joint.joined.place(noted.row.end_line)
    row = replace(noted.row, line=line, end_line=end)
    return Noted(row, noted.site, tuple(_notes(noted.notes, joint, number)))


def _notes(notes: tuple[Note, ...], joint: Joint, number: int) -> Iterator[Note]:
    """Those in other files and in the cell itself."""
    for note in notes:
        cell, line = joint.joined.place(note.line)
        if note.path:
            yield note
        elif cell == number:
            yield replace(note, line=line, end_line=joint.joined.place(note.end_line)[1])


@dataclass(frozen=True)
class CellSheet(Sheet):
    """One cell of a notebook."""

    joint: Joint
    number: int

    def lines(self, wanted: types.Range) -> tuple[int, int]:
        found = [
            self.joint.joined.line(self.number, line + 1)
            for line in (wanted.start.line, wanted.end.line)
        ]
        known = [line for line in found if line is not None]
        return (min(known), max(known)) if known else (0, -1)

    def shown(self, noted: Noted) -> Noted | None:
        return in_cell(noted, self.joint, self.number)

    def line(self, line: int) -> int | None:
        cell, inside = self.joint.joined.place(line)
        return inside if cell == self.number else None

    def changed(self, before: str, after: str) -> list[Change]:
        """The changes of each cell. Raises RewriteError where they cannot be told apart."""
        try:
            new = self.joint.joined.split(after)
        except ValueError as error:
            raise RewriteError(f"notebook: {error}") from None
        found: list[Change] = []
        for number, text in new.items():
            cell = self.joint.cells[number - 1]
            old = cell.text.content
            text = text.replace("\n", cell.text.newline)
            positions = cell.positions
            edits = [
                types.TextEdit(positions.range(span), part) for span, part in changes(old, text)
            ]
            found.append(Change(str(cell.uri), cell.version, edits))
        return found


def push(ls: LossfixServer, uri: str) -> None:
    """A cell came, went or changed: publish what its notebook holds, soon."""
    notebook = ls.documents.get_notebook_document(cell_uri=uri)
    if notebook is not None:
        running = ls.pushes.get(notebook.uri)
        if running is None or running.done():
            ls.pushes[notebook.uri] = asyncio.ensure_future(_push(ls, uri))


async def _push(ls: LossfixServer, uri: str) -> None:
    """Publishes until what was published is of the newest cells."""
    while True:
        joint = joint_of(ls, uri)
        if joint is None or not ls.configurations.options.enable:
            return
        try:
            current = await ls.checks.current(joint)
        except Superseded:
            continue
        except LossfixError as error:
            ls.tell(str(error))
            return
        newest = joint_of(ls, uri)
        if newest is None or newest.version != joint.version:
            continue
        proofs = ls.proofs(joint.path, current)
        for number, cell in enumerate(joint.cells, 1):
            here = [in_cell(each, joint, number) for each in current.checked.findings]
            findings = tuple(each for each in here if each is not None)
            one = replace(current.checked, findings=findings)
            items = diagnostics_of(one, cell.positions, str(cell.uri), proofs, ls.related)
            ls.text_document_publish_diagnostics(
                types.PublishDiagnosticsParams(str(cell.uri), items)
            )
        return
