"""A module, lifted scope by scope as its units are asked for."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from lossfix.graph.conventions import role_of, speaks_of_loss, speaks_of_prediction
from lossfix.graph.index import Index, Place, defaults_of, index_of, is_static
from lossfix.graph.kinds import is_called_by_keras, is_test, kind_of, trains_nothing
from lossfix.graph.lift import Lifter
from lossfix.graph.names import ambiguous_names, is_framework
from lossfix.graph.nodes import CALLABLE, CONST, FREE, INPUT, OPAQUE, Frame, Kind, Node, Role, Unit
from lossfix.graph.number import Numbering
from lossfix.graph.packages import Packages
from lossfix.graph.returned import trained_parts
from lossfix.graph.surroundings import Surroundings
from lossfix.source.roles import RoleOverrides
from lossfix.source.trees import nodes_in

NO_OVERRIDES = RoleOverrides()
MODULE_LEVEL = ""
"""The name of the unit that stands at the top of the file."""


class Module:
    """One file: its index, and its units as far as they were asked for."""

    def __init__(
        self,
        index: Index,
        packages: Packages | None = None,
        roles: RoleOverrides = NO_OVERRIDES,
        comments: Mapping[int, Mapping[str, str]] | None = None,
    ) -> None:
        """`roles` and `comments`, by the line of a `def`, say what parameters stand for."""
        self.index = index
        self._said = (roles, comments or {})
        self.numbers = Numbering()
        self.surroundings = Surroundings(index, self.numbers, packages or Packages(), self._left_by)
        self._lifters: dict[str, Lifter] = {}
        self._inputs: dict[str, dict[str, Node]] = {}
        self._units: dict[str, Unit] = {}

    @property
    def tree(self) -> ast.Module:
        return self.index.tree

    @property
    def imports(self) -> Mapping[str, tuple[str, ...]]:
        return self.index.imports

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all units, the module level last."""
        return (*self.index.places, MODULE_LEVEL)

    @property
    def units(self) -> tuple[Unit, ...]:
        """Every unit."""
        return self.survey(self.names)

    def unit(self, name: str) -> Unit | None:
        """One unit, by name, as its own text and name make it."""
        if name not in self._units:
            if name == MODULE_LEVEL:
                self._units[name] = self._module_unit()
            elif name in self.index.places:
                self._units[name] = self._function_unit(self.index.places[name])
        return self._units.get(name)

    def survey(self, names: Iterable[str], others: Iterable[str] = ()) -> tuple[Unit, ...]:
        """The units by these names and those that losses among them call, with their kinds.

        A function that is handed over as a loss is one, and what a loss calls is its helper,
        through any number of calls. `others` are read by themselves: their calls are not followed.
        """
        wanted = list(dict.fromkeys(names))
        found: dict[str, Unit] = {}
        others = tuple(others)
        if not (wanted or others) or not self.surroundings.reaches_framework():
            return ()
        handed = self.surroundings.handed_over
        losses = [n for n in wanted if self._is_loss(n)]
        for name in (*losses, *(n for n in wanted if n not in losses)):
            self._add(name, found)
        for name in sorted(handed - set(found)):
            self._add(name, found)
        kinds = self._kinds(found)
        with self.surroundings.following(False):
            for name in others:
                if name not in found:
                    self._add(name, found)
                    kinds[name] = found[name].kind
        order = [name for name in self.names if name in found]
        return tuple(found[name].as_kind(kinds[name]) for name in order)

    def _kinds(self, found: dict[str, Unit]) -> dict[str, Kind]:
        """The kind of each unit that was found; the helpers of losses are found on the way."""
        handed = self.surroundings.handed_over
        metrics = self.surroundings.metrics - handed
        kinds = {name: unit.kind for name, unit in found.items()}
        kinds.update({name: Kind.METRIC for name in metrics if name in found})
        kinds.update({name: Kind.LOSS for name in handed if name in found})
        todo = [name for name, kind in kinds.items() if kind is Kind.LOSS]
        while todo:
            for call in found[todo.pop()].calls:
                if kinds.get(call.callee) in (None, Kind.CODE, Kind.METRIC):
                    self._add(call.callee, found)
                    if call.callee in found:
                        kinds[call.callee] = Kind.HELPER
                        todo.append(call.callee)
        in_losses = [found[n] for n, kind in kinds.items() if kind in (Kind.LOSS, Kind.HELPER)]
        if any(map(_calls_a_parameter, in_losses)):
            for name in self._passed_around(found):
                if kinds.get(name, Kind.CODE) is Kind.CODE:
                    self._add(name, found)
                    kinds[name] = Kind.HELPER
        return kinds

    def _passed_around(self, found: Mapping[str, Unit]) -> set[str]:
        """Functions of the file that its text takes for values: somebody else may call them."""
        trees = [*self.index.module_level, *(unit.tree for unit in found.values())]
        parts = [node for tree in trees for node in nodes_in(tree)]
        aside = {id(node.func) for node in parts if isinstance(node, ast.Call)}
        listed = (value for node in parts if isinstance(node, ast.Dict) for value in node.values)
        aside.update(map(id, listed))  # a register, for who looks a function up by name
        names = {n.id for n in parts if isinstance(n, ast.Name) and id(n) not in aside}
        return names & set(self.index.places)

    def _add(self, name: str, found: dict[str, Unit]) -> None:
        unit = self.unit(name)
        if unit is not None:
            found[name] = unit

    def _is_loss(self, name: str) -> bool:
        if name == MODULE_LEVEL or name in self.surroundings.handed_over:
            return True
        place = self.index.places.get(name)
        return place is not None and kind_of(place, self.index, self._roles(place)) is Kind.LOSS

    # scopes

    def _lifter(self, place: Place) -> Lifter:
        """The scope of a function, lifted for any arguments."""
        found = self._lifters.get(place.name)
        if found is not None:
            return found
        frame = Frame(self.index, place.name, place.owner)
        scope = {**self._closure(place), **self._parameters(place)}
        lifter = Lifter(self.surroundings, frame, scope)
        self._lifters[place.name] = lifter
        with self.surroundings.inside(place.tree):
            lifter.body(place.tree.body)
        return lifter

    def _closure(self, place: Place) -> Mapping[str, Node]:
        """What the names around a function hold: constants of the file, and an outer scope."""
        constants = self.surroundings.constants(self.index)
        if place.parent is None:
            return constants
        return {
            **constants,
            **self._lifter(self.index.places[place.parent]).seen_within(place.tree),
        }

    def _left_by(self, place: Place) -> Mapping[str, Node]:
        return self._lifter(place).scope

    def _parameters(self, place: Place) -> dict[str, Node]:
        if place.name not in self._inputs:
            found = parameters(place, self.numbers, self.surroundings)
            self._inputs[place.name] = self._as_said(place, found)
        return self._inputs[place.name]

    def _as_said(self, place: Place, found: dict[str, Node]) -> dict[str, Node]:
        """The parameters with the roles that a person gave them."""
        overrides, comments = self._said
        here = comments.get(place.tree.lineno, {})
        if not overrides and not here:
            return found
        said = {name: here.get(name) or overrides.role_of(name) for name in found}
        return {
            name: replace(node, role=Role(said[name])) if said[name] else node
            for name, node in found.items()
        }

    def _roles(self, place: Place) -> list[Role]:
        return [node.role for node in self._parameters(place).values() if node.role is not None]

    # units

    def _function_unit(self, place: Place) -> Unit:
        lifter = self._lifter(place)
        inputs = self._parameters(place)
        kind = kind_of(place, self.index, self._roles(place))
        results = _results(lifter) or tuple(_kept(lifter, place))
        aside = is_test(place) or trains_nothing(place, self.index)
        if (lifter.sinks or not lifter.results) and results and not aside:
            kind = Kind.LOSS
        if kind is not Kind.CODE and not _uses_framework(lifter):
            kind = Kind.CODE
        return Unit(
            name=place.name,
            tree=place.tree,
            kind=kind,
            nodes=tuple(lifter.nodes),
            inputs=inputs,
            results=results,
            definitions=lifter.definitions(),
            calls=tuple(lifter.calls),
            trained=frozenset(node.number for node in lifter.trained),
            keras=is_called_by_keras(place),
            ambiguous=self._ambiguous(),
        )

    def _module_unit(self) -> Unit:
        lifter = Lifter(self.surroundings, Frame(self.index, MODULE_LEVEL), {})
        lifter.body(self.index.tree.body)
        definitions = lifter.definitions()
        named = [
            d.value
            for d in definitions
            if speaks_of_loss(d.name) and d.value.op not in (CONST, FREE)
        ]
        results = tuple(lifter.sinks or named)
        return Unit(
            name=MODULE_LEVEL,
            tree=self.index.tree,
            kind=Kind.LOSS if results and _uses_framework(lifter) else Kind.CODE,
            nodes=tuple(lifter.nodes),
            inputs={},
            results=results,
            definitions=definitions,
            calls=tuple(lifter.calls),
            trained=frozenset(node.number for node in lifter.trained),
            ambiguous=self._ambiguous(),
        )

    def _ambiguous(self) -> frozenset[str]:
        return ambiguous_names(self.imports) | self.surroundings.ambiguous


def lift_module(tree: ast.Module) -> Module:
    """The module of a parsed text that stands by itself."""
    return Module(index_of(tree))


def parameters(place: Place, numbers: Numbering, surroundings: Surroundings) -> dict[str, Node]:
    """A node for each parameter but `self`, with its role and the number it is by default."""
    arguments = place.tree.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    if place.owner is not None and not is_static(place.tree):
        named = named[1:]
    defaults = dict(defaults_of(arguments))
    found: dict[str, Node] = {}
    for argument in named:
        default = defaults.get(argument.arg)
        role = role_of(argument.arg, default is not None)
        value = None if default is None else surroundings.default_value(default)
        number = numbers.of((INPUT, place.name, argument.arg))
        found[argument.arg] = Node(INPUT, (), {}, number, name=argument.arg, value=value, role=role)
    found = _settled_inputs(found)
    for extra in (arguments.vararg, arguments.kwarg):
        if extra is not None:
            number = numbers.of((INPUT, place.name, extra.arg))
            found[extra.arg] = Node(INPUT, (), {}, number, name=extra.arg, role=Role.SETTING)
    return found


def _uses_framework(lifter: Lifter) -> bool:
    """Whether a scope, or a function that it calls, computes with a framework."""
    called = (inner for node in lifter.nodes if node.inner is not None for inner in node.walk())
    return any(
        node.api not in ("", "numpy") or (node.op in (OPAQUE, FREE) and is_framework(node.name))
        for node in (*lifter.nodes, *called)
    )


def _results(lifter: Lifter) -> tuple[Node, ...]:
    """What training makes small: what flows into a gradient, or what is returned; both where a
    loss returns what it makes of a gradient, as a penalty on it does."""
    returned = tuple(trained_parts(lifter.results))
    if not lifter.sinks:
        return returned
    if not speaks_of_loss(lifter.frame.name.rpartition(".")[2]):
        return tuple(lifter.sinks)
    return (*lifter.sinks, *filter(_is_made_of_gradients, returned))


def _is_made_of_gradients(result: Node) -> bool:
    """Whether a value is computed from a gradient, and is no gradient itself."""
    own = result.op != OPAQUE
    return own and any(node.name.rpartition(".")[2] == "gradient" for node in result.walk())


def _kept(lifter: Lifter, place: Place) -> Iterator[Node]:
    """The values that a method with nothing to return keeps as losses: `self.loss = ...`."""
    if place.owner is None:
        return
    own = {text for text in _attributes_stored(place.tree) if speaks_of_loss(text)}
    for name in sorted(own):
        node = lifter.scope.get(f"self.{name}")
        if node is not None and node.op not in (CONST, FREE, CALLABLE):
            yield node


def _attributes_stored(tree: ast.AST) -> Iterator[str]:
    for node in nodes_in(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def _calls_a_parameter(unit: Unit) -> bool:
    return any(
        node.op == OPAQUE
        and bool(node.args)
        and node.args[0].op == INPUT
        and node.name == node.args[0].name
        for node in unit.nodes
    )


def _settled_inputs(found: dict[str, Node]) -> dict[str, Node]:
    """Beside a parameter that speaks of predictions, `x` and `inputs` are data."""
    if not any(n not in _DATA and n not in ("a", "b") and speaks_of_prediction(n) for n in found):
        return found
    return {
        name: replace(node, role=Role.LABEL) if name in _DATA else node
        for name, node in found.items()
    }


_DATA = frozenset({"x", "inputs", "input"})
