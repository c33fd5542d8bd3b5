"""Surroundings: the code around a scope, as far as a name, a call or `self` leads to it.

Functions are run through at each call with what they are given; the answer to the same call of the
same function is remembered. What is too deep, too long or calls itself is not followed.
"""

from __future__ import annotations

import ast
import builtins
import re
import weakref
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from weakref import WeakMethod

from lossfix.graph.express import is_shape
from lossfix.graph.index import Index, Place, defaults_of, is_followed, is_number, is_static
from lossfix.graph.lift import Lifter
from lossfix.graph.lifting import Ran
from lossfix.graph.names import dotted, is_framework
from lossfix.graph.nodes import (
    CALLABLE,
    CONST,
    FREE,
    JOIN,
    OPAQUE,
    Constructor,
    Frame,
    Function,
    Node,
)
from lossfix.graph.number import Numbering
from lossfix.graph.objects import Objects
from lossfix.graph.packages import Found, Packages
from lossfix.graph.reach import leads_to_framework
from lossfix.graph.vocabulary import resolve

_BUILTINS = frozenset(dir(builtins))
_DEEPEST = 5  # calls within calls
_LONGEST = 300  # lines of a function that is run through
_MOST_LINES = 2_500  # lines run through for one file


class Surroundings:
    """What is known around the scopes of one file."""

    def __init__(
        self,
        index: Index,
        numbers: Numbering,
        packages: Packages,
        left_by: Callable[[Place], Mapping[str, Node]],
    ) -> None:
        self.index = index
        self.numbers = numbers
        self.packages = packages
        self.handed_over: set[str] = set()  # functions that are given to somebody as a loss
        self.metrics: set[str] = set()  # and as a metric
        self.ambiguous: frozenset[str] = frozenset()
        self.unsure: set[str] = set()  # framework names that star imports leave open
        self.objects = Objects(weakref.proxy(self))
        self._left_by = WeakMethod(left_by)  # the module owns this, and not the other way round
        self._known: dict[Hashable, Node | None] = {}
        self._imported: dict[Hashable, Node | str | None] = {}
        self._constants: dict[int, Mapping[str, Node]] = {}
        self._ran: dict[Hashable, tuple[Ran | None, object]] = {}
        self.running: list[int] = []
        self._lines = _MOST_LINES
        self._follows = True

    @contextmanager
    def inside(self, tree: ast.AST) -> Iterator[None]:
        """Marks a function as being run through, so that it is not entered again."""
        self.running.append(id(tree))
        try:
            yield
        finally:
            self.running.pop()

    def reaches_framework(self) -> bool:
        """Whether the file imports a framework, itself or by what its package hands on."""
        index = self.index
        bound = [(local, name) for local, names in index.imports.items() for name in names]
        stars = [("*", module) for module in index.stars]
        return (
            not index.path
            or index.backend
            or leads_to_framework([*bound, *stars], index.path, self.packages)
        )

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
                if is_number(value):
                    node = self.value(home, value)
                    if node is not None and node.op == CONST:
                        found[name] = node
        return found

    def named(self, frame: Frame, name: str) -> Node | None:
        """What a name at the top of the file stands for."""
        home = frame.home
        if name not in home.places and name not in home.globals and name not in home.classes:
            return self._by_star(home, name) if home.stars and home.path else None
        key = (id(home), name)
        if key not in self._known:
            self._known[key] = None  # met again while it is being worked out
            self._known[key] = self._top_level(home, name)
        return self._known[key]

    def _by_star(self, home: Index, name: str) -> Node | None:
        """What a bare name is by way of star imports, where they agree on one definition."""
        if not self._follows or name in _BUILTINS:
            return None
        key = (id(home), "*", name)
        if key not in self._known:
            self._known[key] = None
            found = self.packages.star(home, name)
            if found is not None and found.home is not None and not found.others:
                value = self._value_of(found)
                self._known[key] = value if isinstance(value, Node) else None
        return self._known[key]

    def is_starred(self, frame: Frame, name: str) -> bool:
        """Whether the name is known by way of a star import alone."""
        return self._known.get((id(frame.home), "*", name)) is not None

    def _top_level(self, home: Index, name: str) -> Node | None:
        if name in home.places:
            return self._function(home, home.places[name])
        if name in home.classes:
            return self.numbers.callable(Constructor(home.classes[name], home), (id(home), name))
        return self.value(home, home.globals[name])

    def value(self, home: Index, value: ast.expr) -> Node | None:
        if isinstance(value, (ast.Dict, ast.List, ast.Set, ast.Tuple, ast.ListComp, ast.DictComp)):
            return None
        if self._lines < 0:
            return None
        lifter = Lifter(self, Frame(home, "", None), {}, depth=1)
        node = lifter.at(value)
        return None if node.op == FREE and not is_framework(node.name) else node

    def _function(self, home: Index, place: Place) -> Node | None:
        if place.parent is not None or not is_followed(place.tree):
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
            found = self.packages.resolve(home.path, qualified)
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
        return self.value(home, found.value) if found.value is not None else None

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

    def scope_left_by(self, place: Place) -> Mapping[str, Node]:
        """The scope that a method leaves."""
        left_by = self._left_by()
        return left_by(place) if left_by is not None else {}

    # calls

    def run(
        self, function: Function, args: list[Node], named: Mapping[str, Node], depth: int
    ) -> Ran | None:
        """Runs through a function with these arguments; None where it cannot be followed."""
        tree = function.tree
        lines = (tree.end_lineno or tree.lineno) - tree.lineno + 1
        if not self._follows or depth >= _DEEPEST or id(tree) in self.running or lines > _LONGEST:
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
            positional = positional[0 if is_static(function.tree) else 1 :]
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


def _computes(function: Function) -> bool:
    """Whether a function of another file may say something of a value: it is short, or names an op
    that bounds or bends one."""
    tree = function.tree
    last = tree.end_lineno or tree.lineno
    if last - tree.lineno < _SHORT:
        return True
    known = _WORTH.get(id(tree))
    if known is None or known[0] is not tree:
        lines = function.frame.home.lines[tree.lineno - 1 : last]
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
        node.op not in (CONST, FREE) and node.op != CALLABLE and not is_shape(node)
        for node in nodes
    )


def _is_init(function: Function) -> bool:
    return getattr(function.tree, "name", "") == "__init__"
