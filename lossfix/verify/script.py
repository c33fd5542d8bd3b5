"""A loss that stands bare in a script, made into a function that can be called.

Its statements are copied, from the value that is wrong to the loss, and back to what nothing is
known of: a placeholder, a batch, the output of a model, a product with weights. Such names become
parameters. Nothing else of the script is run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lossfix.graph.nodes import CONST, OPAQUE, Node, Unit
from lossfix.source.text import Text
from lossfix.verify.slice import used_names

FUNCTION = "loss_of_the_script"
_INDENT = "    "
_MADE_ELSEWHERE = frozenset({OPAQUE, "variable", "matmul"})
_DEFINES = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class ScriptError(Exception):
    """No function can be made of the statements; the message says why."""


@dataclass(frozen=True)
class Script:
    """The text of a module with the function, and where its lines come from.

    `lines` gives the line of the script for each line of the function, and by how many columns
    its text was moved to the right.
    """

    text: str
    parameters: tuple[str, ...]
    lines: Mapping[int, tuple[int, int]]

    def here(self, line: int, column: int) -> tuple[int, int]:
        """Where a place of the script is in `text`."""
        for new, (old, by) in self.lines.items():
            if old == line:
                return new, column + by
        return line, column


def script_of(text: str, unit: Unit, root: Node) -> Script:
    """The function that computes the loss that `root` flows into. Raises ScriptError."""
    assert root.origin is not None
    target, value = _target(unit, root)
    before = list(_before(unit.tree.body, target))
    kept: list[ast.stmt] = [target]
    needed = used_names(value)
    parameters: list[str] = []
    for statement in reversed(before):
        names = _assigned(statement) & needed
        if not names:
            continue
        needed -= names
        if statement is not root.origin.statement and _is_made_elsewhere(statement, names, unit):
            parameters.extend(sorted(names))
        else:
            kept.insert(0, statement)
            needed |= used_names(statement)
    known = _defined(unit.tree.body)
    parameters += sorted(_bound(unit.tree) & needed - known)
    if not parameters:
        raise ScriptError("nothing that its loss is computed from could be an input")
    return _written(text, unit, kept, target, value, list(dict.fromkeys(parameters)))


def _target(unit: Unit, root: Node) -> tuple[ast.stmt, ast.expr]:
    """The statement that makes the loss, and the loss in it; the finding itself where none does."""
    for result in unit.results:
        if result.origin is not None and any(node is root for node in result.walk()):
            code = result.origin.code
            if isinstance(code, ast.expr):
                return result.origin.statement, code
    assert root.origin is not None
    statement, code = root.origin.statement, root.origin.code
    if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
        return statement, statement.value
    if not isinstance(code, ast.expr):
        raise ScriptError("its loss is changed in place")
    return statement, code


def _before(body: Sequence[ast.stmt], target: ast.stmt) -> Iterator[ast.stmt]:
    """The simple statements that run before the target whenever it runs, in order."""
    for statement in body:
        if statement is target:
            return
        holds = any(node is target for node in ast.walk(statement))
        if isinstance(statement, ast.With | ast.AsyncWith) or holds:
            for inner in _suites(statement):
                if not holds or any(n is target for s in inner for n in ast.walk(s)):
                    yield from _before(inner, target)
            if holds:
                return
        else:
            yield statement


def _suites(statement: ast.stmt) -> list[list[ast.stmt]]:
    suites = [getattr(statement, field, []) for field in ("body", "orelse", "finalbody")]
    return [*suites, *(handler.body for handler in getattr(statement, "handlers", ()))]


def _assigned(statement: ast.stmt) -> set[str]:
    """Names that a plain assignment binds."""
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        targets = [statement.target]
    return {
        node.id
        for target in targets
        for node in ast.walk(target)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def _is_made_elsewhere(statement: ast.stmt, names: set[str], unit: Unit) -> bool:
    """Whether a statement computes a value with something that is not known, or with weights."""
    return any(
        node.op in _MADE_ELSEWHERE
        and node.origin is not None
        and node.origin.statement is statement
        for definition in unit.definitions
        if definition.statement is statement and definition.name in names
        for node in definition.value.walk()
    )


def _defined(body: Sequence[ast.stmt]) -> set[str]:
    """Names of imports, functions and classes at module level."""
    found: set[str] = set()
    for statement in body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            found |= {(a.asname or a.name).split(".")[0] for a in statement.names}
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(statement.name)
    return found


def _bound(tree: ast.AST) -> set[str]:
    return {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def _written(
    text: str,
    unit: Unit,
    kept: Sequence[ast.stmt],
    target: ast.stmt,
    value: ast.expr,
    parameters: Sequence[str],
) -> Script:
    """Definitions and constants where they were, and the function after them."""
    source = Text(text)
    constants = {id(d.statement) for d in unit.definitions if d.simple and d.value.op == CONST}
    stay = [s for s in unit.tree.body if isinstance(s, _DEFINES) or id(s) in constants]
    lines = [""] * len(source.line_starts)
    original = text.splitlines()
    for statement in stay:
        first = min(
            [statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", ()))]
        )
        last = statement.end_lineno or statement.lineno
        lines[first - 1 : last] = original[first - 1 : last]
    places: dict[int, tuple[int, int]] = {}
    lines.append(f"def {FUNCTION}({', '.join(parameters)}):")
    for statement in kept:
        if statement is target:
            _copy(source, value, f"{_INDENT}return (", ")", lines, places)
        else:
            _copy(source, statement, _INDENT, "", lines, places)
    return Script("\n".join([*lines, ""]), tuple(parameters), places)


def _copy(
    source: Text,
    node: ast.stmt | ast.expr,
    before: str,
    after: str,
    lines: list[str],
    places: dict[int, tuple[int, int]],
) -> None:
    span = source.span(node)
    first = source.position(span.start)
    for number, line in enumerate(source.slice(span).splitlines()):
        lines.append((before if not number else "") + line)
        by = len(before) - (first.column - 1) if not number else 0
        places[len(lines)] = (first.line + number, by)
    lines[-1] += after
