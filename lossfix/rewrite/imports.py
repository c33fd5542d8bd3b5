"""Imports that a fix needs: one line after the file's last leading import."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from lossfix.rewrite.edits import Import
from lossfix.source.text import Text


def add_imports(content: str, wanted: Iterable[Import]) -> str:
    """`content` with every import that it does not have yet."""
    for item in dict.fromkeys(wanted):
        tree = ast.parse(content)
        if not _has(tree, item):
            content = _inserted(Text(content), tree, f"import {item.module} as {item.name}")
    return content


def _has(tree: ast.Module, item: Import) -> bool:
    return any(
        alias.name == item.module and alias.asname == item.name
        for statement in tree.body
        if isinstance(statement, ast.Import)
        for alias in statement.names
    )


def _inserted(text: Text, tree: ast.Module, line: str) -> str:
    after = 0
    for index, statement in enumerate(tree.body):
        docstring = index == 0 and isinstance(statement, ast.Expr)
        if not docstring and not isinstance(statement, (ast.Import, ast.ImportFrom)):
            break
        after = statement.end_lineno or 0
    if after >= len(text.line_starts):
        return f"{text.content}{text.newline}{line}{text.newline}"
    at = text.line_starts[after]
    return f"{text.content[:at]}{line}{text.newline}{text.content[at:]}"
