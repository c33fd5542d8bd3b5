"""Operands: how to write a value at the place of a fix, with the user's own text where it holds."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from lossfix.errors import RewriteError
from lossfix.graph.express import is_pure_call
from lossfix.graph.nodes import CONST, INPUT, OPAQUE, Node, Origin
from lossfix.graph.vocabulary import OPS, Op
from lossfix.rewrite import snippet
from lossfix.rewrite.snippet import Snippet
from lossfix.rules.pattern import Match
from lossfix.source.text import Text


class Operands:
    """What can be written where the match's root stands."""

    def __init__(self, match: Match, text: Text) -> None:
        assert match.root.origin is not None
        self.match = match
        self.text = text
        self.place: Origin = match.root.origin
        self.range = text.span(self.place.code)
        spelled = {
            node.id
            for inner in match.interior
            if inner.origin is not None and inner.origin.frame.name == self.place.frame.name
            for node in ast.walk(inner.origin.code)
            if isinstance(node, ast.Name)
        }
        named_inside = {
            node.target.id for node in ast.walk(self.place.code) if isinstance(node, ast.NamedExpr)
        }
        self._names: dict[int, str] = {}
        self._spelled: dict[int, str] = {}
        for name, node in self.place.scope.items():
            if name in named_inside:
                continue
            self._names[node.number] = name
            if name in spelled or name.partition(".")[0] in spelled:
                self._spelled[node.number] = name

    def find(self, node: Node) -> Snippet | None:
        """The value as it can be had without computing it anew; None where it cannot."""
        if self.inside(node):
            return self.written(node)
        name = self._spelled.get(node.number)
        if name is None and node.op != CONST:
            name = self._names.get(node.number)
        return snippet.name(name) if name is not None else None

    def inline(self, node: Node) -> Snippet | None:
        """The text that made the value, where it would still make it here."""
        origin = node.origin
        if origin is None or isinstance(origin.code, ast.AugAssign):
            return None
        if origin.frame.home is not self.place.frame.home:
            return None
        if not self._same_names(origin) or not pure(node):
            return None
        return snippet.uncommented(self.written(node))

    def inside(self, node: Node) -> bool:
        """Whether the value is written in the text that is to be replaced."""
        return (
            node.origin is not None
            and node.origin.statement is self.place.statement
            and not isinstance(node.origin.code, ast.AugAssign)
            and self.range.covers(self.text.span(node.origin.code))
            and node.origin.code is not self.place.code
        )

    def written(self, node: Node) -> Snippet:
        assert node.origin is not None
        code = node.origin.code
        assert isinstance(code, ast.expr)
        return Snippet(self.text.slice(self.text.span(code)), code)

    def _same_names(self, origin: Origin) -> bool:
        """Whether every name in the text holds here what it held there."""
        bound = {n.id for n in ast.walk(origin.code) if _is_store(n) and isinstance(n, ast.Name)}
        return all(
            self._number(origin, name) == self._number(self.place, name)
            for name in _loaded(origin.code)
            if name not in bound
        )

    @staticmethod
    def _number(origin: Origin, name: str) -> int | None:
        node = origin.scope.get(name)
        return None if node is None else node.number

    def argument(self, value: object) -> Snippet | None:
        """An attribute of a matched op as the user wrote it: an axis, a dtype."""
        for node in self.match.interior:
            origin = node.origin
            if origin is None or not isinstance(origin.code, ast.Call) or node.op not in OPS:
                continue
            if node.inner is not None or origin.frame.home is not self.place.frame.home:
                continue
            for attr, given in node.attrs.items():
                if given == value and isinstance(given, bool) == isinstance(value, bool):
                    found = written_argument(origin.code, OPS[node.op], attr)
                    if found is not None and self._same_names(origin):
                        written = Snippet(self.text.slice(self.text.span(found)), found)
                        here = self.range.covers(self.text.span(found))
                        return written if here else snippet.uncommented(written)
        return None


def written_argument(call: ast.Call, row: Op, attr: str) -> ast.expr | None:
    """The expression that a call gives for `attr`."""
    for keyword in call.keywords:
        if keyword.arg is not None and row.spellings.get(keyword.arg) == attr:
            return keyword.value
    index = (*row.params, *row.attrs).index(attr)
    return call.args[index] if index < len(call.args) else None


def pure(node: Node) -> bool:
    """Whether computing the value a second time gives the same and does nothing else."""
    if node.op == INPUT or node.origin is None:
        return True
    parts = list(ast.walk(node.origin.code))
    made = {id(part) for part in parts}
    called = [inner for inner in node.walk() if inner.inner is not None]
    return (
        not any(isinstance(part, EFFECTS) for part in parts)
        and not any(
            has_effect(inner)
            for inner in node.walk()
            if inner.origin is not None and (id(inner.origin.code) in made or called)
        )
        and all(map(_only_computes, called))
    )


def _only_computes(call: Node) -> bool:
    """Whether the helper that a call runs through has no statement but assignments and returns."""
    assert call.inner is not None
    origin = call.inner.origin
    if origin is None:
        return False
    place = origin.frame.home.places.get(origin.frame.name)
    statements = ast.walk(place.tree) if place is not None else iter((origin.statement,))
    return not any(
        isinstance(part, (ast.Global, ast.Nonlocal, ast.Raise, ast.Yield, ast.Await))
        or (isinstance(part, ast.Expr) and not isinstance(part.value, ast.Constant))
        or (isinstance(part, (ast.Attribute, ast.Subscript)) and isinstance(part.ctx, ast.Store))
        for part in statements
    )


EFFECTS = (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)
"""Expressions that do more than give a value, calls apart."""


def has_effect(node: Node) -> bool:
    """Whether the value comes from a call that may do something, or give another value next."""
    return (
        node.op == OPAQUE
        and node.origin is not None
        and isinstance(node.origin.code, ast.Call)
        and not is_pure_call(node.name)
    )


def opaque_operand(node: Node) -> RewriteError:
    what = node.name or node.op
    return RewriteError(f"opaque-operand: {what} cannot be written again at the place of the fix")


def _loaded(code: ast.AST) -> Iterator[str]:
    for node in ast.walk(code):
        if isinstance(node, ast.Name):
            yield node.id


def _is_store(node: ast.AST) -> bool:
    return isinstance(getattr(node, "ctx", None), ast.Store)
