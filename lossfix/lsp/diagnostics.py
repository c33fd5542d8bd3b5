"""Findings as LSP diagnostics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lsprotocol import types
from pygls.uris import from_fs_path

from lossfix.editing.recheck import Checked, Note, Noted
from lossfix.lsp.documents import Encoding, Positions
from lossfix.lsp.verdicts import REFUTED, Proof
from lossfix.report.rows import FindingRow
from lossfix.rules.own import UNUSED_SUPPRESSION
from lossfix.source.text import Text

SOURCE = "lossfix"


def key_of(noted: Noted) -> str:
    """What a finding is known again by, from one text to the next."""
    return noted.site.key if noted.site is not None else ""


def diagnostics_of(
    checked: Checked,
    positions: Positions,
    uri: str,
    proofs: Mapping[str, Proof],
    related: bool,
) -> list[types.Diagnostic]:
    """One diagnostic a finding; `proofs` are by the keys of their findings."""
    return [
        _diagnostic(noted, positions, uri, proofs.get(key_of(noted)), related)
        for noted in checked.findings
    ]


def rows_as_diagnostics(
    rows: Sequence[FindingRow], text: str, encoding: Encoding
) -> list[types.Diagnostic]:
    """Those of a file that is not open."""
    positions = Positions(Text(text), encoding)
    return [_diagnostic(Noted(row, None), positions, "", None, False) for row in rows]


def _diagnostic(
    noted: Noted, positions: Positions, uri: str, proof: Proof | None, related: bool
) -> types.Diagnostic:
    row = noted.row
    message = row.message
    if proof is not None and proof.outcome == REFUTED:
        shown = proof.counterexample or proof.line
        message = f"{message}\nIts fix was withdrawn: {shown}"
    notes = [_related(note, positions, uri) for note in noted.notes] if related else []
    unused = row.code == UNUSED_SUPPRESSION.code
    return types.Diagnostic(
        range=positions.range_of(row.line, row.column, row.end_line, row.end_column),
        message=message,
        severity=types.DiagnosticSeverity.Warning,
        code=row.code,
        source=SOURCE,
        tags=[types.DiagnosticTag.Unnecessary] if unused else None,
        related_information=notes or None,
        data={"key": key_of(noted)},
    )


def _related(note: Note, positions: Positions, uri: str) -> types.DiagnosticRelatedInformation:
    """A place of the same text, or the start of a line of another file."""
    if note.path:
        start = types.Position(note.line - 1, 0)
        address = from_fs_path(note.path) or Path(note.path).as_uri()
        place = types.Location(address, types.Range(start, start))
    else:
        found = positions.range_of(note.line, note.column, note.end_line, note.end_column)
        place = types.Location(uri, found)
    return types.DiagnosticRelatedInformation(place, note.message)
