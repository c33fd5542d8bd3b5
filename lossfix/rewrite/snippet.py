"""Snippets: code built as a text and a tree at once, with parentheses from precedence."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ATOM, POWER, UNARY, PRODUCT, SUM, COMPARISON, LOWEST = 18, 16, 15, 14, 13, 8, 0

_PRECEDENCE: Mapping[type[ast.AST], int] = {
    ast.Pow: POWER,
    ast.Mult: PRODUCT,
    ast.MatMult: PRODUCT,
    ast.Div: PRODUCT,
    ast.FloorDiv: PRODUCT,
    ast.Mod: PRODUCT,
    ast.Add: SUM,
    ast.Sub: SUM,
    ast.LShift: 12,
    ast.RShift: 12,
    ast.BitAnd: 11,
    ast.BitXor: 10,
    ast.BitOr: 9,
    ast.Compare: COMPARISON,
    ast.BoolOp: 5,
    ast.IfExp: 4,
    ast.Lambda: 3,
    ast.Tuple: 2,
    ast.Starred: 2,
    ast.NamedExpr: 1,
    ast.Yield: LOWEST,
    ast.YieldFrom: LOWEST,
    ast.Await: 17,
}
_ARITHMETIC: Mapping[str, tuple[str, type[ast.operator]]] = {
    "add": ("+", ast.Add),
    "sub": ("-", ast.Sub),
    "mul": ("*", ast.Mult),
    "div": ("/", ast.Div),
}
_COMPARISONS: Mapping[str, tuple[str, type[ast.cmpop]]] = {
    "greater": (">", ast.Gt),
    "greater_equal": (">=", ast.GtE),
    "less": ("<", ast.Lt),
    "less_equal": ("<=", ast.LtE),
}
INFIX = frozenset({*_ARITHMETIC, *_COMPARISONS})


@dataclass(frozen=True, eq=False, slots=True)
class Snippet:
    """An expression: what will be printed, and the tree that the print must parse to."""

    text: str
    tree: ast.expr

    @property
    def precedence(self) -> int:
        """How tightly the outermost operation binds, as the grammar of expressions has it."""
        tree = self.tree
        if isinstance(tree, ast.BinOp):
            return _PRECEDENCE[type(tree.op)]
        if isinstance(tree, ast.UnaryOp):
            return 6 if isinstance(tree.op, ast.Not) else UNARY
        if isinstance(tree, ast.Tuple) and self.text.startswith("("):
            return ATOM  # the parser counts a tuple's parentheses as its own
        return _PRECEDENCE.get(type(tree), ATOM)

    @property
    def simple(self) -> bool:
        """Cheap to write twice: a name, a number, an attribute of a name."""
        tree = self.tree
        while isinstance(tree, (ast.Attribute, ast.UnaryOp)):
            tree = tree.value if isinstance(tree, ast.Attribute) else tree.operand
        return isinstance(tree, (ast.Name, ast.Constant))

    def within(self, least: int) -> str:
        """The text where something that binds at least as tightly as `least` is wanted."""
        spread = "\n" in self.text and self.precedence < ATOM
        return f"({self.text})" if spread or self.precedence < least else self.text


def name(text: str) -> Snippet:
    """A dotted name."""
    return Snippet(text, ast.parse(text, mode="eval").body)


def literal(value: object) -> Snippet:
    """A number, a flag, None, a text, or a tuple of them."""
    text = repr(value)
    return Snippet(text, ast.parse(text, mode="eval").body)


def uncommented(value: Snippet) -> Snippet:
    """The same without its comments: they stay where it was copied from."""
    if "#" not in value.text:
        return value
    lines = value.text.split("\n")  # as tokenize counts them
    tokens = tokenize.generate_tokens(io.StringIO(f"({value.text}\n)").readline)
    for token in tokens:
        if token.type == tokenize.COMMENT:
            row, column = token.start
            column -= row == 1  # the parenthesis that was put before the text
            line = lines[row - 1]
            lines[row - 1] = line[:column].rstrip(" \t") + line[column + len(token.string) :]
    return Snippet("\n".join(lines), value.tree)


def is_number(snippet: Snippet, value: float) -> bool:
    tree = snippet.tree
    return (
        isinstance(tree, ast.Constant)
        and isinstance(tree.value, (int, float))
        and not isinstance(tree.value, bool)
        and tree.value == value
    )


def negative(operand: Snippet, negated: Snippet | None = None) -> Snippet:
    """`-operand`; `negated` is what `operand` is the negative of, where it is one."""
    if negated is not None:
        return negated
    return Snippet(f"-{operand.within(UNARY)}", ast.UnaryOp(ast.USub(), operand.tree))


def infix(op: str, left: Snippet, right: Snippet) -> Snippet:
    """Arithmetic or a comparison by Python's own operator."""
    if op in _COMPARISONS:
        sign, kind = _COMPARISONS[op]
        text = f"{left.within(COMPARISON + 1)} {sign} {right.within(COMPARISON + 1)}"
        return Snippet(text, ast.Compare(left.tree, [kind()], [right.tree]))
    sign, operator = _ARITHMETIC[op]
    level = PRODUCT if op in ("mul", "div") else SUM
    text = f"{left.within(level)} {sign} {right.within(level + 1)}"
    return Snippet(text, ast.BinOp(left.tree, operator(), right.tree))


def call(
    function: str, args: Sequence[Snippet], keywords: Sequence[tuple[str, Snippet]] = ()
) -> Snippet:
    """A call of a dotted name."""
    printed = [_argument(arg) for arg in args]
    printed += [f"{key}={_argument(value)}" for key, value in keywords]
    tree = ast.Call(
        name(function).tree,
        [arg.tree for arg in args],
        [ast.keyword(key, value.tree) for key, value in keywords],
    )
    return Snippet(f"{function}({', '.join(printed)})", tree)


def _argument(value: Snippet) -> str:
    return value.text if value.precedence >= _PRECEDENCE[ast.Lambda] else f"({value.text})"


def with_gradient(function: str, variable: Snippet, value: Snippet) -> Snippet:
    """`value`, a function of `variable`, with the gradient of the identity.

    `function` is TensorFlow's custom_gradient: the gradient is declared, and the value untouched.
    """
    name = variable.text
    text = f"{function}(lambda {name}: ({value.text}, lambda upstream: upstream))({name})"
    return Snippet(text, ast.parse(text, mode="eval").body)


def column(value: Snippet, index: int, *, kept: bool) -> Snippet:
    """`value[:, index]`, or `value[:, index:index + 1]` where the axis is `kept`."""
    wanted = f"{index}:{index + 1}" if kept else str(index)
    parsed = ast.parse(f"_[:, {wanted}]", mode="eval").body
    assert isinstance(parsed, ast.Subscript)
    parsed.value = value.tree
    return Snippet(f"{value.within(ATOM)}[:, {wanted}]", parsed)
