"""Places: a document with all that is known of its text, and what its client can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from lsprotocol import types

from lossfix.editing.question import Question
from lossfix.editing.recheck import Checked, Noted
from lossfix.lsp.documents import Positions
from lossfix.lsp.verdicts import Proof
from lossfix.rewrite.diff import changes
from lossfix.source.text import Text

FIX_ALL = "source.fixAll.lossfix"
KINDS = (types.CodeActionKind.QuickFix, FIX_ALL)


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the client can do with an action."""

    resolves: bool  # asks for the edit when an action is chosen
    disabled: bool  # shows why an action cannot be taken
    versioned: bool  # takes edits of a stated version


class Subject(Protocol):
    """What is checked as one text: a document, or the cells of a notebook."""

    @property
    def uri(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def version(self) -> int | None: ...
    @property
    def text(self) -> Text: ...


@dataclass(frozen=True, slots=True)
class Change:
    """The edits of one document."""

    uri: str
    version: int | None
    edits: list[types.TextEdit]


@dataclass(frozen=True)
class Sheet:
    """A text as the client shows it: all that is checked, or one cell of it."""

    uri: str
    version: int | None
    positions: Positions

    def lines(self, wanted: types.Range) -> tuple[int, int]:
        """The lines of the checked text that a range is on, from 1."""
        return wanted.start.line + 1, wanted.end.line + 1

    def shown(self, noted: Noted) -> Noted | None:
        """A finding where the sheet has it; None where it stands elsewhere."""
        return noted

    def line(self, line: int) -> int | None:
        """A line of the checked text where the sheet has it."""
        return line

    def changed(self, before: str, after: str) -> list[Change]:
        """The change from the checked text to another, line by line. Raises RewriteError."""
        edits = [
            types.TextEdit(self.positions.range(span), text)
            for span, text in changes(before, after)
        ]
        return [Change(self.uri, self.version, edits)]


@dataclass(frozen=True)
class Place:
    """A sheet and all that is known of its text."""

    sheet: Sheet
    question: Question
    checked: Checked
    proofs: Mapping[str, Proof]  # by the keys of findings
    refuted: frozenset[str]

    @property
    def uri(self) -> str:
        return self.sheet.uri

    @property
    def version(self) -> int | None:
        return self.sheet.version
