"""Checking a file: read, lift, find. Nothing is run, and nothing heavy is imported."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

from lossfix.errors import RuleError, SourceError
from lossfix.report.rows import FileRow, State, finding_row
from lossfix.rules.find import find_in
from lossfix.rules.findings import Finding
from lossfix.rules.rule import Rule
from lossfix.source.files import Source, decode, read_bytes
from lossfix.source.gate import may_hold_a_loss
from lossfix.source.text import Text

NO_LOSS = "uses no framework that is known here"
EMPTY = "is empty"
NOTEBOOK = "is a notebook; export its code to a .py file to have it checked"


def check_file(
    path: Path, rules: Sequence[Rule], function: str | None = None, data: bytes | None = None
) -> FileRow:
    """A file with its findings; with `function`, those in it alone, as a loss by any name.

    `data` are the file's bytes, where they were read already.
    """
    try:
        source = open_source(path, function, data)
        if isinstance(source, FileRow):
            return source
        findings = findings_of(source, rules, function)
    except (SourceError, RuleError) as error:
        return FileRow(str(path), State.FAILED, str(error))
    text = Text(source.text)
    rows = tuple(finding_row(finding, str(path), text) for finding in findings)
    return FileRow(str(path), State.FINDINGS if rows else State.CLEAN, "", rows)


def open_source(
    path: Path, function: str | None = None, data: bytes | None = None
) -> Source | FileRow:
    """The file's text; a finished row where its bytes show that there is nothing to look at.

    Raises SourceError where it cannot be read, decoded or parsed.
    """
    if path.suffix == ".ipynb":
        return FileRow(str(path), State.SKIPPED, NOTEBOOK)
    data = read_bytes(path) if data is None else data
    if not data.strip():
        return FileRow(str(path), State.SKIPPED, EMPTY)
    source = decode(path, data)
    if function is None and not may_hold_a_loss(data):
        parsed(source)
        return FileRow(str(path), State.SKIPPED, NO_LOSS)
    return source


def findings_of(
    source: Source, rules: Sequence[Rule], function: str | None = None
) -> tuple[Finding, ...]:
    """Raises SourceError where the text is no Python, RuleError where it has no such function."""
    from lossfix.graph.module import lift_module

    tree = parsed(source)
    try:
        return find_in(lift_module(tree), Text(source.text), rules, function)
    except RecursionError:
        raise SourceError(str(source.path), "is nested too deeply to be analysed") from None
    except RuleError as error:
        raise RuleError(f"{source.path}: {error}") from None


def parsed(source: Source) -> ast.Module:
    """The file's tree. Raises SourceError."""
    path = str(source.path)
    try:
        return ast.parse(source.text)
    except SyntaxError as error:
        message = f"syntax error: {error.msg}; mend it, then run again"
        raise SourceError(path, message, error.lineno) from None
    except ValueError as error:
        raise SourceError(path, f"cannot be parsed: {error}") from None
    except (RecursionError, MemoryError):
        raise SourceError(path, "is nested too deeply to be parsed") from None
