"""The index of a file: its imports, functions, classes and constants, by one walk over statements.

Expressions are not entered, so that indexing a file costs a fraction of parsing it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Union

from lossfix.graph.names import BACKENDS, bindings_of, dotted, is_framework, qualify
from lossfix.graph.rebinding import TRIES
from lossfix.source.trees import nodes_in
from lossfix.values import light

_OWN = re.compile(r"\bself\s*\.\s*(\w+)")
_NEWLINE = re.compile(r"\r\n?|\n")
FunctionTree = Union[ast.FunctionDef, ast.AsyncFunctionDef]  # noqa: UP007 - evaluated at run time


@dataclass(frozen=True, eq=False, slots=True)
class ClassInfo:
    """A class: its own methods by name, and its bases as the text names them."""

    name: str  # "Outer.Inner"
    tree: ast.ClassDef
    methods: Mapping[str, FunctionTree]
    bases: tuple[str, ...]


@light
@dataclass(frozen=True, eq=False, slots=True)
class Place:
    """A function and where it stands."""

    tree: FunctionTree
    name: str  # "Class.method", "outer.inner"
    owner: ClassInfo | None  # the class that a method belongs to
    parent: str | None  # the function around it


@dataclass(frozen=True, eq=False)
class Index:
    """One file: what stands in it, by name. `path` is "" for a text that has none."""

    tree: ast.Module
    path: str
    imports: Mapping[str, tuple[str, ...]]
    stars: tuple[str, ...]  # modules that are imported with a star
    places: Mapping[str, Place]  # every function, outer ones before inner ones
    classes: Mapping[str, ClassInfo]
    globals: Mapping[str, ast.expr]  # top-level names that are assigned once, with their value
    module_level: tuple[ast.stmt, ...] = field(default=())  # top-level statements but definitions
    shared: frozenset[str] = frozenset()  # names that a function declares global or nonlocal
    backend: bool = False  # whether a function holds a Keras backend in a variable
    text: str = ""  # of a file of the package that is not itself the checked one

    @cached_property
    def lines(self) -> list[str]:
        return _NEWLINE.split(self.text)

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """Top-level names that may hold a number."""
        numeric = (ast.Constant, ast.UnaryOp, ast.BinOp)
        return tuple(
            name
            for name, value in self.globals.items()
            if isinstance(value, numeric) and not isinstance(getattr(value, "value", 0), str)
        )


def index_of(tree: ast.Module, path: str = "", text: str = "") -> Index:
    """The index of a parsed file."""
    walk = _Walk()
    walk.body(tree.body, "", None, None)
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    rest = tuple(s for s in tree.body if not isinstance(s, definitions))
    once = {n: v for n, v in _assigned_once(tree.body).items() if n not in walk.rebound}
    imports = {name: tuple(found) for name, found in walk.imports.items()}
    imports.update(_aliases(once, imports))
    return Index(
        tree=tree,
        path=path,
        imports=imports,
        stars=tuple(walk.stars),
        places=walk.places,
        classes=walk.classes,
        globals=once,
        module_level=rest,
        shared=frozenset(walk.rebound | walk.nonlocals),
        backend=walk.backend,
        text=text,
    )


class _Walk:
    """Collects what a walk over statements meets."""

    def __init__(self) -> None:
        self.imports: dict[str, list[str]] = {}
        self.stars: list[str] = []
        self.places: dict[str, Place] = {}
        self.classes: dict[str, ClassInfo] = {}
        self.backend = False
        self.rebound: set[str] = set()  # names that a function declares global
        self.nonlocals: set[str] = set()

    def body(
        self, body: list[ast.stmt], path: str, owner: ClassInfo | None, parent: str | None
    ) -> None:
        for statement in body:
            kind = type(statement)
            if kind in _SIMPLE:
                if kind is ast.Assign and _names_a_backend(statement):
                    self.backend = True
                continue
            if kind is ast.FunctionDef or kind is ast.AsyncFunctionDef:
                self._function(statement, path, owner, parent)  # type: ignore[arg-type]
            elif kind is ast.ClassDef:
                self._class(statement, path, parent)  # type: ignore[arg-type]
            elif kind is ast.Import or kind is ast.ImportFrom:
                self._import(statement)
            elif kind is ast.Global:
                self.rebound.update(statement.names)  # type: ignore[attr-defined]
            elif kind is ast.Nonlocal:
                self.nonlocals.update(statement.names)  # type: ignore[attr-defined]
            else:
                for inner in suites(statement):
                    self.body(inner, path, owner, parent)

    def _function(
        self, tree: FunctionTree, path: str, owner: ClassInfo | None, parent: str | None
    ) -> None:
        name = path + tree.name
        self.places[name] = Place(tree, name, owner, parent)
        self.body(tree.body, f"{name}.", None, name)

    def _class(self, tree: ast.ClassDef, path: str, parent: str | None) -> None:
        name = path + tree.name
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        methods = {s.name: s for s in tree.body if isinstance(s, functions)}
        bases = tuple(dotted(base) or "" for base in tree.bases)
        info = ClassInfo(name, tree, methods, bases)
        self.classes[name] = info
        self.body(tree.body, f"{name}.", info, parent)

    def _import(self, statement: ast.stmt) -> None:
        for local, qualified in bindings_of(statement):
            if local == "*":
                self.stars.append(qualified)
                continue
            found = self.imports.setdefault(local, [])
            if qualified not in found:
                found.append(qualified)


_SIMPLE = frozenset(
    {
        ast.Assign,
        ast.Expr,
        ast.Return,
        ast.AugAssign,
        ast.AnnAssign,
        ast.Raise,
        ast.Assert,
        ast.Pass,
    }
)


def _names_a_backend(statement: ast.stmt) -> bool:
    target = statement.targets[0] if isinstance(statement, ast.Assign) else None
    return isinstance(target, ast.Name) and target.id in BACKENDS


def suites(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The blocks of a compound statement."""
    for name in ("body", "orelse", "finalbody"):
        suite = getattr(statement, name, None)
        if suite:
            yield suite
    for handler in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        yield handler.body


def defaults_of(arguments: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    """The parameters that have a default, with it."""
    positional = [*arguments.posonlyargs, *arguments.args]
    last = positional[len(positional) - len(arguments.defaults) :]
    for argument, default in zip(last, arguments.defaults, strict=True):
        yield argument.arg, default
    for argument, given in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if given is not None:
            yield argument.arg, given


def attributes_set(body: list[ast.stmt]) -> Iterator[str]:
    """The names of the attributes of `self` that statements set."""
    for statement in body:
        targets: list[ast.expr] = []
        if isinstance(statement, ast.Assign):
            targets = list(statement.targets)
        elif isinstance(statement, (ast.AugAssign, ast.AnnAssign)):
            targets = [statement.target]
        while targets:
            target = targets.pop()
            if isinstance(target, ast.Subscript):
                target = target.value
            if isinstance(target, (ast.Tuple, ast.List)):
                targets.extend(target.elts)
            elif isinstance(target, ast.Attribute) and dotted(target.value) == "self":
                yield target.attr
        for inner in suites(statement):
            yield from attributes_set(inner)


def own_attributes(tree: FunctionTree, home: Index | None = None) -> Iterator[str]:
    """Names of attributes and methods of `self` that the code speaks of, a few more perhaps."""
    if home is not None and home.text:
        yield from _OWN.findall("\n".join(home.lines[tree.lineno - 1 : tree.end_lineno]))
        return
    for node in nodes_in(tree):
        if isinstance(node, ast.Attribute) and dotted(node.value) == "self":
            yield node.attr


def _assigned_once(body: list[ast.stmt]) -> dict[str, ast.expr]:
    """Top-level `name = value`, of names that no other top-level statement stores."""
    found: dict[str, ast.expr] = {}
    twice: set[str] = set()
    for statement in body:
        for name, value in _stores(statement):
            if name in found or value is None:
                twice.add(name)
            if value is not None:
                found.setdefault(name, value)
    return {name: value for name, value in found.items() if name not in twice}


def _stores(statement: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    """Names that a top-level statement stores; the value where it is `name = value`."""
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Name):
                yield target.id, statement.value
            elif isinstance(target, (ast.Tuple, ast.List)):
                yield from ((n.id, None) for n in nodes_in(target) if isinstance(n, ast.Name))
    elif isinstance(statement, ast.AnnAssign):
        if isinstance(statement.target, ast.Name) and statement.value is not None:
            yield statement.target.id, statement.value
    elif isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        yield statement.target.id, None
    elif isinstance(statement, (ast.If, ast.For, ast.While, ast.With, ast.Match, *TRIES)):
        for node in nodes_in(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id, None


def _aliases(
    once: Mapping[str, ast.expr], imports: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """`K = tf.keras.backend` at module level: a name for a framework's module or function."""
    found: dict[str, tuple[str, ...]] = {}
    for name, value in once.items():
        text = dotted(value) if isinstance(value, (ast.Attribute, ast.Name)) else None
        qualified = qualify(text, {**imports, **found}) if text else None
        if qualified is not None and is_framework(qualified):
            found[name] = (qualified,)
    return found


def is_number(value: ast.expr) -> bool:
    """Whether an expression may be a number that is worked out from numbers."""
    return isinstance(value, (ast.Constant, ast.UnaryOp, ast.BinOp))


def is_static(tree: ast.AST) -> bool:
    return any(
        isinstance(d, ast.Name) and d.id == "staticmethod"
        for d in getattr(tree, "decorator_list", ())
    )


_FOLLOWED = frozenset(
    "function register_keras_serializable staticmethod classmethod tf_export keras_export "
    "keras_cv_export export configurable do_not_convert typechecked wraps deprecated "
    "deprecated_args do_not_doc_inheritors jit".split()
)
"""Decorators that leave what a function computes as it is."""


def is_followed(tree: FunctionTree) -> bool:
    """Whether a call of the function gives what its text says: no decorator that may change it."""
    for decorator in tree.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if (dotted(called) or "").rpartition(".")[2] not in _FOLLOWED:
            return False
    return True
