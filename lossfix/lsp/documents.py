"""Documents: the texts that a client has open, edited exactly as the client edits them.

Lines end at LF, CR LF or CR alone, as LSP and Python's parser have it, and nowhere else: a form
feed or U+2028 ends no line. Columns are counted in the units that client and server agreed on.
"""

from __future__ import annotations

from collections.abc import Sequence

from lsprotocol import types
from pygls.workspace import TextDocument, Workspace

from lossfix.source.text import Span, Text

_UTF16_LAST_SINGLE = "\uffff"
Encoding = types.PositionEncodingKind | str | None


def units(text: str, encoding: Encoding) -> int:
    """The length of a text in the units of an encoding: bytes, UTF-16 words or code points."""
    if encoding == types.PositionEncodingKind.Utf32 or text.isascii():
        return len(text)
    if encoding == types.PositionEncodingKind.Utf8:
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text) + sum(c > _UTF16_LAST_SINGLE for c in text)


def code_points(line: str, character: int, encoding: Encoding) -> int:
    """How many code points of a line stand before `character`, at most the whole line.

    Inside one code point its end is meant.
    """
    if encoding == types.PositionEncodingKind.Utf32 or line.isascii():
        return min(max(character, 0), len(line))
    passed = 0
    for index, point in enumerate(line):
        if passed >= character:
            return index
        passed += units(point, encoding)
    return len(line)


class Positions:
    """Offsets of one text as LSP positions, and back."""

    def __init__(self, text: Text, encoding: Encoding) -> None:
        self.text = text
        self.encoding = encoding

    def position(self, offset: int) -> types.Position:
        place = self.text.position(offset)
        start = self.text.line_starts[place.line - 1]
        before = self.text.content[start:offset]
        return types.Position(place.line - 1, units(before, self.encoding))

    def range(self, span: Span) -> types.Range:
        return types.Range(self.position(span.start), self.position(span.end))

    def range_of(self, line: int, column: int, end_line: int, end_column: int) -> types.Range:
        """The range between two places that are counted from 1, columns in code points."""
        return types.Range(self._place(line, column), self._place(end_line, end_column))

    def _place(self, line: int, column: int) -> types.Position:
        if self.text.content.isascii():
            return types.Position(line - 1, column - 1)
        return types.Position(line - 1, units(self.text.line(line)[: column - 1], self.encoding))

    def offset(self, position: types.Position) -> int:
        """The offset of a position; one past the end of its line, or of the text, is that end."""
        starts = self.text.line_starts
        if position.line >= len(starts):
            return len(self.text.content)
        if position.line < 0:
            return 0
        line = self.text.line(position.line + 1).rstrip("\r\n")
        return starts[position.line] + code_points(line, position.character, self.encoding)

    def span(self, found: types.Range) -> Span:
        start, end = self.offset(found.start), self.offset(found.end)
        return Span(min(start, end), max(start, end))


class Document(TextDocument):
    """A text that is open, or the text on disk of one that is not."""

    @property
    def text(self) -> Text:
        """The current text; the same value until the text changes."""
        known: Text | None = getattr(self, "_text", None)
        content = self.source
        if known is None or known.content is not content:
            known = Text(content)
            self._text = known
        return known

    @property
    def positions(self) -> Positions:
        return Positions(self.text, self.position_codec.encoding)

    @property
    def lines(self) -> Sequence[str]:
        text = self.text
        return tuple(text.line(number) for number in range(1, len(text.line_starts) + 1))

    def _apply_incremental_change(self, change: types.TextDocumentContentChangePartial) -> None:
        span = self.positions.span(change.range)
        content = self.source
        self._source = content[: span.start] + change.text + content[span.end :]


class Documents(Workspace):
    """The open documents, by their addresses."""

    def _create_text_document(
        self,
        doc_uri: str,
        source: str | None = None,
        version: int | None = None,
        language_id: str | None = None,
    ) -> Document:
        return Document(
            doc_uri,
            source=source,
            version=version,
            language_id=language_id,
            sync_kind=self._sync_kind,
            position_codec=self._position_codec,
        )

    def document(self, uri: str) -> Document | None:
        """An open document; None where it is not open."""
        found = self.text_documents.get(uri) or self.text_documents.get(_plain(uri))
        return found if isinstance(found, Document) else None


def _plain(uri: str) -> str:
    from urllib.parse import unquote

    return unquote(uri)
