"""Lifting calls: ops of the vocabulary, the user's own functions, objects and layers, and the rest.

A call of a function that the graph can follow is the value that running through it gives. What it
cannot follow is opaque, never a guess.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping
from dataclasses import replace
from itertools import takewhile

from lossfix.graph import effects
from lossfix.graph.conventions import is_layer
from lossfix.graph.express import SHAPE_CALLS, is_pure_call, lift_expression
from lossfix.graph.lifting import Lifting
from lossfix.graph.names import BACKENDS, dotted, is_framework, qualify
from lossfix.graph.nodes import (
    CALLABLE,
    CONST,
    FREE,
    INPUT,
    OPAQUE,
    Attribute,
    Call,
    Constructor,
    Dynamic,
    Function,
    Instance,
    Layer,
    Node,
    Origin,
)
from lossfix.graph.vocabulary import BY_NAME_ALONE, NUMPY_TWINS, OPS, Op, resolve

_METHODS = {"numpy": "to_numpy", "item": "to_float", "tolist": "to_float"}
_EPSILON_CALLS = ("backend.epsilon", "config.epsilon", "keras.epsilon")
_EPSILON = 1e-7
_NUMPY_NUMBERS = frozenset("numpy.float32 numpy.float64 numpy.float16 numpy.array".split())
_BUILTINS = frozenset(dir(builtins))
_SINKS = frozenset(
    "minimize gradient add_loss compute_gradients gradients get_updates value_and_gradient "
    "value_and_gradients EstimatorSpec TPUEstimatorSpec".split()
)
_SINK_KEYWORDS = ("loss", "target", "ys", "total_loss")
_LOSS_KEYWORDS = frozenset("loss losses loss_fn loss_function loss_func".split())
_METRIC_KEYWORDS = frozenset("metric metrics weighted_metrics eval_metrics".split())
_WRAPPERS = frozenset({"tensorflow.function", "tensorflow.autograph.experimental.do_not_convert"})
_ACTIVATIONS = {"softmax": "softmax", "sigmoid": "sigmoid", "tanh": "tanh", "relu": "relu"}


def lift_call(lifter: Lifting, expr: ast.Call) -> Node:
    """The value of a call."""
    name = dotted(expr.func)
    qualified = _qualified(lifter, name) if name is not None else None
    if qualified is not None:
        known = _known_call(lifter, expr, qualified, name or "")
        if known is not None:
            return known
    function = expr.func
    base = None
    if name is None or (qualified is None and name.partition(".")[0] != "self"):
        inner = function.value if isinstance(function, ast.Attribute) else function
        held = name is None or lifter.look_up(name.partition(".")[0]) is not None
        base = lift_expression(lifter, inner) if held else None
    if base is not None and isinstance(function, ast.Attribute) and not expr.keywords:
        op = _METHODS.get(function.attr)
        if op is not None:
            return lifter.numbers.apply(op, (base,), origin=lifter.origin(expr))
    return _other_call(lifter, expr, name, qualified, base)


def _other_call(
    lifter: Lifting, expr: ast.Call, name: str | None, qualified: str | None, base: Node | None
) -> Node:
    """A call of the user's own code, of a layer, or of something that is not known."""
    if qualified in _WRAPPERS and len(expr.args) == 1:
        inner = lift_expression(lifter, expr.args[0])
        if inner.op == CALLABLE:
            return inner
    plain = not any(isinstance(a, ast.Starred) for a in expr.args) and all(
        keyword.arg is not None for keyword in expr.keywords
    )
    named_activation = any(keyword.arg == "activation" for keyword in expr.keywords)
    is_built = named_activation and is_layer((qualified or name or "").rpartition(".")[2])
    callee = _callee(lifter, expr, name, qualified, base) if plain and not is_built else None
    function = expr.func
    if callee is None and plain:
        layer = _layer(lifter, expr, qualified or name)
        if layer is not None:
            return layer
    args = [
        lift_expression(lifter, a.value if isinstance(a, ast.Starred) else a) for a in expr.args
    ]
    pairs = [(k.arg or "", lift_expression(lifter, k.value)) for k in expr.keywords]
    _note_sinks(lifter, expr, args, dict(pairs))
    value = None
    if callee is not None:
        value = _called(lifter, expr, callee, args, dict(pairs))
    if value is None:
        effects.forget_unfollowed(lifter, expr, base)
    effects.forget(lifter, expr, qualified, callee)
    effects.collect(lifter, expr, args)
    if value is not None:
        if value.inner is not None and lifter.module.is_starred(lifter.frame, name or ""):
            value = replace(value, unsure=f"{name} comes by a star import")
        return value
    if plain and qualified in ("functools.partial", "partial") and args:
        filled = _partial(lifter, expr, args, dict(pairs))
        if filled is not None:
            return filled
    nodes = [*([base] if base is not None else []), *args, *(node for _, node in pairs)]
    text = qualified or name or "call"
    if text == "call" and isinstance(function, ast.Attribute) and function.attr in SHAPE_CALLS:
        text = f".{function.attr}"
    key = tuple(k.arg for k in expr.keywords) if is_pure_call(text) else None
    return lifter.numbers.opaque(text, tuple(nodes), key, lifter.origin(expr))


def _note_sinks(
    lifter: Lifting, expr: ast.Call, args: list[Node], named: Mapping[str, Node]
) -> None:
    """Values that flow into a gradient, and functions that are handed over as losses."""
    for keyword in _LOSS_KEYWORDS & set(named):
        for function in _functions_in(named[keyword]):
            lifter.note_sink(function)
    for keyword in _METRIC_KEYWORDS & set(named):
        for function in _functions_in(named[keyword]):
            assert isinstance(function.target, Function)
            lifter.module.note_metric(function.target.frame)
    called = expr.func
    method = called.attr if isinstance(called, ast.Attribute) else dotted(called)
    if method not in _SINKS:
        return
    if "scipy" in (qualify(dotted(called) or "", lifter.imports) or ""):
        return  # it takes numbers, and their gradient from somebody else
    sink = next((named[k] for k in _SINK_KEYWORDS if k in named), args[0] if args else None)
    if sink is not None and sink.op not in (CONST, FREE):
        lifter.note_sink(sink)
        if method in ("gradient", "gradients") and len(args) > 1:
            lifter.note_trained(args[1])


def _functions_in(node: Node) -> list[Node]:
    """The functions in an argument: itself, or the items of a list."""
    parts = node.args if node.op == OPAQUE and node.name == "sequence" else (node,)
    return [part for part in parts if isinstance(part.target, Function)]


def _qualified(lifter: Lifting, name: str) -> str | None:
    """The full name of what is called; None where it is a value of the code itself."""
    root, dot, rest = name.partition(".")
    held = lifter.look_up(root)
    if held is None:
        found = qualify(name, lifter.imports)
        if found is not None:
            return found if is_framework(found) else _through_package(lifter, found, root)
        if not dot:
            starred = lifter.module.starred(lifter.frame, name) if name not in _BUILTINS else None
            return starred or (f"builtins.{name}" if name in _BUILTINS else None)
    elif not dot and held.op == FREE and is_framework(held.name):
        return held.name  # a function of the framework that was handed over
    if root in BACKENDS and dot and (held is None or held.op in (OPAQUE, FREE, INPUT)):
        lifter.module.note_ambiguous(lifter.frame, root)
        return f"keras.backend.{rest}"
    return None


def _through_package(lifter: Lifting, qualified: str, root: str) -> str:
    """A framework's name that a file of the package hands on, or the name as it is."""
    found = lifter.module.imported(lifter.frame, qualified)
    if isinstance(found, str):
        if found in lifter.module.unsure:
            lifter.module.note_ambiguous(lifter.frame, root)
        return found
    if found is None and root in BACKENDS and qualified.count(".") > 1:
        lifter.module.note_ambiguous(lifter.frame, root)
        return f"keras.backend.{qualified.rpartition('.')[2]}"
    return qualified


# the user's own code


def _callee(
    lifter: Lifting, expr: ast.Call, name: str | None, qualified: str | None, base: Node | None
) -> Node | None:
    """The callable that is called, where the graph knows it."""
    function = expr.func
    known = lifter.scope.get(name) if name is not None else None
    if known is None and name is not None and name.startswith("self.") and name.count(".") == 1:
        return _own_method(lifter, name[5:])
    if known is None and qualified is not None:
        if is_framework(qualified) or qualified.startswith("builtins."):
            return None
        found = lifter.module.imported(lifter.frame, qualified)
        known = found if isinstance(found, Node) else None
    elif known is None and isinstance(function, ast.Attribute):
        known = _method_of(lifter, function, base)
    elif known is None:
        known = base
    return known if known is not None and known.op == CALLABLE else None


def _called(
    lifter: Lifting, expr: ast.Call, callee: Node, args: list[Node], named: Mapping[str, Node]
) -> Node | None:
    """What a callable gives; None where it cannot be followed."""
    target = callee.target
    if isinstance(target, Layer):
        return _activated(lifter, expr, target.activation, args)
    if isinstance(target, Constructor):
        return lifter.module.objects.build(target, args, named, lifter.depth)
    if isinstance(target, Instance):
        for name in ("call", "__call__"):
            method = lifter.module.objects.method(target.owner, target.home, name)
            if method is not None and isinstance(method.target, Function):
                bound = replace(method.target, receiver=target.attributes)
                return _run(lifter, expr, bound, args, named)
        return None
    return _run(lifter, expr, target, args, named) if isinstance(target, Function) else None


def _own_method(lifter: Lifting, name: str) -> Node | None:
    """`self.name`: a method, with the attributes as they are here, or a callable attribute."""
    owner = lifter.frame.owner
    if owner is None:
        return None
    method = lifter.module.objects.method(owner, lifter.frame.home, name)
    if method is not None and isinstance(method.target, Function):
        return replace(method, target=replace(method.target, receiver=_attributes(lifter)))
    attribute = lifter.module.objects.attribute(lifter.frame, f"self.{name}")
    return attribute if attribute is not None and attribute.op == CALLABLE else None


def _attributes(lifter: Lifting) -> Mapping[str, Node]:
    return {name: node for name, node in lifter.scope.items() if name.startswith("self.")}


def _method_of(lifter: Lifting, function: ast.Attribute, base: Node | None) -> Node | None:
    """`super().m`, `Class.m`, `object.m`."""
    value = function.value
    if (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id == "super"
    ):
        method = lifter.module.objects.parent_method(lifter.frame, function.attr)
        receiver: Mapping[str, Node] | None = _attributes(lifter)
    elif base is not None and isinstance(base.target, Instance):
        method = lifter.module.objects.method(base.target.owner, base.target.home, function.attr)
        receiver = base.target.attributes
    elif base is not None and isinstance(base.target, Constructor):
        method = lifter.module.objects.method(base.target.owner, base.target.home, function.attr)
        receiver = None
    else:
        return None
    if method is None or not isinstance(method.target, Function):
        return None
    return replace(method, target=replace(method.target, receiver=receiver))


def _partial(
    lifter: Lifting, expr: ast.Call, args: list[Node], named: Mapping[str, Node]
) -> Node | None:
    target = args[0].target
    if not isinstance(target, Function):
        return _partial_op(lifter, expr) if args[0].op == FREE else None
    filled = replace(target, given=(*target.given, *args[1:]), named={**target.named, **named})
    return lifter.numbers.callable(filled, (id(expr), id(lifter.scope)))


def _partial_op(lifter: Lifting, expr: ast.Call) -> Node:
    """`partial(tf.nn.softmax, axis=-1)`, as the function of one argument that it is."""
    argument = ast.copy_location(ast.Name("value", ast.Load()), expr)
    body = ast.Call(expr.args[0], [*expr.args[1:], argument], expr.keywords)
    only = ast.arguments([], [ast.arg("value")], None, [], [], None, [])
    tree = ast.copy_location(ast.Lambda(only, ast.copy_location(body, expr)), expr)
    target = Function(tree, lifter.frame, lifter.scope)
    return lifter.numbers.callable(target, (id(expr), id(lifter.scope)))


def _run(
    lifter: Lifting, expr: ast.Call, function: Function, args: list[Node], named: Mapping[str, Node]
) -> Node | None:
    """The value of a call of a function: the one that its own text makes, written here."""
    ran = lifter.module.run(function, args, named, lifter.depth)
    if ran is None:
        return None
    effects.leave(lifter, expr, function, ran)
    result = _written_here(ran.result, lifter.origin(expr))
    if function.receiver is not None and lifter.frame.owner is not None:
        name = getattr(function.tree, "name", "")
        other = lifter.module.objects.overridden(lifter.frame, name)
        if other and result.inner is not None:
            result = replace(result, unsure=f"{other} has a {name} of its own")
    if function.frame.home is lifter.frame.home:
        callee = function.frame.name
        left = effects.left_alone(function, ran) if result.op == CONST else ()
        lifter.note_call(Call(lifter.frame.name, callee, ran.arguments, result, left))
    return result


def _written_here(result: Node, origin: Origin) -> Node:
    """A value that a helper made, as the value of the call that gave it."""
    if result.op in (INPUT, CONST, FREE, CALLABLE) or result.origin is None:
        return result
    if result.origin.frame.name == origin.frame.name and result.inner is None:
        return result  # one of the arguments, handed back
    return replace(result, origin=origin, inner=result)


# layers


def _layer(lifter: Lifting, expr: ast.Call, text: str | None) -> Node | None:
    """A layer, a model, or the output of one, where it ends in a known activation."""
    if text is None:
        return None
    tail = text.rpartition(".")[2]
    given = {k.arg: k.value for k in expr.keywords}
    second = expr.args[1] if tail == "Dense" and len(expr.args) > 1 else None
    named = given.get("activation") or given.get("activation_fn") or second
    activation = _activation(lifter, named)
    if tail in ("Softmax", "Sigmoid") and is_framework(text):
        activation = tail.lower()
    elif tail == "Activation" and expr.args:
        activation = _activation(lifter, expr.args[0])
    elif tail == "Sequential" and (expr.args or "layers" in given):
        stack = lift_expression(lifter, expr.args[0] if expr.args else given["layers"])
        last = _last_of(stack)
        activation = last.target.activation if last and isinstance(last.target, Layer) else None
    elif tail == "Model" and is_framework(text):
        outputs = given.get("outputs") or (expr.args[1] if len(expr.args) > 1 else None)
        out = lift_expression(lifter, outputs) if outputs is not None else None
        activation = out.op if out is not None and out.op in ("softmax", "sigmoid") else None
    if activation is None:
        return None
    if is_layer(tail):
        target = Layer(activation)
        return lifter.numbers.callable(target, ("layer", lifter.numbers.fresh()))
    args = [lift_expression(lifter, arg) for arg in expr.args]
    return _activated(lifter, expr, activation, args)


def _last_of(stack: Node) -> Node | None:
    """The last item of a list, or of the last of several that are added."""
    while stack.op == "add":
        stack = stack.args[1]
    return stack.args[-1] if stack.name == "sequence" and stack.args else None


def _activation(lifter: Lifting, expr: ast.expr | None) -> str | None:
    if expr is None:
        return None
    if isinstance(expr, ast.Constant):
        return _ACTIVATIONS.get(str(expr.value))
    name = dotted(expr)
    qualified = qualify(name, lifter.imports) if name is not None else None
    if qualified is None or not is_framework(qualified):
        return None
    return _ACTIVATIONS.get(qualified.rpartition(".")[2])


def _activated(lifter: Lifting, expr: ast.Call, activation: str, args: list[Node]) -> Node:
    """What a layer gives: its activation, of a value that only the layer knows."""
    before = lifter.numbers.opaque("inside the layer", tuple(args), None, None)
    return lifter.numbers.apply(activation, (before,), origin=lifter.origin(expr))


# the framework's ops


def _known_call(lifter: Lifting, expr: ast.Call, qualified: str, name: str) -> Node | None:
    """A call of an op of the vocabulary; None for all else."""
    if ".activations." in qualified and is_framework(qualified):
        op = _ACTIVATIONS.get(qualified.rpartition(".")[2])
        if op is None or len(expr.args) != 1 or expr.keywords:
            return None
        value = lift_expression(lifter, expr.args[0])
        return lifter.numbers.apply(
            op, (value,), origin=lifter.origin(expr), api="keras.activations"
        )
    if qualified.endswith(_EPSILON_CALLS) and is_framework(qualified) and not expr.args:
        return lifter.numbers.constant(_EPSILON, lifter.origin(expr))
    if qualified in ("builtins.float", "builtins.int") and len(expr.args) == 1:
        value = lift_expression(lifter, expr.args[0])
        if value.op == CONST:
            return value
        op = "to_float" if qualified == "builtins.float" else "to_int"
        return lifter.numbers.apply(op, (value,), origin=lifter.origin(expr))
    if qualified in _NUMPY_NUMBERS or (qualified.endswith(".constant") and is_framework(qualified)):
        values = [lift_expression(lifter, arg) for arg in expr.args]
        return values[0] if values and values[0].op == CONST else None
    found = resolve(qualified)
    if found is None:
        return None
    column, root, row = found
    bound = _bind(lifter, expr, row, column)
    if bound is None:
        return None
    args, attrs = bound
    origin = lifter.origin(expr)
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
    lifter: Lifting, expr: ast.Call, row: Op, column: str
) -> tuple[tuple[Node, ...], dict[str, Attribute | Dynamic]] | None:
    """The arguments of a call by their canonical names; None where they do not fit the row."""
    named = BY_NAME_ALONE.get(column, frozenset())
    order = (*row.params, *takewhile(lambda attr: attr not in named, row.attrs))
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
