"""A loss's text with a probe around every expression whose value may be a tensor."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from lossfix.source.text import Text

PROBE = "__lossfix_probe__"

_OPERATORS = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.MatMult: "@",
    ast.USub: "-",
    ast.Not: "not",
    ast.Invert: "~",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}


@dataclass(frozen=True, slots=True)
class Site:
    """A probed expression: 1-based line, 0-based column, and the sites that it reads directly."""

    line: int
    column: int
    code: str
    op: str  # function or operator; "" for a mere name
    reads: tuple[int, ...]
    end: tuple[int, int] = (0, 0)  # line and column where it ends, exclusive


def instrument(text: str) -> tuple[str, tuple[Site, ...]]:
    """The text with probes, and its sites by number. Lines are not kept; the sites know them."""
    prober = _Prober(text)
    tree = prober.visit(ast.parse(text))
    return ast.unparse(ast.fix_missing_locations(tree)), tuple(prober.sites)


def pass_through() -> None:
    """Probes that see nothing: what runs while the text is loaded is not watched."""
    setattr(builtins, PROBE, lambda site, value: value)


class _Prober(ast.NodeTransformer):
    """Puts probes into function bodies; decorators, defaults and annotations stay as they are."""

    def __init__(self, text: str) -> None:
        self.sites: list[Site] = []
        self._source = Text(text)
        self._inside = 0
        self._reading: list[list[int]] = [[]]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self._inside += 1
        node.body = [self.visit(statement) for statement in node.body]
        self._inside -= 1
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        node.body = self.visit(node.body)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id in ("super", "locals", "globals"):
            return node
        op = getattr(node.func, "attr", None) or getattr(node.func, "id", "call")
        return self._probed(node, str(op), self._visit_call)

    def _visit_call(self, node: ast.expr) -> ast.expr:
        assert isinstance(node, ast.Call)
        if isinstance(node.func, ast.Attribute):
            node.func.value = self.visit(node.func.value)
        node.args = [self.visit(argument) for argument in node.args]
        for keyword in node.keywords:
            keyword.value = self.visit(keyword.value)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        return self._probed(node, _OPERATORS.get(type(node.op), "operator"))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        if isinstance(node.operand, ast.Constant):
            return node
        return self._probed(node, _OPERATORS.get(type(node.op), "operator"))

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        return self._probed(node, _OPERATORS.get(type(node.ops[0]), "comparison"))

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if not isinstance(node.ctx, ast.Load):
            return node
        return self._probed(node, "[]")

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if not isinstance(node.ctx, ast.Load):
            return node
        return self._probed(node, "", lambda name: name)

    def _probed(
        self, node: ast.expr, op: str, descend: Callable[[ast.expr], ast.expr] | None = None
    ) -> ast.AST:
        if not self._inside:
            return node
        span = self._source.span(node)
        position = self._source.position(span.start)
        code = " ".join(self._source.slice(span).split())
        self._reading.append([])
        inner = descend(node) if descend else cast(ast.expr, self.generic_visit(node))
        reads = tuple(self._reading.pop())
        number = len(self.sites)
        last = self._source.position(span.end)
        end = (last.line, last.column - 1)
        self.sites.append(Site(position.line, position.column - 1, code, op, reads, end))
        self._reading[-1].append(number)
        call = ast.Call(
            func=ast.Name(id=PROBE, ctx=ast.Load()),
            args=[ast.Constant(value=number), inner],
            keywords=[],
        )
        return ast.copy_location(call, node)
