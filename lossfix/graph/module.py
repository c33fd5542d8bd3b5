"""Lifting a module: its scopes, what each is to a training run, and what flows out of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from lossfix.graph.conventions import (
    KERAS_PAIR,
    is_loss_method,
    role_of,
    speaks_of_loss,
    speaks_of_metric,
)
from lossfix.graph.lift import Lifter
from lossfix.graph.names import (
    ambiguous_names,
    dotted,
    imports_of,
    is_framework,
    qualify,
)
from lossfix.graph.nodes import CONST, FREE, INPUT, OPAQUE, Kind, Node, Role, Unit
from lossfix.graph.number import Numbering

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, eq=False)
class Module:
    """One file, lifted."""

    tree: ast.Module
    imports: Mapping[str, tuple[str, ...]]
    units: tuple[Unit, ...]
    numbers: Numbering


@dataclass(frozen=True, eq=False)
class _Place:
    """A scope and where it stands."""

    tree: Function | ast.Module
    name: str
    owner: ast.ClassDef | None  # the class that a method belongs to
    parent: str | None  # the function around it


def lift_module(tree: ast.Module) -> Module:
    """Every scope of a module as a unit, the module level last."""
    imports = {**imports_of(tree), **_aliases(tree)}
    numbers = Numbering()
    top = Lifter(numbers, imports, {})
    top.body(tree.body)
    constants = _constants(tree, top)
    lifted: dict[str, tuple[_Place, Lifter, dict[str, tuple[Node, Role]]]] = {}
    for place in _places(tree):
        outer = dict(constants)
        inherited: dict[str, tuple[Node, Role]] = {}
        if place.parent is not None and place.parent in lifted:
            _, around, inputs = lifted[place.parent]
            outer.update(around.scope)
            inherited = {
                name: (node, _outer_role(node, role)) for name, (node, role) in inputs.items()
            }
        if place.owner is not None:
            outer.update(_attributes(place.owner, numbers, imports))
        own = _inputs(place, numbers, imports)
        lifter = Lifter(numbers, imports, {**outer, **{n: node for n, (node, _) in own.items()}})
        assert not isinstance(place.tree, ast.Module)
        lifter.body(place.tree.body)
        lifted[place.name] = (place, lifter, {**inherited, **own})
    compiled = _compiled_losses(tree)
    calls = {name: lifter.calls for name, (_, lifter, _) in lifted.items()}
    speaking = _speaking(lifted, calls)
    units = [_unit(*entry, imports, compiled, name in speaking) for name, entry in lifted.items()]
    units.append(_module_unit(tree, top, imports))
    calls[""] = top.calls
    return Module(tree, imports, tuple(_with_helpers(units, calls)), numbers)


def _places(tree: ast.Module) -> Iterator[_Place]:
    """Every function of the module, outer ones before inner ones."""

    def walk(
        body: list[ast.stmt], path: str, owner: ast.ClassDef | None, parent: str | None
    ) -> Iterator[_Place]:
        for statement in body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                name = path + statement.name
                yield _Place(statement, name, owner, parent)
                yield from walk(statement.body, f"{name}.", None, name)
            elif isinstance(statement, ast.ClassDef):
                yield from walk(statement.body, f"{path}{statement.name}.", statement, parent)
            else:
                for inner in _suites(statement):
                    yield from walk(inner, path, owner, parent)

    yield from walk(tree.body, "", None, None)


def _suites(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for field in ("body", "orelse", "finalbody"):
        suite = getattr(statement, field, None)
        if suite:
            yield suite
    for handler in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        yield handler.body


def _aliases(tree: ast.Module) -> dict[str, tuple[str, ...]]:
    """`K = tf.keras.backend` at module level: a name for a framework's module or function."""
    imports = imports_of(tree)
    found: dict[str, tuple[str, ...]] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = dotted(statement.value)
            qualified = qualify(name, {**imports, **found}) if name else None
            if qualified is not None and is_framework(qualified):
                found[statement.targets[0].id] = (qualified,)
    return found


def _constants(tree: ast.Module, top: Lifter) -> dict[str, Node]:
    """Module-level names that hold one number, and nothing else, ever."""
    stores: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            stores[node.id] = stores.get(node.id, 0) + 1
    return {
        name: node for name, node in top.scope.items() if node.op == CONST and stores.get(name) == 1
    }


def _inputs(
    place: _Place, numbers: Numbering, imports: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[Node, Role]]:
    assert not isinstance(place.tree, ast.Module)
    arguments = place.tree.args
    positional = [*arguments.posonlyargs, *arguments.args]
    padded = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    pairs = [
        *zip(positional, padded, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    is_method = place.owner is not None and not _is_static(place.tree)
    found: dict[str, tuple[Node, Role]] = {}
    for index, (argument, default) in enumerate(pairs):
        if is_method and index == 0:
            continue
        node = Node(
            INPUT,
            (),
            {},
            numbers.of((INPUT, place.name, argument.arg)),
            name=argument.arg,
            value=_default_value(default, imports),
        )
        found[argument.arg] = (node, role_of(argument.arg, default is not None))
    for extra in (arguments.vararg, arguments.kwarg):
        if extra is not None:
            key = (INPUT, place.name, extra.arg)
            found[extra.arg] = (
                Node(INPUT, (), {}, numbers.of(key), name=extra.arg),
                Role.SETTING,
            )
    return found


def _is_static(tree: Function) -> bool:
    return any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in tree.decorator_list)


def _default_value(
    default: ast.expr | None, imports: Mapping[str, tuple[str, ...]]
) -> int | float | bool | str | None:
    """What a parameter is when nobody gives it, where that is a number or a text."""
    if default is None:
        return None
    lifter = Lifter(Numbering(), imports, {})
    lifter.body([ast.copy_location(ast.Expr(default), default)])
    node = lifter.nodes[-1] if lifter.nodes else None
    return node.value if node is not None and node.op == CONST else None


def _outer_role(node: Node, role: Role) -> Role:
    """A parameter of a factory is a setting unless its name says that it is a tensor."""
    named = role_of(f"factory_{node.name}", has_default=False)
    return role if role is not Role.PREDICTION or named is Role.PREDICTION else Role.SETTING


def _attributes(
    owner: ast.ClassDef, numbers: Numbering, imports: Mapping[str, tuple[str, ...]]
) -> dict[str, Node]:
    """`self.x` as `__init__` leaves it: a number, or a setting with its default."""
    for statement in owner.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            place = _Place(statement, f"{owner.name}.__init__", owner, None)
            inputs = _inputs(place, numbers, imports)
            lifter = Lifter(numbers, imports, {n: node for n, (node, _) in inputs.items()})
            lifter.body(statement.body)
            found = {n: v for n, v in lifter.scope.items() if n.startswith("self.")}
            return {n: _setting(n, v, owner, numbers) for n, v in found.items()}
    return {}


def _setting(name: str, value: Node, owner: ast.ClassDef, numbers: Numbering) -> Node:
    if value.op == CONST:
        return value
    hint = value.value if value.op == INPUT else None
    return Node(FREE, (), {}, numbers.of((FREE, owner.name, name)), name=name, value=hint)


def _compiled_losses(tree: ast.Module) -> frozenset[str]:
    """Names given as `loss=` to a call, as in `model.compile(loss=f)`."""
    return frozenset(
        keyword.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "loss" and isinstance(keyword.value, ast.Name)
    )


def _unit(
    place: _Place,
    lifter: Lifter,
    inputs: Mapping[str, tuple[Node, Role]],
    imports: Mapping[str, tuple[str, ...]],
    compiled: frozenset[str],
    speaks: bool,
) -> Unit:
    assert not isinstance(place.tree, ast.Module)
    own = [a.arg for a in place.tree.args.args]
    keras = tuple(own[-2:]) == KERAS_PAIR or tuple(own[:2]) == KERAS_PAIR
    return Unit(
        name=place.name,
        tree=place.tree,
        kind=_kind(place, inputs, keras, compiled, lifter) if speaks else Kind.CODE,
        nodes=tuple(lifter.nodes),
        inputs=inputs,
        results=tuple(lifter.results + lifter.sinks),
        definitions=lifter.definitions(),
        keras=keras,
        ambiguous=ambiguous_names(imports),
    )


def _kind(
    place: _Place,
    inputs: Mapping[str, tuple[Node, Role]],
    keras: bool,
    compiled: frozenset[str],
    lifter: Lifter,
) -> Kind:
    assert not isinstance(place.tree, ast.Module)
    name = place.tree.name
    if name in compiled or lifter.sinks:
        return Kind.LOSS
    owner = place.owner
    if owner is not None:
        about = [owner.name, *(dotted(base) or "" for base in owner.bases)]
        if any(speaks_of_metric(a) for a in about) and not any(speaks_of_loss(a) for a in about):
            return Kind.METRIC
        if any(speaks_of_loss(a) for a in about):
            return Kind.LOSS if keras or is_loss_method(name) else Kind.CODE
    roles = {role for _, role in inputs.values()}
    if speaks_of_loss(name):
        return Kind.LOSS
    if speaks_of_metric(name):
        return Kind.METRIC
    if keras or (Role.LABEL in roles and Role.PREDICTION in roles and owner is None):
        return Kind.LOSS if keras else Kind.CODE
    return Kind.CODE


def _speaking(
    lifted: Mapping[str, tuple[_Place, Lifter, object]],
    calls: Mapping[str, list[tuple[str, Node]]],
) -> set[str]:
    """Scopes that use a framework, by themselves or by way of what they call."""
    found = {name for name, (_, lifter, _) in lifted.items() if _uses_framework(lifter)}
    while True:
        more = {
            caller
            for caller in lifted
            if caller not in found
            and any(_callee(caller, called, lifted) in found for called, _ in calls[caller])
        }
        if not more:
            return found
        found |= more


def _uses_framework(lifter: Lifter) -> bool:
    return any(
        node.api not in ("", "numpy") or (node.op in (OPAQUE, FREE) and is_framework(node.name))
        for node in lifter.nodes
    )


def _module_unit(tree: ast.Module, lifter: Lifter, imports: Mapping[str, tuple[str, ...]]) -> Unit:
    named = [
        d.value
        for d in lifter.definitions()
        if speaks_of_loss(d.name) and d.value.op not in (CONST, FREE)
    ]
    results = tuple(lifter.sinks or named)
    kind = Kind.LOSS if results and _uses_framework(lifter) else Kind.CODE
    return Unit(
        name="",
        tree=tree,
        kind=kind,
        nodes=tuple(lifter.nodes),
        inputs={},
        results=results,
        definitions=lifter.definitions(),
        ambiguous=ambiguous_names(imports),
    )


def _with_helpers(units: list[Unit], calls: Mapping[str, list[tuple[str, Node]]]) -> Iterator[Unit]:
    """Units, those that a loss calls marked as its helpers, through any number of calls."""
    by_name = {unit.name: unit for unit in units}
    helpers: set[str] = set()
    todo = [unit.name for unit in units if unit.kind is Kind.LOSS]
    while todo:
        caller = todo.pop()
        for called, _ in calls[caller]:
            target = _callee(caller, called, by_name)
            known = target is None or target in helpers
            if target is not None and not known and by_name[target].kind is not Kind.LOSS:
                helpers.add(target)
                todo.append(target)
    for unit in units:
        yield replace(unit, kind=Kind.HELPER) if unit.name in helpers else unit


def _callee(caller: str, called: str, units: Mapping[str, object]) -> str | None:
    """The unit that `called`, as written in `caller`, names: inner first, then outwards."""
    if called.startswith("self."):
        owner = caller.rpartition(".")[0]
        name = f"{owner}.{called[5:]}"
        return name if name in units else None
    around = caller
    while True:
        name = f"{around}.{called}" if around else called
        if name in units:
            return name
        if not around:
            return None
        around = around.rpartition(".")[0]
