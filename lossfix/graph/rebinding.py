"""Names that something else than an assignment binds: what they hold then is not known."""

from __future__ import annotations

import ast
from collections.abc import Iterable


def captured_names(cases: Iterable[ast.match_case]) -> set[str]:
    """Names that the patterns of a match statement bind, whether their case is taken or not."""
    found: set[str] = set()
    for case in cases:
        for node in ast.walk(case.pattern):
            if isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name is not None:
                found.add(node.name)
            elif isinstance(node, ast.MatchMapping) and node.rest is not None:
                found.add(node.rest)
    return found


def outer_names(tree: ast.AST) -> set[str]:
    """Names of the scopes around that the code in `tree` declares as its own to bind."""
    return {
        name
        for node in ast.walk(tree)
        if isinstance(node, (ast.Global, ast.Nonlocal))
        for name in node.names
    }


def walrus_names(trees: Iterable[ast.AST]) -> set[str]:
    """Names that `:=` binds in expressions."""
    return {
        node.target.id
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.NamedExpr)
    }


def stored_names(body: Iterable[ast.AST]) -> set[str]:
    """Names that statements bind by assignment, loops, `with` and `except`."""
    found: set[str] = set()
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.ExceptHandler) and node.name is not None:
                found.add(node.name)
    return found
