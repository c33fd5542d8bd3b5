"""Places: where a new assignment may stand."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import TypeGuard

from lossfix.errors import RewriteError
from lossfix.graph.nodes import Node, Origin
from lossfix.rewrite.operands import EFFECTS, has_effect
from lossfix.source.text import Text

_OWN_SCOPE = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def room_for_bindings(
    origin: Origin, values: Iterable[ast.expr], nodes: Iterable[Node], text: Text
) -> None:
    """Raises RewriteError where `values` cannot be computed before the statement of `origin`.

    `nodes` are those of the unit.
    """
    statement = origin.statement
    start = text.span(statement).start
    column = text.position(start).column
    before = text.line(statement.lineno)[: column - 1]
    above = text.line(statement.lineno - 1) if statement.lineno > 1 else ""
    if before.strip() or above.rstrip("\r\n").endswith("\\"):
        raise _no_place("another statement stands before it on its line")
    if isinstance(statement, ast.While):
        raise _no_place("a loop computes it again and again")
    if text.content.startswith("elif", start):
        raise _no_place("an elif computes it")
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        raise _no_place("a definition's header computes it")
    for node in ast.walk(statement):
        if isinstance(node, _OWN_SCOPE) and _holds(node, origin.code):
            raise _no_place("it is computed inside a lambda or a comprehension")
        if any(_holds(part, origin.code) for part in _sometimes(node)):
            raise _no_place("it is computed only where a condition holds")
    _reject_another_order(origin, list(values), nodes, text)


def _sometimes(node: ast.AST) -> list[ast.expr]:
    """The parts of an expression that are not always computed when it is."""
    if isinstance(node, ast.IfExp):
        return [node.body, node.orelse]
    if isinstance(node, ast.BoolOp):
        return node.values[1:]
    return node.comparators[1:] if isinstance(node, ast.Compare) else []


def _holds(node: ast.AST, code: ast.AST) -> bool:
    return any(part is code for part in ast.walk(node))


def _reject_another_order(
    origin: Origin, values: list[ast.expr], nodes: Iterable[Node], text: Text
) -> None:
    """What the statement does before the fix's place must not come after what the fix needs."""
    place = text.span(origin.code).start
    calls = {
        id(node.origin.code)
        for node in nodes
        if node.origin is not None and node.origin.statement is origin.statement
        if has_effect(node)
    }
    parts = [part for part in ast.walk(origin.statement) if _acts(part, calls)]
    earlier = [part for part in parts if text.span(part).start < place]
    named = {part.target.id for part in parts if isinstance(part, ast.NamedExpr)}
    inner = [part for value in values for part in ast.walk(value)]
    if any(isinstance(part, ast.Name) and part.id in named for part in inner):
        raise _no_place("the statement itself names a part of it")
    if earlier and any(_acts(part, calls) for part in inner):
        raise _no_place("the statement calls something else before")


def _acts(part: ast.AST, calls: set[int]) -> TypeGuard[ast.expr]:
    """Whether computing a part does more than give a value."""
    return id(part) in calls or isinstance(part, EFFECTS)


def _no_place(why: str) -> RewriteError:
    return RewriteError(f"no-place-for-variable: the fix needs a variable, and {why}")
