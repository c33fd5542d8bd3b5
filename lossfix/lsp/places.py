"""Places: a document with all that is known of its text, and what its client can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lsprotocol import types

from lossfix.lsp.documents import Document, Encoding, Positions
from lossfix.lsp.verdicts import Proof
from lossfix.question import Question
from lossfix.recheck import Checked
from lossfix.source.text import Text

FIX_ALL = "source.fixAll.lossfix"
KINDS = (types.CodeActionKind.QuickFix, FIX_ALL)


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the client can do with an action."""

    resolves: bool  # asks for the edit when an action is chosen
    disabled: bool  # shows why an action cannot be taken
    versioned: bool  # takes edits of a stated version


@dataclass(frozen=True)
class Place:
    """A document and all that is known of its text."""

    document: Document
    version: int | None
    question: Question
    checked: Checked
    proofs: Mapping[str, Proof]  # by the keys of findings
    refuted: frozenset[str]

    @property
    def uri(self) -> str:
        return str(self.document.uri)

    @property
    def encoding(self) -> Encoding:
        return self.document.position_codec.encoding

    @property
    def positions(self) -> Positions:
        return Positions(Text(self.question.text), self.encoding)
