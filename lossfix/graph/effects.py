"""Effects: what calls leave changed on `self` and on other objects that the code holds."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from lossfix.graph.index import own_attributes
from lossfix.graph.lifting import Lifting, Ran
from lossfix.graph.names import dotted, is_framework
from lossfix.graph.nodes import OPAQUE, Function, Instance, Node
from lossfix.source.trees import nodes_in

_BUILTINS_THAT_SET = ("builtins.setattr", "builtins.delattr")


def is_own(expr: ast.Call) -> bool:
    """Whether the call is of a method of the same object: `self.m()`, `super().m()`."""
    called = expr.func
    if not isinstance(called, ast.Attribute):
        return False
    value = called.value
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id == "super"
    return isinstance(value, ast.Name) and value.id == "self"


def leave(lifter: Lifting, expr: ast.Call, function: Function, ran: Ran) -> None:
    """What a call that was run through leaves: on `self`, or on the object it is a method of."""
    if function.receiver is None:
        return
    changed = _changed(function, ran)
    if is_own(expr):
        for name, node in changed.items():
            lifter.bind(name, node)
    elif changed:
        _renew(lifter, expr, changed)


def _changed(function: Function, ran: Ran) -> Mapping[str, Node]:
    receiver = function.receiver or {}
    return {n: v for n, v in ran.attributes.items() if receiver.get(n) is not v}


def left_alone(function: Function, ran: Ran) -> tuple[Node, ...]:
    """The values on `self` that are all that a call leaves."""
    return tuple(_changed(function, ran).values()) if function.receiver is not None else ()


def forget(lifter: Lifting, expr: ast.Call, qualified: str | None, callee: Node | None) -> None:
    """What a call may have changed that is not, or not wholly, run through is not known after."""
    if lifter.frame.owner is not None and _is_given_self(expr, qualified):
        lifter.forget(_attributes_changed(lifter, expr, callee))


def forget_unfollowed(lifter: Lifting, expr: ast.Call, base: Node | None) -> None:
    """The same, of a method that could not be run through."""
    called = expr.func
    if not isinstance(called, ast.Attribute):
        return
    owner = lifter.frame.owner
    if is_own(expr) and owner is not None:
        above = "" if isinstance(called.value, ast.Name) else lifter.frame.name.rpartition(".")[0]
        names = lifter.module.objects.changed_by(owner, lifter.frame.home, called.attr, above)
        lifter.forget(f"self.{name}" for name in names)
    elif base is not None and isinstance(base.target, Instance):
        target = base.target
        names = lifter.module.objects.changed_by(target.owner, target.home, called.attr)
        fresh = {f"self.{name}": _unknown(lifter) for name in names}
        if fresh:
            _renew(lifter, expr, fresh)


def collect(lifter: Lifting, expr: ast.Call, args: Sequence[Node]) -> None:
    """`losses.append(x)`: the list that a name holds, with one value more."""
    called = expr.func
    if not isinstance(called, ast.Attribute) or called.attr not in ("append", "extend"):
        return
    old = lifter.scope.get(called.value.id) if isinstance(called.value, ast.Name) else None
    if old is None or not args:
        return
    assert isinstance(called.value, ast.Name)
    listed = old.op == OPAQUE and old.name == "sequence" and called.attr == "append"
    kind, parts = ("sequence", old.args) if listed else ("stored", (old,))
    lifter.bind(called.value.id, lifter.numbers.opaque(kind, (*parts, *args), None, None))


def _renew(lifter: Lifting, expr: ast.Call, changed: Mapping[str, Node]) -> None:
    """The object that a name holds, with some attributes changed."""
    text = dotted(expr.func)  # None where no name holds it: an object that is made and called
    for held in (text, (text or "").rpartition(".")[0]):
        node = lifter.scope.get(held or "")
        if held and node is not None and isinstance(node.target, Instance):
            after = replace(node.target, attributes={**node.target.attributes, **changed})
            lifter.bind(held, lifter.numbers.callable(after, ("object", lifter.numbers.fresh())))
            return


def _is_given_self(expr: ast.Call, qualified: str | None) -> bool:
    name = qualified or ""
    if is_framework(name) or (name.startswith("builtins.") and name not in _BUILTINS_THAT_SET):
        return False
    given = (*expr.args, *(keyword.value for keyword in expr.keywords))
    return any(isinstance(each, ast.Name) and each.id == "self" for each in given)


def _attributes_changed(lifter: Lifting, expr: ast.Call, callee: Node | None) -> Iterable[str]:
    """Names of attributes of `self`, which the call is given, that the callee may set."""
    if callee is not None and isinstance(callee.target, Function):
        return {f"self.{name}" for name in _attributes_in(callee.target.tree)}
    place = lifter.frame.home.places.get(lifter.frame.name)
    texts = {f"self.{name}" for name in own_attributes(place.tree)} if place else set[str]()
    return texts | {name for name in lifter.scope if name.startswith("self.")}


def _attributes_in(tree: ast.AST) -> Iterator[str]:
    """Names of attributes that the code sets, of whatever object."""
    for node in nodes_in(tree):
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            yield node.attr


def _unknown(lifter: Lifting) -> Node:
    return lifter.numbers.opaque("rebound", (), None, None)
