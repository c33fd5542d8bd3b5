"""Confirming findings: the original is run, and a witness of each is looked for.

The doors hand over what `check` found; each finding comes back with what running it showed.
"""

from __future__ import annotations

import ast
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from lossfix.check import findings_of, open_source, placed
from lossfix.errors import LossfixError, RewriteError, VerifyError
from lossfix.graph.module import NO_OVERRIDES, lift_module
from lossfix.graph.nodes import Node
from lossfix.proving import hints_of
from lossfix.report.rows import FileRow, FindingRow, finding_row
from lossfix.rewrite.engine import rewrite_text
from lossfix.rewrite.twin import twin_text
from lossfix.rules.findings import Finding, site_of
from lossfix.rules.rule import Rule
from lossfix.source.files import Source
from lossfix.source.roles import RoleOverrides
from lossfix.source.text import Text
from lossfix.verify import (
    Confirmation,
    Options,
    Program,
    Session,
    cannot_confirm,
    confirm_finding,
)
from lossfix.verify.confirm import Span
from lossfix.verify.pair import blocked
from lossfix.verify.script import FUNCTION, Script, ScriptError, script_of

_NOT_CODE = "it is about a comment, which nothing runs"


@contextmanager
def confirmer_for(options: Options) -> Iterator[Confirmer]:
    """A confirmer with a worker of its own, which ends with the block. Raises VerifyError."""
    must_run()
    with Session(options.device) as session:
        yield Confirmer(session, options)


def must_run() -> None:
    """Raises VerifyError where no loss can be run."""
    why_not = blocked()
    if why_not:
        raise VerifyError(f"nothing can be confirmed: {why_not}")


class Confirmer:
    """A warm worker that findings are confirmed in, one after the other."""

    def __init__(self, session: Session, options: Options) -> None:
        self.session = session
        self.options = options

    def file(
        self,
        file: FileRow,
        rules: Sequence[Rule],
        function: str | None = None,
        roles: RoleOverrides = NO_OVERRIDES,
    ) -> FileRow:
        """A checked file, each of its findings with its confirmation. Raises NoDevice."""
        if not file.findings:
            return file
        try:
            source = open_source(Path(file.path), function, rules)
            if isinstance(source, FileRow):
                return file
            findings = findings_of(source, rules, function, None, roles)
        except LossfixError:
            return file
        text = Text(source.text)
        by_place: defaultdict[tuple[str, int, int, int], list[Finding]] = defaultdict(list)
        for finding in findings:
            (row,) = placed((finding_row(finding, file.path, text),), source)
            by_place[_place(row)].append(finding)
        rows = [
            replace(row, confirmation=self._of_row(row, by_place[_place(row)], source, roles))
            for row in file.findings
        ]
        return replace(file, findings=tuple(rows))

    def _of_row(
        self, row: FindingRow, here: list[Finding], source: Source, roles: RoleOverrides
    ) -> Confirmation:
        if not here:
            return cannot_confirm(_NOT_CODE)
        return self.finding(here.pop(0), source, roles)

    def finding(
        self, finding: Finding, source: Source, roles: RoleOverrides = NO_OVERRIDES
    ) -> Confirmation:
        """What running the loss that a finding is in shows of it. Raises NoDevice."""
        path, after = str(source.path), _mended(finding, source, roles)
        text, function, twin = source.text, finding.function, _twin(finding, source, roles)
        hints = hints_of(finding.unit, [finding])
        spans, operands = _spans(finding, source), _operands(finding, source)
        lines: dict[int, int] = {}
        if not function:
            try:
                script = script_of(text, finding.unit, finding.match.root)
            except ScriptError as error:
                return cannot_confirm(f"it stands at module level, and {error}")
            after, twin = (_script_again(other, script.parameters) for other in (after, twin))
            text, function, hints = script.text, FUNCTION, replace(hints, roles={})
            spans, operands = _moved(spans, script), _moved(operands, script)
            lines = {new: old for new, (old, _) in script.lines.items()}
        return confirm_finding(
            Program(text, path, function),
            spans,
            operands,
            finding.rule.contract,
            after,
            hints,
            self.options,
            self.session,
            twin,
            lines,
        )


def _place(row: FindingRow) -> tuple[str, int, int, int]:
    return row.code, row.cell, row.line, row.column


def _spans(finding: Finding, source: Source) -> tuple[Span, ...]:
    """The text that the match uses up, in this file."""
    own = [node for node in finding.match.interior if node is not finding.match.root]
    text = Text(source.text)
    whole = _span(text, finding.span.start, finding.span.end)
    return (whole, *_written(own, source))


def _operands(finding: Finding, source: Source) -> tuple[Span, ...]:
    """The text of the operands, which is no part of what is wrong."""
    root = finding.match.root.number
    values = [node for node in finding.match.values.values() if node.number != root]
    return tuple(_written(values, source))


def _moved(spans: Sequence[Span], script: Script) -> tuple[Span, ...]:
    """Spans of a script's text as they are in the function that was made of it."""
    return tuple((*script.here(a, b), *script.here(c, d)) for a, b, c, d in spans)


def _script_again(text: str, parameters: tuple[str, ...]) -> str:
    """The loss of a changed script, where it takes the same inputs; "" where it does not."""
    unit = lift_module(ast.parse(text)).unit("") if text else None
    for result in unit.results if unit is not None else ():
        try:
            script = script_of(text, unit, result) if unit is not None else None
        except ScriptError:
            continue
        if script is not None and script.parameters == parameters:
            return script.text
    return ""


def _written(nodes: Sequence[Node], source: Source) -> Iterator[Span]:
    text = Text(source.text)
    for node in nodes:
        if node.origin is None:
            continue
        home = node.origin.frame.home
        if home.path and os.path.abspath(home.path) != os.path.abspath(source.path):
            continue
        span = text.span(node.origin.code)
        yield _span(text, span.start, span.end)


def _span(text: Text, start: int, end: int) -> Span:
    first, last = text.position(start), text.position(end)
    return first.line, first.column, last.line, last.column


def _mended(finding: Finding, source: Source, roles: RoleOverrides) -> str:
    """The text with this finding mended and nothing else; "" where it has no fix."""
    if not finding.fixable:
        return ""
    site = site_of(finding)
    try:
        changed = rewrite_text(
            source.text,
            source.path,
            [finding.rule],
            lambda other: "" if site_of(other) == site else "another finding",
            roles=roles,
            once=True,
        ).text
    except (SyntaxError, RewriteError):
        return ""
    return "" if changed == source.text else changed


def _twin(finding: Finding, source: Source, roles: RoleOverrides) -> str:
    site = site_of(finding)
    decide = lambda other: "" if site_of(other) == site else "another finding"  # noqa: E731
    try:
        return twin_text(source.text, source.path, [finding], decide, roles=roles, once=True)
    except (SyntaxError, RewriteError):
        return ""
