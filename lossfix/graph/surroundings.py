"""Surroundings: the code around a scope, as far as a name, a call or `self` leads to it.

Functions are run through at each call with what they are given; the answer to the same call of the
same function is remembered. What is too deep, too long or calls itself is not followed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from weakref import WeakMethod

from lossfix.graph.express import Ran, is_shape
from lossfix.graph.index import ClassInfo, FunctionTree, Index, Place, attributes_set, defaults_of
from lossfix.graph.lift import Lifter
from lossfix.graph.names import BACKENDS, dotted, is_framework
from lossfix.graph.nodes import (
    CALLABLE,
    CONST,
    FREE,
    INPUT,
    JOIN,
    OPAQUE,
    Constructor,
    Frame,
    Function,
    Instance,
    Node,
    Role,
)
from lossfix.graph.number import Numbering
from lossfix.graph.packages import Found, Packages
from lossfix.graph.vocabulary import resolve

_DEEPEST = 5  # calls within calls
_LONGEST = 300  # lines of a function that is run through
_MOST_LINES = 2_500  # lines run through for one file
_FOLLOWED = frozenset(
    "function register_keras_serializable staticmethod classmethod tf_export keras_export "
    "keras_cv_export export configurable do_not_convert typechecked wraps deprecated "
    "deprecated_args do_not_doc_inheritors jit".split()
)
"""Decorators that leave what a function computes as it is."""


class Surroundings:
    """What is known around the scopes of one file."""

    def __init__(
        self,
        index: Index,
        numbers: Numbering,
        packages: Packages,
        closure: Callable[[Place], Mapping[str, Node]],
    ) -> None:
        self.index = index
        self.numbers = numbers
        self.packages = packages
        self.handed_over: set[str] = set()  # functions that are given to somebody as a loss
        self.metrics: set[str] = set()  # and as a metric
        self.ambiguous: frozenset[str] = frozenset()
        self.unsure: set[str] = set()  # framework names that star imports leave open
        self._closure = WeakMethod(closure)  # the module owns this, and not the other way round
        self._known: dict[Hashable, Node | None] = {}
        self._imported: dict[Hashable, Node | str | None] = {}
        self._constants: dict[int, Mapping[str, Node]] = {}
        self._attributes: dict[int, dict[str, Node]] = {}
        self._ran: dict[Hashable, tuple[Ran | None, object]] = {}
        self._siblings: dict[Hashable, Mapping[str, Node]] = {}
        self._setters: dict[int, frozenset[str]] = {}
        self._running: list[int] = []
        self._lines = _MOST_LINES
        self._follows = True

    @contextmanager
    def inside(self, tree: ast.AST) -> Iterator[None]:
        """Marks a function as being run through, so that it is not entered again."""
        self._running.append(id(tree))
        try:
            yield
        finally:
            self._running.pop()

    def reaches_framework(self) -> bool:
        """Whether the file imports a framework, itself or by what its package hands on."""
        if _imports_framework(self.index) or not self.index.path:
            return True
        imported = {name for names in self.index.imports.values() for name in names}
        if any(self.packages.hands_on_framework(self.index, name) for name in imported):
            return True
        return bool(self.index.stars)

    @contextmanager
    def following(self, follows: bool) -> Iterator[None]:
        """Whether calls are run through in what is lifted within."""
        before, self._follows = self._follows, follows
        try:
            yield
        finally:
            self._follows = before

    def note_loss(self, frame: Frame) -> None:
        if frame.home is self.index and frame.name in self.index.places:
            self.handed_over.add(frame.name)

    def note_metric(self, frame: Frame) -> None:
        if frame.home is self.index and frame.name in self.index.places:
            self.metrics.add(frame.name)

    def note_ambiguous(self, frame: Frame, name: str) -> None:
        if frame.home is self.index:
            self.ambiguous |= {name}

    # names

    def constants(self, home: Index) -> Mapping[str, Node]:
        """Top-level names of a file that hold one number, ever."""
        found = self._constants.get(id(home))
        if found is None:
            found = {}
            self._constants[id(home)] = found
            for name, value in home.globals.items():
                if _is_number(value):
                    node = self._global(home, value)
                    if node is not None and node.op == CONST:
                        found[name] = node
        return found

    def named(self, frame: Frame, name: str) -> Node | None:
        """What a name at the top of the file stands for."""
        home = frame.home
        if name not in home.places and name not in home.globals and name not in home.classes:
            return None
        key = (id(home), name)
        if key not in self._known:
            self._known[key] = None  # met again while it is being worked out
            self._known[key] = self._top_level(home, name)
        return self._known[key]

    def _top_level(self, home: Index, name: str) -> Node | None:
        if name in home.places:
            return self._function(home, home.places[name])
        if name in home.classes:
            return self.numbers.callable(Constructor(home.classes[name], home), (id(home), name))
        return self._global(home, home.globals[name])

    def _global(self, home: Index, value: ast.expr) -> Node | None:
        if isinstance(value, (ast.Dict, ast.List, ast.Set, ast.Tuple, ast.ListComp, ast.DictComp)):
            return None
        if self._lines < 0:
            return None
        lifter = Lifter(self, Frame(home, "", None), {}, depth=1)
        node = lifter.at(value)
        return None if node.op == FREE and not is_framework(node.name) else node

    def _function(self, home: Index, place: Place) -> Node | None:
        if place.parent is not None or not _is_followed(place.tree):
            return None
        frame = Frame(home, place.name, place.owner)
        target = Function(place.tree, frame, self.constants(home))
        return self.numbers.callable(target, (id(home), place.name))

    def imported(self, frame: Frame, qualified: str) -> Node | str | None:
        """What an import leads to: a value of the package, a framework's own name, or nothing."""
        home = frame.home
        if not home.path or not self._follows:
            return None
        key = (id(home), qualified)
        if key not in self._imported:
            self._imported[key] = None
            found = self.packages.resolve(home, qualified)
            self._imported[key] = self._value_of(found) if found is not None else None
        return self._imported[key]

    def _value_of(self, found: Found) -> Node | str | None:
        home = found.home
        if home is None:
            if not found.sure:
                self.unsure.add(found.qualified)
            return found.qualified
        if found.place is not None:
            if found.place.owner is not None and not is_static(found.place.tree):
                return None
            return self._function(home, found.place)
        if found.info is not None:
            return self.numbers.callable(Constructor(found.info, home), (id(home), found.info.name))
        if isinstance(found.value, (ast.Name, ast.Attribute)):
            text = dotted(found.value)
            bound = home.imports.get((text or "").partition(".")[0], ())
            if text is not None and len(bound) == 1 and is_framework(bound[0]):
                return bound[0] + text[len(text.partition(".")[0]) :]
        return self._global(home, found.value) if found.value is not None else None

    def starred(self, frame: Frame, name: str) -> str | None:
        """The framework's op that a bare name may be, by way of a star import."""
        home = frame.home
        for module in home.stars:
            if is_framework(module) and resolve(f"{module}.{name}") is not None:
                self.note_ambiguous(frame, name)
                return f"{module}.{name}"
        if home.stars and home.path:
            found = self.packages.star(home, name)
            if found is not None and found.qualified and resolve(found.qualified) is not None:
                self.note_ambiguous(frame, name)
                return found.qualified
        return None

    def default_value(self, default: ast.expr) -> int | float | bool | str | None:
        """What a parameter is when nobody gives it, where that is a number or a text."""
        if isinstance(default, ast.Constant):
            value = default.value
            return value if isinstance(value, (int, float, bool, str)) else None
        if not isinstance(default, (ast.UnaryOp, ast.BinOp, ast.Call, ast.Name)):
            return None
        scope = self.constants(self.index)
        node = Lifter(self, Frame(self.index, "", None), scope, depth=1).at(default)
        return node.value if node.op == CONST else None

    # classes

    def _bases(self, owner: ClassInfo, home: Index) -> list[tuple[Index, ClassInfo]]:
        """A class and its bases as far as they are known, in the order in which they are asked."""
        found: list[tuple[Index, ClassInfo]] = []
        todo = [(home, owner)]
        while todo and len(found) < _DEEPEST:
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
        known = self.named(frame, text) if text in home.classes else None
        if known is not None:
            return known
        root, dot, rest = text.partition(".")
        bound = home.imports.get(root, ())
        if len(bound) != 1 or is_framework(bound[0]):
            return None
        found = self.imported(frame, bound[0] + dot + rest)
        return found if isinstance(found, Node) else None

    def method(self, owner: ClassInfo, home: Index, name: str) -> Node | None:
        """The method that an object of the class has by this name."""
        return self._method_in(self._bases(owner, home), owner, name)

    def parent_method(self, frame: Frame, name: str) -> Node | None:
        """The method that `super()` in a method's text finds."""
        if frame.owner is None:
            return None
        holder = frame.name.rpartition(".")[0]
        bases = self._bases(frame.owner, self.index)
        places = [i for i, (_, info) in enumerate(bases) if info.name == holder]
        return self._method_in(bases[places[0] + 1 :], frame.owner, name) if places else None

    def _method_in(
        self, bases: Sequence[tuple[Index, ClassInfo]], owner: ClassInfo, name: str
    ) -> Node | None:
        for home, info in bases:
            tree = info.methods.get(name)
            if tree is not None:
                if not _is_followed(tree):
                    return None
                frame = Frame(home, f"{info.name}.{name}", owner)
                target = Function(tree, frame, self.constants(home))
                return self.numbers.callable(target, (id(tree), id(owner)))
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
            names = [dotted(decorator) or "" for decorator in tree.decorator_list]
            if [each.rpartition(".")[2] for each in names] not in (
                ["property"],
                ["cached_property"],
            ):
                return None
            inner = Frame(home, f"{info.name}.{tree.name}", frame.owner)
            ran = self.run(Function(tree, inner, self.constants(home), receiver), [], {}, depth)
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
                if not isinstance(statement, ast.Assign) or not _is_number(statement.value):
                    continue
                node = self._global(home, statement.value)
                for target in statement.targets:
                    if node is not None and node.op == CONST and isinstance(target, ast.Name):
                        found[f"self.{target.id}"] = node
        init = self.method(frame.owner, frame.home, "__init__")
        if init is None or not isinstance(init.target, Function):
            return found
        function = init.target
        given = self._settings(function, frame.owner)
        ran = self.run(function, [], given, _DEEPEST - 3)
        if ran is not None:
            for name, node in ran.attributes.items():
                found[name] = _as_setting(name, node, frame.owner, self.numbers)
        setters = [self._set_by(tree) for tree in frame.owner.methods.values()]
        once = {n: v for n, v in found.items() if sum(n[5:] in names for names in setters) == 1}
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
            value = None if default is None else self.default_value(default)
            number = self.numbers.of((INPUT, id(owner), argument.arg))
            found[argument.arg] = Node(
                INPUT, (), {}, number, name=argument.arg, value=value, role=Role.SETTING
            )
        return found

    def _set_elsewhere(self, frame: Frame, name: str) -> Node | None:
        """`self.x` as the one other method that sets it leaves it."""
        owner = frame.owner
        assert owner is not None
        setters = [
            tree
            for method, tree in owner.methods.items()
            if method != "__init__" and name[5:] in self._set_by(tree)
        ]
        if len(setters) != 1 or id(setters[0]) in self._running:
            return None
        place = self.index.places.get(f"{owner.name}.{setters[0].name}")
        if place is None or place.tree is not setters[0]:
            return None
        scope = self._closure_of_method(place)
        only_here = self._set_by(place.tree).difference(
            *(self._set_by(tree) for tree in owner.methods.values() if tree is not place.tree)
        )
        together = {f"self.{n}": scope[f"self.{n}"] for n in only_here if f"self.{n}" in scope}
        self._siblings.update({(id(owner), each): together for each in together})
        return scope.get(name)

    def siblings(self, frame: Frame, name: str) -> Mapping[str, Node]:
        """What the one method that sets `self.x` sets beside it, and no other method does."""
        return self._siblings.get((id(frame.owner), name), {})

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

    def _closure_of_method(self, place: Place) -> Mapping[str, Node]:
        """The scope that a method leaves."""
        inner = Place(place.tree, f"{place.name}.<end>", None, place.name)
        closure = self._closure()
        return closure(inner) if closure is not None else {}

    # calls

    def build(
        self, target: Constructor, args: list[Node], named: Mapping[str, Node], depth: int
    ) -> Node:
        """An object of a class of the package, with what its constructor leaves on `self`."""
        owner, home = target.owner, target.home
        attributes: Mapping[str, Node] = {}
        init = self.method(owner, home, "__init__")
        if init is not None and isinstance(init.target, Function):
            ran = self.run(init.target, args, named, depth)
            attributes = ran.attributes if ran is not None else {}
        key = ("object", self.numbers.fresh())
        return self.numbers.callable(Instance(owner, home, attributes), key)

    def run(
        self, function: Function, args: list[Node], named: Mapping[str, Node], depth: int
    ) -> Ran | None:
        """Runs through a function with these arguments; None where it cannot be followed."""
        tree = function.tree
        lines = (tree.end_lineno or tree.lineno) - tree.lineno + 1
        if not self._follows or depth >= _DEEPEST or id(tree) in self._running or lines > _LONGEST:
            return None
        abroad = function.frame.home is not self.index and not _is_init(function)
        if abroad and not (_given_a_value([*args, *named.values()]) and _computes(function)):
            return None
        given = self._bound(function, args, named)
        if given is None:
            return None
        receiver = function.receiver or {}
        key = (
            id(tree),
            id(function.scope),
            tuple((name, node.number) for name, node in given.items()),
            tuple((name, node.number) for name, node in receiver.items()),
        )
        if key not in self._ran:
            self._lines -= lines
            ran = self._run(function, given, receiver, depth) if self._lines > 0 else None
            self._ran[key] = (ran, function)
        return self._ran[key][0]

    def _run(
        self,
        function: Function,
        given: Mapping[str, Node],
        receiver: Mapping[str, Node],
        depth: int,
    ) -> Ran | None:
        tree = function.tree
        scope = {**function.scope, **receiver, **given}
        lifter = Lifter(self, function.frame, scope, depth=depth + 1)
        with self.inside(tree):
            if isinstance(tree, ast.Lambda):
                result = lifter.at(tree.body)
            else:
                lifter.body(tree.body)
                result = self._result(lifter)
        if lifter.yields:
            return None
        attributes = {n: node for n, node in lifter.scope.items() if n.startswith("self.")}
        return Ran(result, given, attributes)

    def _result(self, lifter: Lifter) -> Node:
        """What a function returns: one value, whichever `return` it leaves by."""
        results = lifter.results or [self.numbers.constant(None)]
        first = results[0]
        shapes = {(node.op, node.name, len(node.args)) for node in results}
        if len(shapes) == 1 and first.op == OPAQUE and first.name == "sequence":
            parts = zip(*(node.args for node in results), strict=True)
            items = tuple(self._joined(part) for part in parts)
            return self.numbers.opaque("sequence", items, "sequence", first.origin)
        return self._joined(results)

    def _joined(self, nodes: Sequence[Node]) -> Node:
        if len({node.number for node in nodes}) == 1:
            return nodes[0]
        return Node(JOIN, tuple(nodes), {}, self.numbers.fresh(), nodes[-1].origin)

    def _bound(
        self, function: Function, args: Sequence[Node], named: Mapping[str, Node]
    ) -> dict[str, Node] | None:
        """Parameters by name with what they are given; None where the call does not fit."""
        arguments = function.tree.args
        positional = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
        if function.receiver is not None or _is_init(function):
            positional = positional[0 if _is_static_function(function) else 1 :]
        keywords = {**function.named, **named}
        values = [*function.given, *args]
        if arguments.vararg is None and len(values) > len(positional):
            return None
        found = dict(zip(positional, values, strict=False))
        known = {*positional, *(a.arg for a in arguments.kwonlyargs)}
        for name, node in keywords.items():
            if name in found or (name not in known and arguments.kwarg is None):
                return None
            if name in known:
                found[name] = node
        for name, default in defaults_of(arguments):
            if name in known and name not in found:
                found[name] = Lifter(self, function.frame, function.scope, depth=1).at(default)
        for extra in (arguments.vararg, arguments.kwarg):
            if extra is not None:
                found[extra.arg] = self.numbers.opaque(f"*{extra.arg}", (), None, None)
        return found if known <= set(found) else None


def _imports_framework(index: Index) -> bool:
    """Whether a file names a framework in an import, or a backend by convention."""
    return (
        index.backend
        or any(
            name in BACKENDS or any(map(is_framework, names))
            for name, names in index.imports.items()
        )
        or any(map(is_framework, index.stars))
    )


def _computes(function: Function) -> bool:
    """Whether a function of another file may say something of a value: it is short, or names an op
    that bounds or bends one."""
    tree, text = function.tree, function.frame.home.text
    last = tree.end_lineno or tree.lineno
    if last - tree.lineno < _SHORT:
        return True
    known = _WORTH.get(id(tree))
    if known is None or known[0] is not tree:
        lines = text.split("\n")[tree.lineno - 1 : last]
        known = (tree, _SAYS_SOMETHING.search("\n".join(lines)) is not None)
        _WORTH[id(tree)] = known
    return known[1]


_SHORT = 6  # lines: a function that hands on
_SAYS_SOMETHING = re.compile(
    r"\b(?:log1?p?|expm?1?|sqrt|r?sqrt|l2_normalize|norm|softmax|sigmoid|softplus|tanh|square|"
    r"clip(?:_by_value)?|maximum|relu6?|abs|stop_gradient|one_hot|divide_no_nan|erf|acos)\("
)
_WORTH: dict[int, tuple[ast.AST, bool]] = {}


def _given_a_value(nodes: Sequence[Node]) -> bool:
    """Whether a call is given more than numbers, names, shapes and functions."""
    return any(
        node.op not in (CONST, FREE)
        and (node.op != CALLABLE or node.target is None)
        and not is_shape(node)
        for node in nodes
    )


def _is_number(value: ast.expr) -> bool:
    """Whether an expression may be a number that is worked out from numbers."""
    return isinstance(value, (ast.Constant, ast.UnaryOp, ast.BinOp))


def is_static(tree: ast.AST) -> bool:
    return any(
        isinstance(d, ast.Name) and d.id == "staticmethod"
        for d in getattr(tree, "decorator_list", ())
    )


def _is_static_function(function: Function) -> bool:
    return is_static(function.tree)


def _is_init(function: Function) -> bool:
    return getattr(function.tree, "name", "") == "__init__"


def _is_followed(tree: FunctionTree) -> bool:
    """Whether a call of the function gives what its text says: no decorator that may change it."""
    for decorator in tree.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if (dotted(called) or "").rpartition(".")[2] not in _FOLLOWED:
            return False
    return True


def _as_setting(name: str, value: Node, owner: ClassInfo, numbers: Numbering) -> Node:
    """An argument that the constructor keeps is a setting, with its default as a hint."""
    if value.op != INPUT:
        return value
    key = (FREE, owner.name, name)
    return Node(FREE, (), {}, numbers.of(key), name=name, value=value.value)
