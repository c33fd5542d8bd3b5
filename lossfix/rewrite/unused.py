"""Definitions that a fix left without a use: dropped where making them does nothing else."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Mapping

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from lossfix.graph.module import Module, lift_module
from lossfix.graph.nodes import Definition
from lossfix.rewrite.operands import pure
from lossfix.source.text import Span, Text

_SEES_EVERYTHING = frozenset({"locals", "vars", "eval", "exec"})
_Key = tuple[str, str, int]  # function, name, which of its definitions


def drop_unused(before: Module, content: str) -> str:
    """`content` without the definitions that `before` used and `content` does not."""
    used_before = {key for key, found in _definitions(before).items() if found.loads}
    while True:
        after = lift_module(ast.parse(content))
        text = Text(content)
        dead = next(
            (
                definition
                for key, definition in _definitions(after).items()
                if key in used_before and not definition.loads and _droppable(definition)
            ),
            None,
        )
        if dead is None:
            return content
        shorter = _without(text, after.tree, dead.statement)
        if shorter is None or shorter == content:
            return content
        content = shorter


def _definitions(module: Module) -> Mapping[_Key, Definition]:
    """Definitions inside functions; counted from the last, since a new one may come before."""
    found: dict[_Key, Definition] = {}
    for unit in module.units:
        if not unit.name or _sees_everything(unit.tree):
            continue
        counts: defaultdict[str, int] = defaultdict(int)
        for definition in reversed(unit.definitions):
            counts[definition.name] += 1
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


def _without(text: Text, tree: ast.Module, statement: ast.stmt) -> str | None:
    """The text without one statement; None where its block would be empty, or it shares a line."""
    top = next(s for s in tree.body if s.lineno <= statement.lineno <= (s.end_lineno or 0))
    first = min([top.lineno, *(d.lineno for d in getattr(top, "decorator_list", ()))])
    assert top.end_lineno is not None
    end_line = top.end_lineno
    start = text.line_starts[first - 1]
    end = text.line_starts[end_line] if end_line < len(text.line_starts) else len(text.content)
    place = text.position(text.span(statement).start)
    wrapper = MetadataWrapper(cst.parse_module(text.slice(Span(start, end))), unsafe_skip_copy=True)
    positions = wrapper.resolve(PositionProvider)
    remover = _Remover((place.line - first + 1, place.column - 1), positions)
    code = wrapper.module.visit(remover).code
    return text.content[:start] + code + text.content[end:] if remover.done else None


class _Remover(cst.CSTTransformer):
    """Takes one statement line out of its block; comments around it go to the next line."""

    def __init__(self, place: tuple[int, int], positions: object) -> None:
        super().__init__()
        self._place = place
        self._positions = positions
        self.done = False

    def leave_IndentedBlock(  # noqa: N802 - LibCST's name
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        for index, line in enumerate(original_node.body):
            found = self._positions[line]  # type: ignore[index]
            here = (found.start.line, found.start.column) == self._place
            if here and isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1:
                return self._removed(updated_node, index)
        return updated_node

    def _removed(self, block: cst.IndentedBlock, index: int) -> cst.IndentedBlock:
        line = block.body[index]
        if len(block.body) < 2 or index + 1 == len(block.body):
            return block
        assert isinstance(line, cst.SimpleStatementLine)
        self.done = True
        kept = list(line.leading_lines)
        if line.trailing_whitespace.comment is not None:
            kept.append(cst.EmptyLine(comment=line.trailing_whitespace.comment))
        body = list(block.body)
        follower = body[index + 1]
        body[index + 1] = follower.with_changes(
            leading_lines=[*kept, *follower.leading_lines]  # type: ignore[attr-defined]
        )
        del body[index]
        return block.with_changes(body=body)
