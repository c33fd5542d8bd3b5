"""Objects: classes of the package, what their methods leave on `self`, and who overrides whom."""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from lossfix.graph.index import (
    ClassInfo,
    FunctionTree,
    Index,
    attributes_set,
    defaults_of,
    is_followed,
    is_number,
    own_attributes,
)
from lossfix.graph.names import dotted, is_framework
from lossfix.graph.nodes import (
    CONST,
    FREE,
    INPUT,
    Constructor,
    Frame,
    Function,
    Instance,
    Node,
    Role,
)
from lossfix.graph.number import Numbering

if TYPE_CHECKING:
    from lossfix.graph.surroundings import Surroundings

_MOST_BASES = 8
_INIT_DEPTH = 2  # a constructor is run through as if it stood that deep in calls


class Objects:
    """What is known of the classes around the scopes of one file."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self._attributes: dict[int, dict[str, Node]] = {}
        self._siblings: dict[Hashable, Mapping[str, Node]] = {}
        self._changes: dict[tuple[int, str, str], frozenset[str]] = {}
        self._setters: dict[int, frozenset[str]] = {}

    def _bases(self, owner: ClassInfo, home: Index) -> list[tuple[Index, ClassInfo]]:
        """A class and its bases as far as they are known, in the order in which they are asked."""
        found: list[tuple[Index, ClassInfo]] = []
        todo = [(home, owner)]
        while todo and len(found) < _MOST_BASES:
            place, info = todo.pop(0)
            if any(info is known for _, known in found):
                continue
            found.append((place, info))
            for base in info.bases:
                node = self._class_named(place, base)
                if node is not None and isinstance(node.target, Constructor):
                    todo.append((node.target.home, node.target.owner))
        return found

    def _class_named(self, home: Index, text: str) -> Node | None:
        frame = Frame(home, "", None)
        known = self.around.named(frame, text) if text in home.classes else None
        if known is not None:
            return known
        root, dot, rest = text.partition(".")
        bound = home.imports.get(root, ())
        if len(bound) != 1 or is_framework(bound[0]):
            return None
        found = self.around.imported(frame, bound[0] + dot + rest)
        return found if isinstance(found, Node) else None

    def method(self, owner: ClassInfo, home: Index, name: str) -> Node | None:
        """The method that an object of the class has by this name."""
        return self._method_in(self._bases(owner, home), owner, name)

    def parent_method(self, frame: Frame, name: str) -> Node | None:
        """The method that `super()` in a method's text finds."""
        if frame.owner is None:
            return None
        holder = frame.name.rpartition(".")[0]
        bases = self._bases(frame.owner, self.around.index)
        places = [i for i, (_, info) in enumerate(bases) if info.name == holder]
        return self._method_in(bases[places[0] + 1 :], frame.owner, name) if places else None

    def _method_in(
        self, bases: Sequence[tuple[Index, ClassInfo]], owner: ClassInfo, name: str
    ) -> Node | None:
        for home, info in bases:
            tree = info.methods.get(name)
            if tree is not None:
                if not is_followed(tree):
                    return None
                frame = Frame(home, f"{info.name}.{name}", owner)
                target = Function(tree, frame, self.around.constants(home))
                return self.around.numbers.callable(target, (id(tree), id(owner)))
        return None

    def computed(
        self, frame: Frame, name: str, receiver: Mapping[str, Node], depth: int
    ) -> Node | None:
        """`self.x` where `x` is a property: what it gives for an object with these attributes."""
        if frame.owner is None:
            return None
        for home, info in self._bases(frame.owner, frame.home):
            tree = info.methods.get(name[5:])
            if tree is None:
                continue
            names = [(dotted(d) or "").rpartition(".")[2] for d in tree.decorator_list]
            if names not in (["property"], ["cached_property"]):
                return None
            inner = Frame(home, f"{info.name}.{tree.name}", frame.owner)
            getter = Function(tree, inner, self.around.constants(home), receiver)
            ran = self.around.run(getter, [], {}, depth)
            return ran.result if ran is not None else None
        return None

    def attribute(self, frame: Frame, name: str) -> Node | None:
        """`self.x` where no statement of the scope has set it: by the class or another method."""
        if frame.owner is None:
            return None
        key = id(frame.owner)
        if key not in self._attributes:
            self._attributes[key] = {}
            self._attributes[key] = self._set_at_first(frame)
        known = self._attributes[key]
        if name not in known:
            found = self._set_elsewhere(frame, name)
            if found is not None:
                known[name] = found
        return known.get(name)

    def _set_at_first(self, frame: Frame) -> dict[str, Node]:
        """What `__init__` leaves on `self`, and numbers that stand in the class."""
        assert frame.owner is not None
        found: dict[str, Node] = {}
        for home, info in reversed(self._bases(frame.owner, frame.home)):
            for statement in info.tree.body:
                if not isinstance(statement, ast.Assign) or not is_number(statement.value):
                    continue
                node = self.around.value(home, statement.value)
                for target in statement.targets:
                    if node is not None and node.op == CONST and isinstance(target, ast.Name):
                        found[f"self.{target.id}"] = node
        init = self.method(frame.owner, frame.home, "__init__")
        if init is None or not isinstance(init.target, Function):
            return found
        function = init.target
        given = self._settings(function, frame.owner)
        ran = self.around.run(function, [], given, _INIT_DEPTH)
        if ran is not None:
            for name, node in ran.attributes.items():
                found[name] = _as_setting(name, node, frame.owner, self.around.numbers)
        setters = [self._set_by(tree) for tree in frame.owner.methods.values()]
        times = {name: sum(name[5:] in names for names in setters) for name in found}
        found = {name: node for name, node in found.items() if times[name] < 2}
        once = {name: node for name, node in found.items() if times[name] == 1}
        self._siblings.update({(id(frame.owner), each): once for each in once})
        return found

    def _settings(self, function: Function, owner: ClassInfo) -> dict[str, Node]:
        """The arguments of a constructor, for any object: settings, with their defaults."""
        assert not isinstance(function.tree, ast.Lambda)
        arguments = function.tree.args
        defaults = dict(defaults_of(arguments))
        found: dict[str, Node] = {}
        for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs][1:]:
            default = defaults.get(argument.arg)
            value = None if default is None else self.around.default_value(default)
            number = self.around.numbers.of((INPUT, id(owner), argument.arg))
            found[argument.arg] = Node(
                INPUT, (), {}, number, name=argument.arg, value=value, role=Role.SETTING
            )
        return found

    def _set_elsewhere(self, frame: Frame, name: str) -> Node | None:
        """`self.x` as the one other method that sets it leaves it."""
        owner = frame.owner
        assert owner is not None
        setters = [tree for tree in owner.methods.values() if name[5:] in self._set_by(tree)]
        if len(setters) != 1 or setters[0].name == "__init__":
            return None
        if list(attributes_set(setters[0].body)).count(name[5:]) != 1:
            return None  # an early return may leave another of its values
        if id(setters[0]) in self.around.running:
            return None
        place = self.around.index.places.get(f"{owner.name}.{setters[0].name}")
        if place is None or place.tree is not setters[0]:
            return None
        scope = self.around.scope_left_by(place)
        only_here = self._set_by(place.tree).difference(
            *(self._set_by(tree) for tree in owner.methods.values() if tree is not place.tree)
        )
        together = {f"self.{n}": scope[f"self.{n}"] for n in only_here if f"self.{n}" in scope}
        self._siblings.update({(id(owner), each): together for each in together})
        return scope.get(name)

    def siblings(self, frame: Frame, name: str) -> Mapping[str, Node]:
        """What the one method that sets `self.x` sets beside it, and no other method does."""
        return self._siblings.get((id(frame.owner), name), {})

    def changed_by(
        self, owner: ClassInfo, home: Index, method: str, above: str = ""
    ) -> frozenset[str]:
        """Attributes that a method sets on its object, itself or by other methods of it.

        `above` is the class whose `super()` is asked for the method.
        """
        key = (id(owner), method, above)
        if key not in self._changes:
            methods: dict[str, tuple[Index, FunctionTree]] = {}
            bases = self._bases(owner, home)
            for place, info in bases:
                for name, tree in info.methods.items():
                    methods.setdefault(name, (place, tree))
            holders = [i for i, (_, info) in enumerate(bases) if info.name == above]
            asked = bases[holders[0] + 1 :] if holders else bases
            first = ((place, i.methods[method]) for place, i in asked if method in i.methods)
            self._changes[key] = frozenset(self._changed(methods, next(first, None)))
        return self._changes[key]

    def _changed(
        self,
        methods: Mapping[str, tuple[Index, FunctionTree]],
        first: tuple[Index, FunctionTree] | None,
    ) -> Iterator[str]:
        todo, seen = [first] if first else [], set[int]()
        while todo:
            home, tree = todo.pop()
            if id(tree) not in seen:
                seen.add(id(tree))
                yield from self._set_by(tree)
                todo.extend(methods[name] for name in own_attributes(tree, home) if name in methods)

    def overridden(self, frame: Frame, name: str) -> str:
        """A class of the file that derives from `self`'s and has this method of its own, or ""."""
        owner, home = frame.owner, frame.home
        heirs = (
            info.name
            for info in home.classes.values()
            if info is not owner
            and name in info.methods
            and any(base is owner for _, base in self._bases(info, home))
        )
        return next(heirs, "")

    def _set_by(self, tree: FunctionTree) -> frozenset[str]:
        found = self._setters.get(id(tree))
        if found is None:
            found = self._setters[id(tree)] = frozenset(attributes_set(tree.body))
        return found

    def build(
        self, target: Constructor, args: list[Node], named: Mapping[str, Node], depth: int
    ) -> Node:
        """An object of a class of the package, with what its constructor leaves on `self`."""
        owner, home = target.owner, target.home
        attributes: Mapping[str, Node] = {}
        init = self.method(owner, home, "__init__")
        if init is not None and isinstance(init.target, Function):
            ran = self.around.run(init.target, args, named, depth)
            attributes = ran.attributes if ran is not None else {}
        key = ("object", self.around.numbers.fresh())
        return self.around.numbers.callable(Instance(owner, home, attributes), key)


def _as_setting(name: str, value: Node, owner: ClassInfo, numbers: Numbering) -> Node:
    """An argument that the constructor keeps is a setting, with its default as a hint."""
    if value.op != INPUT:
        return value
    key = (FREE, owner.name, name)
    return Node(FREE, (), {}, numbers.of(key), name=name, value=value.value)
