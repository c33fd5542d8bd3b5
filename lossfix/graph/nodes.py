"""The dataflow graph: a node per value, an edge per use, each with the text that made it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Union

Attribute = Union[int, float, str, bool, None, tuple["Attribute", ...]]  # noqa: UP007 - recursive
"""A folded argument that is not a tensor: an axis, a flag, a dtype's name."""


@dataclass(frozen=True, slots=True)
class Dynamic:
    """An attribute whose value is only known at run time; equal where its text and names are."""

    text: str


@dataclass(frozen=True, eq=False, slots=True)
class Origin:
    """The text that made a value.

    `code` is the expression, or the augmented assignment, and `statement` the simple statement
    it stands in. `scope` tells which value each name holds just before that statement runs.
    """

    code: ast.expr | ast.AugAssign
    statement: ast.stmt
    scope: Mapping[str, Node]


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """One value.

    `op` is a name of the vocabulary, or one of INPUT, CONST, FREE, JOIN, OPAQUE.
    `number` is its value number: two nodes with one number hold the same value.
    `api` is the framework column that the text used ("tf", "keras.ops", "keras.backend",
    "numpy", or "" for a Python operator), and `prefix` the text before the op's own name
    ("tf", "K", "keras.ops").
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

    def walk(self) -> Iterator[Node]:
        """This node and all that it is computed from, each once, nearest first."""
        seen: set[int] = set()
        todo = [self]
        while todo:
            node = todo.pop(0)
            if id(node) not in seen:
                seen.add(id(node))
                yield node
                todo.extend(node.args)


INPUT = "input"  # a parameter of the unit
CONST = "const"  # a folded constant, in `value`
FREE = "free"  # a name from outside the unit, or an attribute of one
JOIN = "join"  # one of `args`, whichever branch ran
LOOP = "loop"  # the name of a JOIN of what a loop starts with and what a round leaves
OPAQUE = "opaque"  # something the graph does not know; `args` are what it was given


class Role(Enum):
    """What a parameter stands for, by convention."""

    PREDICTION = "prediction"
    LABEL = "label"
    SETTING = "setting"


class Kind(Enum):
    """What a unit of code is to a training run."""

    LOSS = "loss"
    HELPER = "helper"  # called by a loss
    METRIC = "metric"
    CODE = "code"


@dataclass(frozen=True, eq=False, slots=True)
class Definition:
    """One assignment of a name, with every load of the name that it reaches."""

    name: str
    statement: ast.stmt
    value: Node
    loads: tuple[ast.Name, ...]
    simple: bool  # `name = value` and nothing else


@dataclass(frozen=True, eq=False)
class Unit:
    """One scope, lifted: a function, a method, a lambda that has a name, or the module level."""

    name: str  # "Class.method", "outer.inner", "" for the module level
    tree: ast.FunctionDef | ast.AsyncFunctionDef | ast.Module
    kind: Kind
    nodes: tuple[Node, ...]  # every value that the text makes, in the order of the text
    inputs: Mapping[str, tuple[Node, Role]]
    results: tuple[Node, ...]  # what flows out: returned values, or named losses of a script
    definitions: tuple[Definition, ...]
    keras: bool = False  # called by Keras with (y_true, y_pred)
    ambiguous: frozenset[str] = field(default_factory=frozenset)  # names with two bindings
