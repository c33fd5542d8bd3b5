"""The part of a module that one loss needs: its function and what that uses, and nothing else.

A script that trains when it is imported must not train when its loss is verified. What is left
out is blanked, so that every line keeps its number.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass

from lossfix.source.text import Span, Text

_BUILTINS = frozenset(dir(builtins)) | {"__file__", "__name__", "__doc__"}


class SliceError(Exception):
    """The function is not in the text, or the text does not parse."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The kept text, and what was left out as 1-based line ranges."""

    text: str
    left_out: tuple[tuple[int, int], ...]
    missing: tuple[str, ...]  # names that nothing in the module binds


def slice_module(text: str, function: str) -> Slice:
    """Keeps the statements that `function` ("f", "Class.method", "outer.inner") needs."""
    text = text.removeprefix("\ufeff")
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise SliceError(f"the text does not parse: {error}") from None
    find_function(tree, function)
    bound = [(node, frozenset(_bound(node))) for node in tree.body]
    stars = [
        node
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and any(a.name == "*" for a in node.names)
    ]
    kept: set[ast.stmt] = {
        node
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    }
    wanted, seen = [function.split(".")[0]], set[str]()
    missing: list[str] = []
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        binders = [node for node, names in bound if name in names and not _is_main_guard(node)]
        if not binders and name not in _BUILTINS:
            missing.append(name)
            kept.update(stars)
        for node in binders:
            if node not in kept:
                kept.add(node)
                wanted.extend(used_names(node) - seen)
    left = [node for node in tree.body if node not in kept and not _is_docstring(node)]
    return Slice(
        _blank(text, [node for node in tree.body if node in kept]),
        tuple((_first_line(node), node.end_lineno or node.lineno) for node in left),
        () if stars else tuple(sorted(missing)),
    )


def find_function(tree: ast.Module, function: str) -> ast.FunctionDef | ast.AsyncFunctionDef:
    """The definition that a dotted name says; the last one where there are several."""
    body: list[ast.stmt] = tree.body
    found: ast.stmt | None = None
    for name in function.split("."):
        found = None
        for node in _statements(body):
            if (
                isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
                and node.name == name
            ):
                found = node
        if found is None:
            break
        body = found.body
    if not isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef):
        raise SliceError(f"there is no function called {function!r}")
    return found


def used_names(node: ast.AST) -> set[str]:
    """Names that `node` reads, decorators, defaults, bases and annotations included."""
    return {
        child.id
        for child in ast.walk(node)
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Load)
    }


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of one scope, those inside if/try/with/for included."""
    for node in body:
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for field in ("body", "orelse", "finalbody"):
            inner = getattr(node, field, None)
            if isinstance(inner, list):
                yield from _statements(inner)
        for handler in getattr(node, "handlers", ()):
            yield from _statements(handler.body)


def _bound(node: ast.stmt) -> Iterator[str]:
    """Names that a module-level statement binds or changes."""
    for statement in _statements([node]):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield statement.name
        elif isinstance(statement, ast.Import):
            for alias in statement.names:
                yield alias.asname or alias.name.split(".")[0]
        elif isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                yield alias.asname or alias.name
        else:
            yield from _targets(statement)


def _targets(statement: ast.stmt) -> Iterator[str]:
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = list(statement.targets)
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign | ast.For):
        targets = [statement.target]
    elif isinstance(statement, ast.With):
        targets = [item.optional_vars for item in statement.items if item.optional_vars]
    for target in targets:
        for child in ast.walk(target):
            # `table[0] = x` and `config.k = 3` change what the name holds
            if isinstance(child, ast.Name) and (
                isinstance(child.ctx, ast.Store) or _changes(target, child)
            ):
                yield child.id
    for child in ast.walk(statement):
        if isinstance(child, ast.NamedExpr):
            yield child.target.id


def _changes(target: ast.expr, name: ast.Name) -> bool:
    while isinstance(target, ast.Subscript | ast.Attribute):
        target = target.value
    return target is name


def _is_main_guard(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in used_names(node.test)


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])


def _blank(text: str, kept: list[ast.stmt]) -> str:
    """`text` with everything outside `kept` turned to spaces, line ends and lengths as they are."""
    source = Text(text)
    pieces: list[str] = []
    position = 0
    for node in kept:
        span = source.span(node)
        first = _first_line(node)
        start = source.line_starts[first - 1] if first < node.lineno else span.start
        on_line = source.line_starts[source.position(start).line - 1]
        gap = _spaces(text[position:start])
        if start > on_line >= position and not text[on_line:start].isspace():
            gap = gap[
                : len(gap) - (start - on_line)
            ]  # after a `;`: the statement moves to column 0
        elif start > on_line and position > on_line:
            gap = "; "
        pieces.extend((gap, source.slice(Span(start, span.end))))
        position = span.end
    pieces.append(_spaces(text[position:]))
    return "".join(pieces)


def _spaces(text: str) -> str:
    return "".join(c if c in "\r\n" else " " for c in text)
