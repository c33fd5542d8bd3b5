"""The dataflow graph: a node per value, an edge per use, each with the text that made it."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Union

from lossfix.graph.index import ClassInfo, Index
from lossfix.values import light

Attribute = Union[int, float, str, bool, None, tuple["Attribute", ...]]  # noqa: UP007 - recursive
"""A folded argument that is not a tensor: an axis, a flag, a dtype's name."""


@dataclass(frozen=True, slots=True)
class Dynamic:
    """An attribute whose value is only known at run time; equal where its text and names are."""

    text: str


class Role(Enum):
    """What a parameter stands for, by convention."""

    PREDICTION = "prediction"
    LABEL = "label"
    SETTING = "setting"


@light
@dataclass(frozen=True, eq=False, slots=True)
class Frame:
    """The scope whose text makes a value: its file, its name, and the class that `self` is of."""

    home: Index
    name: str
    owner: ClassInfo | None = None


@light
@dataclass(frozen=True, eq=False, slots=True)
class Origin:
    """The text that made a value.

    `code` is the expression, or the augmented assignment, and `statement` the simple statement
    it stands in. `scope` tells which value each name holds just before that statement runs.
    """

    code: ast.expr | ast.AugAssign
    statement: ast.stmt
    scope: Mapping[str, Node]
    frame: Frame


@dataclass(frozen=True, eq=False, slots=True)
class Function:
    """A function as a value: what a call of it runs, and what is known of its arguments already."""

    tree: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    frame: Frame
    scope: Mapping[str, Node]  # what surrounds it
    receiver: Mapping[str, Node] | None = None  # `self.x` by name, of a bound method
    given: tuple[Node, ...] = ()
    named: Mapping[str, Node] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True)
class Instance:
    """An object of a class of the package, with its attributes as `self.x` by name."""

    owner: ClassInfo
    home: Index
    attributes: Mapping[str, Node]


@dataclass(frozen=True, eq=False, slots=True)
class Constructor:
    """A class of the package as a value: a call of it makes an object."""

    owner: ClassInfo
    home: Index


@dataclass(frozen=True, eq=False, slots=True)
class Layer:
    """A layer or a model that ends in a known activation, an op of the vocabulary."""

    activation: str


Target = Union[Function, Instance, Constructor, Layer]  # noqa: UP007 - evaluated at run time


@light
@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """One value.

    `op` is a name of the vocabulary, or one of INPUT, CONST, FREE, JOIN, OPAQUE, CALLABLE.
    `number` is its value number: two nodes with one number hold the same value.
    `api` is the framework column that the text used ("tf", "keras.ops", "keras.backend",
    "numpy", or "" for a Python operator), and `prefix` the text before the op's own name
    ("tf", "K", "keras.ops"). `inner` is set where the value is what a call of the user's own
    function returns: the node that the function's text made. `rounds` is set where the value is
    what a loop begins with or a round leaves: the nodes that a round beginning with it leaves.
    """

    op: str
    args: tuple[Node, ...]
    attrs: Mapping[str, Attribute | Dynamic]
    number: int
    origin: Origin | None = None
    api: str = ""
    prefix: str = ""
    value: int | float | bool | str | None = None
    name: str = ""
    role: Role | None = None  # of an INPUT
    target: Target | None = None  # of a CALLABLE
    inner: Node | None = None
    rounds: list[Node] | None = None  # of a LOOP; it leads back to the node itself
    unsure: str = ""  # why a fix may not rest on what this value seems to be

    def walk(self) -> Iterator[Node]:
        """This node and all that it is computed from, each once, nearest first."""
        return reached((self,))


def _arguments(node: Node) -> Sequence[Node]:
    return node.args


def reached(
    roots: Iterable[Node], onward: Callable[[Node], Sequence[Node]] = _arguments
) -> Iterator[Node]:
    """The roots and all that `onward` leads to from them, each once, nearest first."""
    seen: set[int] = set()
    todo = deque(roots)
    while todo:
        node = todo.popleft()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            todo.extend(onward(node))


INPUT = "input"  # a parameter of the unit
CONST = "const"  # a folded constant, in `value`
FREE = "free"  # a name from outside the unit, or an attribute of one
JOIN = "join"  # one of `args`, whichever branch ran
LOOP = "loop"  # the name of a JOIN of what a loop starts with and what a round leaves
OPAQUE = "opaque"  # something the graph does not know; `args` are what it was given
CALLABLE = "callable"  # a function, an object or a layer that the graph can call, in `target`


class Kind(Enum):
    """What a unit of code is to a training run."""

    LOSS = "loss"
    HELPER = "helper"  # called by a loss
    METRIC = "metric"
    CODE = "code"


@light
@dataclass(frozen=True, eq=False, slots=True)
class Definition:
    """One assignment of a name, with every load of the name that it reaches."""

    name: str
    statement: ast.stmt
    value: Node
    loads: tuple[ast.Name, ...]
    simple: bool  # `name = value` and nothing else


@dataclass(frozen=True, eq=False, slots=True)
class Call:
    """A call of a function of the same file, met in the text of a unit."""

    caller: str
    callee: str  # the name of the function's unit
    arguments: Mapping[str, Node]  # parameter -> what it is given
    result: Node
    left: tuple[Node, ...] = ()  # what a method with nothing to return leaves on `self`


@dataclass(frozen=True, eq=False)
class Unit:
    """One scope, lifted: a function, a method, or the module level."""

    name: str  # "Class.method", "outer.inner", "" for the module level
    tree: ast.FunctionDef | ast.AsyncFunctionDef | ast.Module
    kind: Kind
    nodes: tuple[Node, ...]  # every value that the text makes, in the order of the text
    inputs: Mapping[str, Node]
    results: tuple[Node, ...]  # what flows out: returned values, or named losses of a script
    definitions: tuple[Definition, ...]
    calls: tuple[Call, ...] = ()
    trained: frozenset[int] = field(default_factory=frozenset)  # numbers of what is trained
    keras: bool = False  # called by Keras with (y_true, y_pred)
    ambiguous: frozenset[str] = field(default_factory=frozenset)  # names with two bindings

    def as_kind(self, kind: Kind) -> Unit:
        return self if kind is self.kind else replace(self, kind=kind)
