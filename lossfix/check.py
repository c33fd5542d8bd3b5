"""Checking a file: read, lift, find. Nothing is run, and nothing heavy is imported."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lossfix.errors import RuleError, SourceError
from lossfix.graph.module import NO_OVERRIDES, Module
from lossfix.graph.packages import Packages
from lossfix.graph.reach import may_reach_framework
from lossfix.report.rows import FileRow, FindingRow, State, finding_row, in_cell, span_row
from lossfix.rules.find import find_in
from lossfix.rules.findings import SUPPRESSED, Finding
from lossfix.rules.rule import Rule
from lossfix.rules.words import words_of
from lossfix.source.comments import role_comments
from lossfix.source.files import Source, decode, read_bytes
from lossfix.source.gate import may_hold_a_loss, may_speak_to_lossfix
from lossfix.source.notebooks import PYTHONS
from lossfix.source.roles import RoleOverrides
from lossfix.source.text import Text

NO_FRAMEWORK = "uses no framework that is known here"
NO_LOSS = "speaks of no loss, and of no op that a rule looks for"
EMPTY = "is empty"
OTHER_LANGUAGE = "is a notebook in another language"


def check_file(
    path: Path,
    rules: Sequence[Rule],
    function: str | None = None,
    packages: Packages | None = None,
    roles: RoleOverrides = NO_OVERRIDES,
    data: bytes | None = None,
) -> FileRow:
    """A file with its findings; with `function`, those in it alone, as a loss by any name.

    `packages` remembers the files that names lead to, from one file to the next; `data` are the
    file's bytes, where they were read already.
    """
    packages = packages or Packages()
    packages.clear_reads()
    try:
        source = open_source(path, function, rules, data, packages)
        if isinstance(source, FileRow):
            return source
        findings = findings_of(source, rules, function, packages, roles)
    except (SourceError, RuleError) as error:
        return FileRow(str(path), State.FAILED, str(error))
    text = Text(source.text)
    rows = tuple(
        finding_row(finding, str(path), text) for finding in findings if not finding.suppressed
    )
    suppressed = tuple(
        finding_row(finding, str(path), text) for finding in findings if finding.suppressed
    )
    if function is None:
        rows, suppressed = with_problems(rows, suppressed, findings, source, rules)
    state = State.FINDINGS if rows else State.CLEAN
    rows, suppressed = placed(rows, source), placed(suppressed, source)
    reads = _reads(packages, path)
    return FileRow(str(path), state, "", rows, suppressed=suppressed, reads=reads)


def _reads(packages: Packages, path: Path) -> tuple[str, ...]:
    """The other files that the answer about a file rests on."""
    return tuple(sorted(packages.reads - {os.path.abspath(path)}))


def with_problems(
    rows: tuple[FindingRow, ...],
    suppressed: tuple[FindingRow, ...],
    findings: Sequence[Finding],
    source: Source,
    rules: Sequence[Rule],
) -> tuple[tuple[FindingRow, ...], tuple[FindingRow, ...]]:
    """Rows and suppressed rows, with those of comments that speak to lossfix without effect.

    `findings` are all that `rules` found in the whole of the source.
    """
    if not may_speak_to_lossfix(source.text):
        return rows, suppressed
    from lossfix.rules.own import UNUSED_SUPPRESSION
    from lossfix.rules.suppress import problems

    text, path = Text(source.text), str(source.path)
    for problem in problems(findings, text, rules):
        row = span_row(UNUSED_SUPPRESSION, problem.message, path, problem.span, text)
        if problem.suppressed:
            suppressed = (*suppressed, replace(row, reason=SUPPRESSED))
        else:
            rows = (*rows, row)
    return tuple(sorted(rows, key=_place)), tuple(sorted(suppressed, key=_place))


def placed(rows: tuple[FindingRow, ...], source: Source) -> tuple[FindingRow, ...]:
    """The rows; of a notebook, as rows of its cells."""
    if source.notebook is None:
        return rows
    joined = source.notebook.joined
    return tuple(in_cell(row, joined) for row in rows)


def _place(row: FindingRow) -> tuple[int, int]:
    return row.line, row.column


def open_source(
    path: Path,
    function: str | None = None,
    rules: Sequence[Rule] = (),
    data: bytes | None = None,
    packages: Packages | None = None,
) -> Source | FileRow:
    """The file's text; a finished row where it shows by itself that there is nothing to look at.

    Raises SourceError where it cannot be read, decoded or parsed.
    """
    data = read_bytes(path) if data is None else data
    if not data.strip():
        return FileRow(str(path), State.SKIPPED, EMPTY)
    if function is None and not may_hold_a_loss(data):
        return FileRow(str(path), State.SKIPPED, NO_FRAMEWORK)
    source = decode(path, data)
    if source.notebook is not None and source.notebook.language not in PYTHONS:
        return FileRow(str(path), State.SKIPPED, OTHER_LANGUAGE)
    if function is None and not may_hold_a_finding(source.text, path, rules):
        return FileRow(str(path), State.SKIPPED, NO_LOSS)
    if function is None and not may_speak_to_lossfix(source.text):
        packages = packages or Packages()
        if not may_reach_framework(source.text, os.path.abspath(path), packages):
            reads = _reads(packages, path)
            return FileRow(str(path), State.SKIPPED, NO_FRAMEWORK, reads=reads)
    return source


def may_hold_a_finding(text: str, path: Path, rules: Sequence[Rule]) -> bool:
    """Whether a text speaks of a loss, of an op that a rule looks for, or to lossfix."""
    words = words_of(tuple(rules))
    return may_speak_to_lossfix(text) or words.in_file(text, os.path.abspath(path))


def findings_of(
    source: Source,
    rules: Sequence[Rule],
    function: str | None = None,
    packages: Packages | None = None,
    roles: RoleOverrides = NO_OVERRIDES,
) -> tuple[Finding, ...]:
    """Raises SourceError where the text is no Python, RuleError where it has no such function."""
    try:
        text = Text(source.text)
        module = lifted(source, packages or Packages(), roles)
        worth = words_of(tuple(rules)).units(module.index, text) if function is None else None
        return find_in(module, text, rules, function, worth)
    except RecursionError:
        raise SourceError(str(source.path), "is nested too deeply to be analysed") from None
    except RuleError as error:
        raise RuleError(f"{source.path}: {error}") from None


def lifted(source: Source, packages: Packages, roles: RoleOverrides = NO_OVERRIDES) -> Module:
    """The file's module. Raises SourceError where its text is no Python."""
    path = str(source.path)
    try:
        index = packages.index(os.path.abspath(path), source.text)
        return Module(index, packages, roles, role_comments(Text(source.text)))
    except SyntaxError as error:
        message = f"syntax error: {error.msg}; mend it, then run again"
        raise SourceError(path, message, error.lineno) from None
    except ValueError as error:
        raise SourceError(path, f"cannot be parsed: {error}") from None
    except (RecursionError, MemoryError):
        raise SourceError(path, "is nested too deeply to be parsed") from None
