"""Places: where a new assignment may stand."""

from __future__ import annotations

import ast

from lossfix.errors import RewriteError
from lossfix.graph.nodes import Origin
from lossfix.source.text import Text

_OWN_SCOPE = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def room_for_bindings(origin: Origin, text: Text) -> None:
    """Raises RewriteError where no assignment can go before the statement of `origin`."""
    statement = origin.statement
    start = text.span(statement).start
    column = text.position(start).column
    before = text.line(statement.lineno)[: column - 1]
    if before.strip():
        raise _no_place("another statement stands before it on its line")
    if isinstance(statement, ast.While):
        raise _no_place("a loop computes it again and again")
    if text.content.startswith("elif", start):
        raise _no_place("an elif computes it")
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        raise _no_place("a definition's header computes it")
    for node in ast.walk(statement):
        if isinstance(node, _OWN_SCOPE) and any(part is origin.code for part in ast.walk(node)):
            raise _no_place("it is computed inside a lambda or a comprehension")


def _no_place(why: str) -> RewriteError:
    return RewriteError(f"no-place-for-variable: the fix needs a variable, and {why}")
