"""Lifting expressions: a node for each, opaque where the graph does not know."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from lossfix.graph.names import dotted, is_framework, qualify
from lossfix.graph.nodes import CONST, FREE, OPAQUE, Attribute, Dynamic, Node, Origin
from lossfix.graph.number import Numbering
from lossfix.graph.rebinding import walrus_names
from lossfix.graph.vocabulary import NUMPY_TWINS, OPS, Op, resolve


class Lifting(Protocol):
    """What lifting an expression asks of whoever lifts the statements around it."""

    numbers: Numbering
    imports: Mapping[str, tuple[str, ...]]
    scope: dict[str, Node]

    def origin(self, code: ast.expr | ast.AugAssign) -> Origin: ...
    def record(self, node: Node) -> None: ...
    def look_up(self, name: str) -> Node | None: ...
    def note_load(self, name: ast.Name) -> None: ...
    def note_names(self, expr: ast.AST) -> None: ...
    def note_captured(self, tree: ast.AST) -> None: ...
    def note_call(self, call: ast.Call, name: str | None, node: Node) -> None: ...
    def join(self, nodes: tuple[Node, ...], origin: Origin | None = None) -> Node: ...
    def bind(self, name: str, node: Node) -> None: ...
    def define(self, name: str, node: Node, simple: bool) -> None: ...
    def forget(self, names: Iterable[str]) -> None: ...


_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "pow",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.MatMult: "matmul",
    ast.BitAnd: "logical_and",
    ast.BitOr: "logical_or",
}
_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
}
_METHODS = {"numpy": "to_numpy", "item": "to_float", "tolist": "to_float"}
_EPSILON_CALLS = ("backend.epsilon", "config.epsilon", "keras.epsilon")
_EPSILON = 1e-7
_NUMPY_NUMBERS = frozenset("numpy.float32 numpy.float64 numpy.float16 numpy.array".split())
_RANDOM = ("random", "dropout", "shuffle", "sample", "uniform", "normal", "categorical")
_SHAPE_ATTRIBUTES = frozenset("shape ndim dtype size device name".split())


def lift_expression(lifter: Lifting, expr: ast.expr) -> Node:
    """The value of `expr` here; records it, and all that it is made of."""
    handler = _HANDLERS.get(type(expr))
    node = handler(lifter, expr) if handler else _opaque_expression(lifter, expr)
    if node.origin is not None and node.origin.code is expr:
        lifter.record(node)
    return node


def _constant(lifter: Lifting, expr: ast.Constant) -> Node:
    value = expr.value if isinstance(expr.value, (int, float, str, bool, type(None))) else None
    if value is None and expr.value is not None:
        return lifter.numbers.opaque("constant", (), repr(expr.value), lifter.origin(expr))
    return lifter.numbers.constant(value, lifter.origin(expr))


def _name(lifter: Lifting, expr: ast.Name) -> Node:
    lifter.note_load(expr)
    node = lifter.look_up(expr.id)
    if node is not None:
        return node
    qualified = qualify(expr.id, lifter.imports)
    return lifter.numbers.free(qualified or expr.id, lifter.origin(expr))


def _attribute(lifter: Lifting, expr: ast.Attribute) -> Node:
    text = dotted(expr)
    if text is not None:
        root = text.partition(".")[0]
        if lifter.look_up(text) is not None:
            lifter.note_names(expr)
            return lifter.scope[text]
        qualified = None if lifter.look_up(root) else qualify(text, lifter.imports)
        if qualified is not None:
            return lifter.numbers.free(qualified, lifter.origin(expr))
        owner = lifter.look_up(root)
        if owner is None or owner.op == FREE or root == "self":
            lifter.note_names(expr)
            return lifter.numbers.free(text, lifter.origin(expr))
    value = lift_expression(lifter, expr.value)
    return lifter.numbers.opaque(f".{expr.attr}", (value,), expr.attr, lifter.origin(expr))


def _binary(lifter: Lifting, expr: ast.BinOp) -> Node:
    left, right = lift_expression(lifter, expr.left), lift_expression(lifter, expr.right)
    return binary(lifter, expr.op, left, right, lifter.origin(expr))


def binary(lifter: Lifting, op: ast.operator, left: Node, right: Node, origin: Origin) -> Node:
    name = _BINARY.get(type(op))
    if name is None:
        return lifter.numbers.opaque(type(op).__name__, (left, right), "operator", origin)
    return lifter.numbers.apply(name, (left, right), origin=origin)


def _unary(lifter: Lifting, expr: ast.UnaryOp) -> Node:
    operand = lift_expression(lifter, expr.operand)
    if isinstance(expr.op, ast.UAdd):
        return operand
    op = "neg" if isinstance(expr.op, ast.USub) else "logical_not"
    return lifter.numbers.apply(op, (operand,), origin=lifter.origin(expr))


def _compare(lifter: Lifting, expr: ast.Compare) -> Node:
    values = [lift_expression(lifter, e) for e in (expr.left, *expr.comparators)]
    origin = lifter.origin(expr)
    names = [_COMPARE.get(type(op)) for op in expr.ops]
    if len(names) > 1 or names[0] is None:
        key = " ".join(type(op).__name__ for op in expr.ops)
        return lifter.numbers.opaque("compare", tuple(values), key, origin)
    return lifter.numbers.apply(names[0], (values[0], values[1]), origin=origin)


def _either(lifter: Lifting, expr: ast.expr, branches: list[ast.expr]) -> Node:
    nodes = tuple(lift_expression(lifter, branch) for branch in branches)
    lifter.forget(walrus_names(branches))  # which of them are computed is not known
    return lifter.join(nodes, lifter.origin(expr))


def _bool_op(lifter: Lifting, expr: ast.BoolOp) -> Node:
    return _either(lifter, expr, expr.values)


def _if_expression(lifter: Lifting, expr: ast.IfExp) -> Node:
    lift_expression(lifter, expr.test)
    return _either(lifter, expr, [expr.body, expr.orelse])


def _sequence(lifter: Lifting, expr: ast.Tuple | ast.List) -> Node:
    nodes = tuple(lift_expression(lifter, element) for element in expr.elts)
    return lifter.numbers.opaque("sequence", nodes, "sequence", lifter.origin(expr))


def _named(lifter: Lifting, expr: ast.NamedExpr) -> Node:
    node = lift_expression(lifter, expr.value)
    lifter.define(expr.target.id, node, simple=False)
    return node


def _comprehension(lifter: Lifting, expr: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Node:
    before = lifter.scope
    for generator in expr.generators:
        source = lift_expression(lifter, generator.iter)
        item = lifter.numbers.opaque("item", (source,), None, None)
        for name in ast.walk(generator.target):
            if isinstance(name, ast.Name):
                lifter.bind(name.id, item)
        for condition in generator.ifs:
            lift_expression(lifter, condition)
    element = lift_expression(lifter, expr.elt)
    lifter.scope = before
    lifter.forget(walrus_names([expr]))
    return lifter.numbers.opaque("comprehension", (element,), None, lifter.origin(expr))


def _subscript(lifter: Lifting, expr: ast.Subscript) -> Node:
    value = lift_expression(lifter, expr.value)
    parts = expr.slice.elts if isinstance(expr.slice, ast.Tuple) else [expr.slice]
    indices = tuple(
        lift_expression(lifter, part) for part in parts if not isinstance(part, ast.Slice)
    )
    origin = lifter.origin(expr)
    column = _column(parts)
    if column is not None:
        op, index = column
        return lifter.numbers.apply(op, (value,), {"index": index}, origin)
    if value.op == OPAQUE and value.name == "sequence" and len(parts) == 1:
        position = indices[0].value if indices else None
        if isinstance(position, int) and -len(value.args) <= position < len(value.args):
            return value.args[position]
    key = ("[]", ast.dump(expr.slice, annotate_fields=False))
    return lifter.numbers.opaque("[]", (value, *indices), key, origin)


def _column(parts: list[ast.expr]) -> tuple[str, int] | None:
    """`[:, i]` and `[:, i:i + 1]`, the two ways of taking one column."""
    if len(parts) != 2 or not (isinstance(parts[0], ast.Slice) and _is_full(parts[0])):
        return None
    index = parts[1]
    if isinstance(index, ast.Constant) and type(index.value) is int:
        return "column", index.value
    if isinstance(index, ast.Slice) and index.step is None:
        low, high = index.lower, index.upper
        if not (isinstance(low, ast.Constant) and isinstance(high, ast.Constant)):
            return None
        if type(low.value) is int and high.value == low.value + 1:
            return "column_kept", low.value
    return None


def _is_full(part: ast.Slice) -> bool:
    return part.lower is None and part.upper is None and part.step is None


def _call(lifter: Lifting, expr: ast.Call) -> Node:
    name = dotted(expr.func)
    qualified = None
    if name is not None and lifter.look_up(name.partition(".")[0]) is None:
        qualified = qualify(name, lifter.imports)
        if qualified is None and "." not in name:
            qualified = f"builtins.{name}"
    if qualified is not None:
        known = _known_call(lifter, expr, qualified, name or "")
        if known is not None:
            return known
    function = expr.func
    is_method = qualified is None and isinstance(function, ast.Attribute) and not expr.keywords
    if is_method and isinstance(function, ast.Attribute) and function.attr in _METHODS:
        owner = lift_expression(lifter, function.value)
        op = _METHODS[function.attr]
        return lifter.numbers.apply(op, (owner,), origin=lifter.origin(expr))
    return _opaque_call(lifter, expr, qualified, name)


def _known_call(lifter: Lifting, expr: ast.Call, qualified: str, name: str) -> Node | None:
    origin = lifter.origin(expr)
    if qualified.endswith(_EPSILON_CALLS) and is_framework(qualified):
        return lifter.numbers.constant(_EPSILON, origin)
    if qualified in ("builtins.float", "builtins.int") and len(expr.args) == 1:
        value = lift_expression(lifter, expr.args[0])
        if value.op == CONST:
            return value
        return lifter.numbers.apply("to_float", (value,), origin=origin)
    if qualified in _NUMPY_NUMBERS or (qualified.endswith(".constant") and is_framework(qualified)):
        values = [lift_expression(lifter, arg) for arg in expr.args]
        return values[0] if values and values[0].op == CONST else None
    found = resolve(qualified)
    if found is None:
        return None
    column, root, row = found
    bound = _bind(lifter, expr, row)
    if bound is None:
        return None
    args, attrs = bound
    tail = qualified[len(root) :]
    prefix = name[: -len(tail)] if name.endswith(tail) else ""
    if row.name == "identity":
        return args[0]
    if column == "numpy":
        if all(arg.op == CONST for arg in args):
            return lifter.numbers.apply(row.name, args, attrs, origin)
        if row.name not in NUMPY_TWINS:
            return None
        row = OPS[f"np_{row.name}"]
    return lifter.numbers.apply(row.name, args, attrs, origin, column, prefix)


def _bind(
    lifter: Lifting, expr: ast.Call, row: Op
) -> tuple[tuple[Node, ...], dict[str, Attribute | Dynamic]] | None:
    """The arguments of a call by their canonical names; None where they do not fit the row."""
    order = (*row.params, *row.attrs)
    if len(expr.args) > len(order) or any(isinstance(a, ast.Starred) for a in expr.args):
        return None
    given: dict[str, ast.expr] = dict(zip(order, expr.args, strict=False))
    for keyword in expr.keywords:
        if keyword.arg == "name":
            continue
        canonical = row.spellings.get(keyword.arg or "")
        if canonical is None or canonical in given:
            return None
        given[canonical] = keyword.value
    if not set(row.params) <= set(given):
        return None
    args = tuple(lift_expression(lifter, given[param]) for param in row.params)
    attrs = {a: _attribute_value(lifter, given[a]) for a in row.attrs if a in given}
    return args, attrs


def _attribute_value(lifter: Lifting, expr: ast.expr) -> Attribute | Dynamic:
    """An argument that is not a tensor: a number, a flag, a tuple of them, a dtype's name."""
    if isinstance(expr, (ast.Tuple, ast.List)):
        parts = [_attribute_value(lifter, element) for element in expr.elts]
        if not any(isinstance(part, Dynamic) for part in parts):
            return tuple(part for part in parts if not isinstance(part, Dynamic))
    node = lift_expression(lifter, expr)
    if node.op == CONST:
        return node.value
    name = dotted(expr)
    if name is not None and node.op == FREE and is_framework(node.name):
        return node.name.rpartition(".")[2]
    if isinstance(expr, ast.Call) and (dotted(expr.func) or "").endswith("floatx"):
        return "floatx"
    return Dynamic(ast.unparse(expr))


def _opaque_call(lifter: Lifting, expr: ast.Call, qualified: str | None, name: str | None) -> Node:
    nodes: list[Node] = []
    if name is None or lifter.look_up(name.partition(".")[0]) is not None:
        if isinstance(expr.func, ast.Attribute):
            nodes.append(lift_expression(lifter, expr.func.value))
        elif isinstance(expr.func, ast.expr):
            nodes.append(lift_expression(lifter, expr.func))
    for arg in expr.args:
        nodes.append(lift_expression(lifter, arg.value if isinstance(arg, ast.Starred) else arg))
    nodes.extend(lift_expression(lifter, keyword.value) for keyword in expr.keywords)
    text = qualified or name or "call"
    key = tuple(k.arg for k in expr.keywords) if is_pure_call(text) else None
    node = lifter.numbers.opaque(text, tuple(nodes), key, lifter.origin(expr))
    lifter.note_call(expr, name, node)
    return node


def is_pure_call(qualified: str) -> bool:
    """Whether a call that the vocabulary does not have gives the same value each time."""
    return is_framework(qualified) and not any(word in qualified.lower() for word in _RANDOM)


def _opaque_expression(lifter: Lifting, expr: ast.expr) -> Node:
    """Anything else: its parts are lifted, so that uses and findings inside are seen."""
    if isinstance(expr, (ast.Lambda, ast.DictComp)):
        lifter.note_captured(expr)
        lifter.forget(walrus_names([expr]) if isinstance(expr, ast.DictComp) else ())
        return lifter.numbers.opaque(type(expr).__name__, (), None, lifter.origin(expr))
    parts = tuple(
        lift_expression(lifter, child)
        for child in ast.iter_child_nodes(expr)
        if isinstance(child, ast.expr)
    )
    return lifter.numbers.opaque(type(expr).__name__, parts, None, lifter.origin(expr))


def is_shape(node: Node) -> bool:
    """A shape, a rank or a dtype of a value: it carries no gradient."""
    return node.op == OPAQUE and (
        node.name.lstrip(".") in _SHAPE_ATTRIBUTES
        or node.name.rpartition(".")[2] in ("shape", "rank", "size", "int_shape", "ndim", "len")
    )


_HANDLERS: Mapping[type[ast.expr], Callable[[Lifting, Any], Node]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.Compare: _compare,
    ast.BoolOp: _bool_op,
    ast.IfExp: _if_expression,
    ast.Tuple: _sequence,
    ast.List: _sequence,
    ast.NamedExpr: _named,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.Subscript: _subscript,
    ast.Call: _call,
}
