"""Applying edits: LibCST changes the top-level statements that hold one, and nothing else.

The result must parse to the tree that was meant; where it does not, the edit is withheld.
"""

from __future__ import annotations

import ast
import copy
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from lossfix.errors import RewriteError
from lossfix.rewrite.edits import Edit
from lossfix.rewrite.snippet import Snippet
from lossfix.source.text import Span, Text

_Range = tuple[int, int, int, int]
_Suite = cst.Module | cst.IndentedBlock
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class _Assignment:
    """`name = value`, to go before a statement."""

    name: str
    value: Snippet


def apply_edits(text: Text, edits: Sequence[Edit]) -> str:
    """The text with all `edits` made; they must not overlap. Raises RewriteError."""

    def edited(span: Span, inside: Sequence[Edit]) -> str:
        return _edit_part(Text(text.slice(span)), [_moved(edit, span.start) for edit in inside])

    return respelled(text, ast.parse(text.content), edits, lambda edit: edit.span.start, edited)


def respelled(
    text: Text,
    tree: ast.Module,
    items: Iterable[_Item],
    start: Callable[[_Item], int],
    respell: Callable[[Span, Sequence[_Item]], str],
) -> str:
    """The text with those top-level statements spelled anew that items start in.

    `respell` gives the new text of a statement's lines from their span and the items there.
    """
    spans = [whole_lines(text, statement) for statement in tree.body]
    starts = [span.start for span in spans]
    grouped: defaultdict[int, list[_Item]] = defaultdict(list)
    for item in items:
        grouped[bisect_right(starts, start(item)) - 1].append(item)
    pieces: list[str] = []
    done = 0
    for index in sorted(grouped):
        span = spans[index]
        changed = _ended_alike(text.slice(span), respell(span, grouped[index]))
        pieces += [text.content[done : span.start], changed]
        done = span.end
    return "".join([*pieces, text.content[done:]])


def _ended_alike(before: str, after: str) -> str:
    """`after` with the line ending that `before` has at its end: LibCST drops a lone CR there."""
    ending = before[len(before.rstrip("\r\n")) :]
    return after if after.endswith(ending) else after.rstrip("\r\n") + ending


def whole_lines(text: Text, statement: ast.stmt) -> Span:
    """The lines of a top-level statement, its decorators included."""
    first = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", ()))])
    assert statement.end_lineno is not None
    return Span(text.line_starts[first - 1], _line_end(text, statement.end_lineno))


def _line_end(text: Text, line: int) -> int:
    return text.line_starts[line] if line < len(text.line_starts) else len(text.content)


def _moved(edit: Edit, by: int) -> Edit:
    span = Span(edit.span.start - by, edit.span.end - by)
    statement = Span(max(0, edit.statement.start - by), max(0, edit.statement.end - by))
    return Edit(span, edit.new, statement, edit.bindings, edit.imports, edit.target)


def _edit_part(part: Text, edits: Sequence[Edit]) -> str:
    """All edits made: bare where that parses to what was meant, in parentheses where not."""
    wrapper = MetadataWrapper(_parsed(part.content), unsafe_skip_copy=True)
    bare = _attempt(part, wrapper, edits, frozenset())
    if bare is not None:
        return bare
    forced = frozenset(e.span for e in edits if _attempt(part, wrapper, [e], frozenset()) is None)
    code = _attempt(part, wrapper, edits, forced)
    if code is None:
        raise RewriteError("tree-mismatch: the edit would not print the code that was meant")
    return code


def _attempt(
    part: Text, wrapper: MetadataWrapper, edits: Sequence[Edit], forced: frozenset[Span]
) -> str | None:
    """The code with the edits made; None where it does not parse to what was meant."""
    transformer = _Transformer(part, edits, wrapper.resolve(PositionProvider), forced)
    try:
        code = wrapper.module.visit(transformer).code
        found = ast.dump(ast.parse(code))
    except (SyntaxError, cst.ParserSyntaxError, cst.CSTValidationError):
        return None
    right = found == ast.dump(_intended(part, edits)) and transformer.done == len(edits)
    return code if right else None


def _parsed(content: str) -> cst.Module:
    try:
        return cst.parse_module(content)
    except cst.ParserSyntaxError as error:
        raise RewriteError(f"tree-mismatch: LibCST cannot parse this: {error.message}") from None


def _intended(part: Text, edits: Sequence[Edit]) -> ast.Module:
    """The tree of the part with every edit made in the tree itself."""
    by_span = {edit.span: edit for edit in edits}

    class Replacer(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST | list[ast.AST]:
            edit = None
            if isinstance(node, (ast.expr, ast.AugAssign)):
                edit = by_span.get(part.span(node))
            if edit is not None and isinstance(node, ast.AugAssign) == bool(edit.target):
                new: ast.AST = copy.deepcopy(edit.new.tree)
                if edit.target:
                    new = _assigned(edit.target, edit.new)
            else:
                new = self.generic_visit(node)
            if isinstance(node, ast.stmt):
                start = part.span(node).start
                before = [
                    _assigned(name, value)
                    for e in edits
                    if e.statement.start == start and e.bindings
                    for name, value in e.bindings
                ]
                return [*before, new] if before else new
            return new

    tree = Replacer().visit(ast.parse(part.content))
    assert isinstance(tree, ast.Module)
    return tree


def _assigned(name: str, value: Snippet) -> ast.Assign:
    return ast.Assign([ast.Name(name, ast.Store())], copy.deepcopy(value.tree))


class _Transformer(cst.CSTTransformer):
    """Replaces expressions by their place in the text."""

    def __init__(
        self,
        part: Text,
        edits: Sequence[Edit],
        positions: object,
        forced: frozenset[Span],
    ) -> None:
        super().__init__()
        self._positions = positions
        self._forced = forced
        self._edits = {_range(part, edit.span): edit for edit in edits}
        self._bindings: defaultdict[tuple[int, int], list[_Assignment]] = defaultdict(list)
        for edit in edits:
            place = _range(part, edit.statement)[:2]
            self._bindings[place] += [_Assignment(n, v) for n, v in edit.bindings]
        self.done = 0

    def _range_of(self, node: cst.CSTNode) -> _Range:
        found = self._positions[node]  # type: ignore[index]
        return (found.start.line, found.start.column, found.end.line, found.end.column)

    def on_leave(
        self, original_node: cst.CSTNodeT, updated_node: cst.CSTNodeT
    ) -> cst.CSTNodeT | cst.RemovalSentinel | cst.FlattenSentinel[cst.CSTNodeT]:
        updated = super().on_leave(original_node, updated_node)
        if isinstance(original_node, (cst.BaseExpression, cst.AugAssign)):
            edit = self._edits.get(self._range_of(original_node))
            if edit is not None and isinstance(original_node, cst.AugAssign) == bool(edit.target):
                self.done += 1
                return self._replacement(original_node, edit)  # type: ignore[return-value]
        if isinstance(original_node, (cst.SimpleStatementLine, cst.BaseCompoundStatement)):
            before = self._bindings.get(self._range_of(original_node)[:2], [])
            if before and isinstance(updated, cst.CSTNode):
                return _with_assignments(before, updated)  # type: ignore[return-value]
        return updated

    def _replacement(self, original: cst.CSTNode, edit: Edit) -> cst.CSTNode:
        new = _expression(edit.new.text)
        if edit.target:
            return cst.Assign([cst.AssignTarget(cst.Name(edit.target))], new)
        old_parens = getattr(original, "lpar", ())
        if old_parens and (not _atomic(new) or _spreads(original)):
            return new.with_changes(lpar=original.lpar, rpar=original.rpar)  # type: ignore[attr-defined]
        if edit.span in self._forced or ("\n" in edit.new.text and not _atomic(new)):
            return new.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        return new


def _expression(text: str) -> cst.BaseExpression:
    """The expression; in parentheses where a line break in it needs them."""
    try:
        return cst.parse_expression(text)
    except cst.ParserSyntaxError:
        return cst.parse_expression(f"({text})")


def _with_assignments(
    before: Sequence[_Assignment], statement: cst.CSTNode
) -> cst.FlattenSentinel[cst.CSTNode]:
    """The comments above a statement stay above what now comes first."""
    lines = [
        cst.SimpleStatementLine(
            [cst.Assign([cst.AssignTarget(cst.Name(a.name))], _expression(a.value.text))]
        )
        for a in before
    ]
    above = getattr(statement, "leading_lines", ())
    lines[0] = lines[0].with_changes(leading_lines=above)
    return cst.FlattenSentinel([*lines, statement.with_changes(leading_lines=())])


def _range(part: Text, span: Span) -> _Range:
    start, end = part.position(span.start), part.position(span.end)
    return (start.line, start.column - 1, end.line, end.column - 1)


def _atomic(node: cst.BaseExpression) -> bool:
    return isinstance(node, (cst.Call, cst.Name, cst.Attribute, cst.BaseNumber, cst.Subscript))


def _spreads(node: cst.CSTNode) -> bool:
    """Whether the parentheses hold a line break, so that the text needs them."""
    return "\n" in cst.Module([]).code_for_node(node)
