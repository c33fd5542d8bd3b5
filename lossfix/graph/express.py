"""Lifting expressions: a node for each, opaque where the graph does not know."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lossfix.graph.conventions import role_of
from lossfix.graph.lifting import Lifting
from lossfix.graph.names import dotted, is_framework, qualify
from lossfix.graph.nodes import (
    CONST,
    FREE,
    INPUT,
    OPAQUE,
    Function,
    Instance,
    Node,
    Origin,
)
from lossfix.graph.rebinding import walrus_names

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
_RANDOM = ("random", "dropout", "shuffle", "sample", "uniform", "normal", "categorical")
SHAPE_CALLS = frozenset(
    "shape rank size int_shape ndim len get_shape as_list shape_list get_shape_list TensorSpec "
    "TensorShape combined_static_and_dynamic_shape".split()
)
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
    if qualified is not None and not is_framework(qualified):
        found = lifter.module.imported(lifter.frame, qualified)
        if isinstance(found, Node):
            return found
    return lifter.numbers.free(qualified or expr.id, lifter.origin(expr))


def _attribute(lifter: Lifting, expr: ast.Attribute) -> Node:
    text = dotted(expr)
    if text is not None:
        known = _dotted_value(lifter, expr, text)
        if known is not None:
            return known
    value = lift_expression(lifter, expr.value)
    if isinstance(value.target, Instance):
        found = value.target.attributes.get(f"self.{expr.attr}")
        if found is not None:
            return found
    return lifter.numbers.opaque(f".{expr.attr}", (value,), expr.attr, lifter.origin(expr))


def _dotted_value(lifter: Lifting, expr: ast.Attribute, text: str) -> Node | None:
    """What `a.b.c` is known to hold; None where it is an attribute of some other value."""
    if text in lifter.scope:
        lifter.note_names(expr)
        return lifter.look_up(text)
    root = text.partition(".")[0]
    owner = lifter.look_up(root)
    qualified = None if owner else qualify(text, lifter.imports)
    if qualified is not None:
        if not is_framework(qualified):
            found = lifter.module.imported(lifter.frame, qualified)
            if isinstance(found, Node):
                return found
        return lifter.numbers.free(qualified, lifter.origin(expr))
    if root == "self":
        lifter.note_names(expr)
        receiver = {n: node for n, node in lifter.scope.items() if n.startswith("self.")}
        attribute = lifter.module.objects.computed(lifter.frame, text, receiver, lifter.depth)
        attribute = attribute or lifter.module.objects.attribute(lifter.frame, text)
        if attribute is not None:
            lifter.scope = {
                **lifter.module.objects.siblings(lifter.frame, text),
                **lifter.scope,
                text: attribute,
            }
        return attribute or lifter.numbers.free(text, lifter.origin(expr))
    if owner is None or owner.op == FREE:
        lifter.note_names(expr)
        return lifter.numbers.free(text, lifter.origin(expr))
    return None


def _binary(lifter: Lifting, expr: ast.BinOp) -> Node:
    left, right = lift_expression(lifter, expr.left), lift_expression(lifter, expr.right)
    return binary(lifter, expr.op, left, right, lifter.origin(expr))


def binary(
    lifter: Lifting, op: ast.operator, left: Node, right: Node, origin: Origin | None
) -> Node:
    name = _BINARY.get(type(op))
    if name is None:
        return lifter.numbers.opaque(type(op).__name__, (left, right), "operator", origin)
    return lifter.numbers.apply(name, (left, right), origin=origin)


def _unary(lifter: Lifting, expr: ast.UnaryOp) -> Node:
    operand = lift_expression(lifter, expr.operand)
    if isinstance(expr.op, ast.UAdd):
        return operand
    if isinstance(expr.op, ast.Not) and operand.op == CONST:
        return lifter.numbers.constant(not operand.value, lifter.origin(expr))
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


def _either(
    lifter: Lifting, expr: ast.expr, branches: list[ast.expr], unsure: list[ast.expr]
) -> Node:
    """One of the branches; the `unsure` may not be computed, and what they bind is not known."""
    nodes = tuple(lift_expression(lifter, branch) for branch in branches)
    lifter.forget(walrus_names(unsure))
    return lifter.join(nodes, lifter.origin(expr))


def _bool_op(lifter: Lifting, expr: ast.BoolOp) -> Node:
    return _either(lifter, expr, expr.values, expr.values[1:])


def _if_expression(lifter: Lifting, expr: ast.IfExp) -> Node:
    lift_expression(lifter, expr.test)
    branches = [expr.body, expr.orelse]
    return _either(lifter, expr, branches, branches)


def _lambda(lifter: Lifting, expr: ast.Lambda) -> Node:
    """A function of one expression; its body is looked at as well, for any arguments."""
    lifter.note_captured(expr)
    target = Function(expr, lifter.frame, lifter.scope)
    before = lifter.scope
    for argument in (*expr.args.posonlyargs, *expr.args.args, *expr.args.kwonlyargs):
        lifter.bind(argument.arg, _parameter(lifter, argument.arg, expr))
    body = lift_expression(lifter, expr.body)
    lifter.scope = before
    return replace(lifter.numbers.callable(target, (id(expr), id(before))), args=(body,))


def _parameter(lifter: Lifting, name: str, tree: ast.Lambda) -> Node:
    role = role_of(name, has_default=False)
    return Node(INPUT, (), {}, lifter.numbers.of((INPUT, id(tree), name)), name=name, role=role)


def _sequence(lifter: Lifting, expr: ast.Tuple | ast.List) -> Node:
    nodes = tuple(lift_expression(lifter, element) for element in expr.elts)
    return lifter.numbers.opaque("sequence", nodes, "sequence", lifter.origin(expr))


def _mapping(lifter: Lifting, expr: ast.Dict) -> Node:
    """A dictionary; its items can be told apart where every key is a text."""
    keys = [k.value if isinstance(k, ast.Constant) else None for k in expr.keys]
    nodes = tuple(lift_expression(lifter, value) for value in expr.values)
    node = lifter.numbers.opaque("mapping", nodes, None, lifter.origin(expr))
    texts = tuple(key for key in keys if isinstance(key, str))
    return replace(node, attrs={"keys": texts if len(texts) == len(keys) else None})


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


def _call(lifter: Lifting, expr: ast.Call) -> Node:
    return lifter.call(expr)


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
    axis = _new_axis(parts)
    if axis is not None:
        return lifter.numbers.apply("expand_dims", (value,), {"axis": axis}, origin)
    if value.name == "mapping" and len(parts) == 1 and isinstance(parts[0], ast.Constant):
        keys = value.attrs["keys"]
        if isinstance(keys, tuple) and parts[0].value in keys:
            return value.args[keys.index(parts[0].value)]
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


def _new_axis(parts: Sequence[ast.expr]) -> int | None:
    """The axis that `[None]`, `[:, None]` or `[..., None]` adds, and nothing else is done."""
    new = [i for i, part in enumerate(parts) if _is_new_axis(part)]
    others = [part for part in parts if not _is_new_axis(part)]
    if len(new) != 1:
        return None
    if all(isinstance(part, ast.Slice) and _is_full(part) for part in others):
        return new[0]
    behind = len(others) == 1 and isinstance(others[0], ast.Constant) and others[0].value is ...
    return -1 if behind and new[0] == 1 else None


def _is_new_axis(part: ast.expr) -> bool:
    if isinstance(part, ast.Constant):
        return part.value is None
    return isinstance(part, ast.Attribute) and part.attr == "newaxis"


def _is_full(part: ast.Slice) -> bool:
    return part.lower is None and part.upper is None and part.step is None


def is_pure_call(qualified: str) -> bool:
    """Whether a call that the vocabulary does not have gives the same value each time."""
    return is_framework(qualified) and not is_random(qualified)


def is_random(qualified: str) -> bool:
    """Whether a call, by its name, gives another value each time."""
    return any(word in qualified.lower() for word in _RANDOM)


def _opaque_expression(lifter: Lifting, expr: ast.expr) -> Node:
    """Anything else: its parts are lifted, so that uses and findings inside are seen."""
    if isinstance(expr, ast.DictComp):
        lifter.note_captured(expr)
        lifter.forget(walrus_names([expr]))
        return lifter.numbers.opaque(type(expr).__name__, (), None, lifter.origin(expr))
    if isinstance(expr, (ast.Yield, ast.YieldFrom)):
        lifter.yields = True
    parts = tuple(
        lift_expression(lifter, child)
        for child in ast.iter_child_nodes(expr)
        if isinstance(child, ast.expr)
    )
    return lifter.numbers.opaque(type(expr).__name__, parts, None, lifter.origin(expr))


def is_shape(node: Node) -> bool:
    """A shape, a rank or a dtype of a value: it carries no gradient."""
    return node.op == OPAQUE and (
        node.name.lstrip(".") in _SHAPE_ATTRIBUTES or node.name.rpartition(".")[2] in SHAPE_CALLS
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
    ast.Dict: _mapping,
    ast.NamedExpr: _named,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.Subscript: _subscript,
    ast.Call: _call,
    ast.Lambda: _lambda,
}
