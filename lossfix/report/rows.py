"""Rows: what the doors show of a file and of each finding in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lossfix.rules.contracts import Contract
    from lossfix.rules.findings import Finding
    from lossfix.rules.rule import Rule
    from lossfix.source.cells import Joined
    from lossfix.source.text import Span, Text
    from lossfix.verify.verdict import Verdict


class State(str, Enum):
    """What became of a file; every file ends in exactly one of these."""

    CLEAN = "clean"
    FINDINGS = "findings"
    FIXED = "fixed"
    PARTLY_FIXED = "partly fixed"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A finding as other programs and people read it.

    Lines and columns are 1-based, columns in code points; in a notebook they are those of `cell`,
    counted from 1 among all its cells, which is 0 elsewhere. `fix` tells whether lossfix has one;
    `reason` is the reason code, with a few words, of what is not fixed.
    """

    code: str
    rule: str
    message: str
    path: str
    function: str
    line: int
    column: int
    end_line: int
    end_column: int
    contract: Contract
    fix: bool
    reason: str = ""
    applied: bool = False
    verdict: Verdict | None = None
    note: str = ""  # of a smooth fix that was made: its sharpness, the error it bounds, a warning
    cell: int = 0

    @property
    def where(self) -> str:
        """The place as people read it, and as terminals find it."""
        cell = f":cell {self.cell}" if self.cell else ""
        return f"{self.path}{cell}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file: its state, why, its findings, and the change that was made or would be.

    `reads` are the other paths that the answer rests on: of files, there or not, and of folders
    that are missing.
    """

    path: str
    state: State
    reason: str = ""
    findings: tuple[FindingRow, ...] = ()
    diff: str = ""
    suppressed: tuple[FindingRow, ...] = ()  # by a comment; no findings any more
    known: tuple[FindingRow, ...] = ()  # in the baseline; neither
    reads: tuple[str, ...] = ()


def finding_row(finding: Finding, path: str, text: Text) -> FindingRow:
    start, end = text.position(finding.span.start), text.position(finding.span.end)
    rule = finding.rule
    return FindingRow(
        code=rule.code,
        rule=rule.name,
        message=finding.message,
        path=path,
        function=finding.function,
        line=start.line,
        column=start.column,
        end_line=end.line,
        end_column=end.column,
        contract=rule.contract,
        fix=finding.fixable,
        reason=finding.reason,
    )


def span_row(rule: Rule, message: str, path: str, span: Span, text: Text) -> FindingRow:
    """The row of a rule that looks at the text itself, and matches no value."""
    start, end = text.position(span.start), text.position(span.end)
    return FindingRow(
        code=rule.code,
        rule=rule.name,
        message=message,
        path=path,
        function="",
        line=start.line,
        column=start.column,
        end_line=end.line,
        end_column=end.column,
        contract=rule.contract,
        fix=False,
        reason="diagnosis",
    )


def in_cell(row: FindingRow, joined: Joined) -> FindingRow:
    """The row of a notebook's module as one of the cell that it is in."""
    cell, line = joined.place(row.line)
    _, end_line = joined.place(row.end_line)
    return replace(row, cell=cell, line=line, end_line=end_line)


def opt_in(row: FindingRow) -> str:
    """What `--allow` wants before this fix is made; empty where it is made by default."""
    if row.contract.by_default:
        return ""
    return row.code if row.contract.by_name_only else row.contract.name
