"""Definitions that a fix left without a use: dropped where making them does nothing else."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import partial

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from lossfix.graph.module import Module, lift_module
from lossfix.graph.nodes import Definition
from lossfix.graph.rebinding import outer_names
from lossfix.rewrite.apply import respelled
from lossfix.rewrite.operands import pure
from lossfix.source.text import Span, Text

_SEES_EVERYTHING = frozenset({"locals", "vars", "eval", "exec"})
_Key = tuple[str, str, int]  # function, name, which of its definitions


def drop_unused(before: Module, content: str, functions: Collection[str]) -> str:
    """`content` without the definitions that `before` used and `content` does not.

    Only `functions` are looked at: those that were changed.
    """
    used_before = {key for key, found in _definitions(before, functions).items() if found.loads}
    while True:
        after = lift_module(ast.parse(content))
        dead = [
            definition.statement
            for key, definition in _definitions(after, functions).items()
            if key in used_before and not definition.loads and _droppable(definition)
        ]
        shorter = _without(Text(content), after.tree, dead) if dead else content
        if shorter == content:
            return content
        content = shorter


def _definitions(module: Module, functions: Collection[str]) -> Mapping[_Key, Definition]:
    """Definitions inside functions; counted from the last, since a new one may come before."""
    found: dict[_Key, Definition] = {}
    for name in sorted(functions):
        unit = module.unit(name) if name else None
        if unit is None or _sees_everything(unit.tree):
            continue
        shared = outer_names(unit.tree)
        counts: defaultdict[str, int] = defaultdict(int)
        for definition in reversed(unit.definitions):
            counts[definition.name] += 1
            if definition.name in shared:
                continue
            found[(unit.name, definition.name, counts[definition.name])] = definition
    return found


def _sees_everything(tree: ast.AST) -> bool:
    return any(isinstance(n, ast.Name) and n.id in _SEES_EVERYTHING for n in ast.walk(tree))


def _droppable(definition: Definition) -> bool:
    value = getattr(definition.statement, "value", None)
    return (
        definition.simple
        and value is not None
        and pure(definition.value)
        and not any(isinstance(n, ast.NamedExpr) for n in ast.walk(value))
    )


def _without(text: Text, tree: ast.Module, statements: Sequence[ast.stmt]) -> str:
    """The text without these statements; one that ends its block or shares a line stays."""
    starts = [text.span(statement).start for statement in statements]
    shorter = partial(_shorter, text)
    return respelled(text, tree, starts, lambda start: start, shorter)


def _shorter(text: Text, span: Span, starts: Sequence[int]) -> str:
    """The lines of a top-level statement without the statements that start there."""
    wrapper = MetadataWrapper(cst.parse_module(text.slice(span)), unsafe_skip_copy=True)
    first = text.position(span.start).line
    places = [text.position(start) for start in starts]
    remover = _Remover(
        {(place.line - first + 1, place.column - 1) for place in places},
        wrapper.resolve(PositionProvider),
    )
    return wrapper.module.visit(remover).code


class _Remover(cst.CSTTransformer):
    """Takes statement lines out of their blocks; comments around one go to the next line."""

    def __init__(self, places: set[tuple[int, int]], positions: object) -> None:
        super().__init__()
        self._places = places
        self._positions = positions

    def leave_IndentedBlock(  # noqa: N802 - LibCST's name
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        kept: list[cst.BaseStatement] = []
        comments: list[cst.EmptyLine] = []
        last = len(original_node.body) - 1
        for index, (old, new) in enumerate(zip(original_node.body, updated_node.body, strict=True)):
            if index < last and self._goes(old) and isinstance(new, cst.SimpleStatementLine):
                comments += _comments_of(new)
                continue
            if comments:
                above = [*comments, *new.leading_lines]  # type: ignore[attr-defined]
                new = new.with_changes(leading_lines=above)
                comments = []
            kept.append(new)
        return updated_node.with_changes(body=kept)

    def _goes(self, line: cst.BaseStatement) -> bool:
        found = self._positions[line]  # type: ignore[index]
        here = (found.start.line, found.start.column) in self._places
        return here and isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1


def _comments_of(line: cst.SimpleStatementLine) -> list[cst.EmptyLine]:
    """The lines above a statement, then the comments in it and behind it, a line each."""
    inside = _Comments()
    line.with_changes(leading_lines=()).visit(inside)
    return [*line.leading_lines, *(cst.EmptyLine(comment=found) for found in inside.found)]


class _Comments(cst.CSTVisitor):
    """Collects comments in the order of the text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[cst.Comment] = []

    def visit_Comment(self, node: cst.Comment) -> None:  # noqa: N802 - LibCST's name
        self.found.append(node)
