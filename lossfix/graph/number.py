"""Making nodes: value numbering, constant folding, one spelling for what is the same."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Hashable, Mapping

from lossfix.graph.nodes import (
    CALLABLE,
    CONST,
    FREE,
    OPAQUE,
    Attribute,
    Dynamic,
    Node,
    Origin,
    Target,
)
from lossfix.graph.vocabulary import COMMUTATIVE, OPS

Number = int | float

_FOLDS: Mapping[str, Callable[..., Number]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": operator.pow,
    "floordiv": operator.floordiv,
    "neg": operator.neg,
    "abs": abs,
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "square": lambda x: x * x,
}
_MAX_FOLDED = 1e300


class Numbering:
    """Gives equal values equal numbers, within one module."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._next = 0

    def fresh(self) -> int:
        self._next += 1
        return self._next

    def of(self, key: Hashable) -> int:
        if key not in self._numbers:
            self._numbers[key] = self.fresh()
        return self._numbers[key]

    def constant(self, value: Number | bool | str | None, origin: Origin | None = None) -> Node:
        key = float(value) if isinstance(value, (int, float)) and abs(value) < 2**53 else value
        is_bool = isinstance(value, bool)
        return Node(CONST, (), {}, self.of((CONST, is_bool, key)), origin, value=value)

    def free(self, name: str, origin: Origin | None = None) -> Node:
        return Node(FREE, (), {}, self.of((FREE, name)), origin, name=name)

    def callable(self, target: Target, key: Hashable) -> Node:
        """A value that can be called; equal where `key` is."""
        return Node(CALLABLE, (), {}, self.of((CALLABLE, key)), target=target)

    def opaque(
        self, name: str, args: tuple[Node, ...], key: Hashable | None, origin: Origin | None
    ) -> Node:
        """A value the graph does not know; with a `key` where equal text means an equal value."""
        ids = tuple(arg.number for arg in args)
        number = self.fresh() if key is None else self.of((OPAQUE, name, key, ids))
        return Node(OPAQUE, args, {}, number, origin, name=name)

    def apply(
        self,
        op: str,
        args: tuple[Node, ...],
        attrs: Mapping[str, Attribute | Dynamic] | None = None,
        origin: Origin | None = None,
        api: str = "",
        prefix: str = "",
    ) -> Node:
        """An op on values: folded where they are numbers, in its canonical spelling else."""
        folded = self._fold(op, args, origin)
        if folded is not None:
            return folded
        op, args = self._canonical(op, args)
        full = {**OPS[op].defaults, **(attrs or {})}
        ids = tuple(arg.number for arg in args)
        if op in COMMUTATIVE:
            ids = tuple(sorted(ids))
        number = self.of((op, ids, tuple(sorted(full.items(), key=lambda item: item[0]))))
        return Node(op, args, full, number, origin, api, prefix)

    def _fold(self, op: str, args: tuple[Node, ...], origin: Origin | None) -> Node | None:
        values = [arg.value for arg in args if arg.op == CONST]
        if op not in _FOLDS or len(values) != len(args):
            return None
        if not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
            return None
        try:
            result = _FOLDS[op](*values)
            small = abs(result) < _MAX_FOLDED
        except (ArithmeticError, ValueError, TypeError):
            return None
        return self.constant(result, origin) if small else None

    def _canonical(self, op: str, args: tuple[Node, ...]) -> tuple[str, tuple[Node, ...]]:
        if op == "mul" and args[0].number == args[1].number:
            return "square", args[:1]
        if op == "pow" and args[1].op == CONST and args[1].value in (2, 0.5):
            return ("square" if args[1].value == 2 else "sqrt"), args[:1]
        if op == "squared_difference":
            return "square", (self.apply("sub", args),)
        if op == "reciprocal":
            return "div", (self.constant(1), args[0])
        if op == "rsqrt":
            return "div", (self.constant(1), self.apply("sqrt", args))
        return op, args
