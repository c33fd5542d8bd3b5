"""Names that something else than an assignment binds: what they hold then is not known."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterable

from lossfix.source.trees import children_of, nodes_in

TRIES: tuple[type[ast.stmt], ...] = (ast.Try,)
"""`try` with `except`, and with `except*`, of whose handlers several may run."""
if sys.version_info >= (3, 11):
    TRIES = (ast.Try, ast.TryStar)


def captured_names(cases: Iterable[ast.match_case]) -> set[str]:
    """Names that the patterns of a match statement bind, whether their case is taken or not."""
    found: set[str] = set()
    for case in cases:
        for node in nodes_in(case.pattern):
            if isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name is not None:
                found.add(node.name)
            elif isinstance(node, ast.MatchMapping) and node.rest is not None:
                found.add(node.rest)
    return found


def outer_names(tree: ast.AST) -> set[str]:
    """Names of the scopes around that the code in `tree` declares as its own to bind."""
    return {
        name
        for node in nodes_in(tree)
        if isinstance(node, (ast.Global, ast.Nonlocal))
        for name in node.names
    }


def rebound_names(tree: ast.AST) -> set[str]:
    """Names that a scope binds more than once, or in a loop: its inner functions may see either."""
    counts: Counter[str] = Counter()

    def walk(node: ast.AST, rounds: int) -> None:
        if isinstance(node, ast.Name):
            counts[node.id] += 0 if isinstance(node.ctx, ast.Load) else rounds
        elif isinstance(node, (ast.MatchAs, ast.MatchStar, ast.ExceptHandler)):
            counts[node.name or ""] += rounds
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            counts[node.name] += rounds
            return
        elif isinstance(node, ast.Lambda):
            return
        looped = 2 if isinstance(node, (ast.For, ast.AsyncFor, ast.While)) else 1
        for part in children_of(node):
            walk(part, rounds * looped)

    if isinstance(tree, (ast.FunctionDef, ast.AsyncFunctionDef)):
        counts.update(part.arg for part in nodes_in(tree.args) if isinstance(part, ast.arg))
    for statement in getattr(tree, "body", ()):
        walk(statement, 1)
    return {name for name, count in counts.items() if count > 1}


def walrus_names(trees: Iterable[ast.AST]) -> set[str]:
    """Names that `:=` binds in expressions."""
    return {
        node.target.id
        for tree in trees
        for node in nodes_in(tree)
        if isinstance(node, ast.NamedExpr)
    }


def stored_names(body: Iterable[ast.AST]) -> set[str]:
    """Names that statements bind by assignment, loops, `with` and `except`."""
    found: set[str] = set()
    for statement in body:
        for node in nodes_in(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.ExceptHandler) and node.name is not None:
                found.add(node.name)
    return found
