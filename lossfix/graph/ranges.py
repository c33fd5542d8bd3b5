"""Ranges: interval abstract interpretation of the dataflow graph, in a floating-point format.

What comes from outside is whatever `inputs` says of it: a finite number at least. A tensor has at
least one element. Cousot, Cousot: Abstract interpretation, POPL 1977, doi 10.1145/512950.512973.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from lossfix.graph.call_ranges import call_range
from lossfix.graph.evidence import Evidence
from lossfix.graph.formats import FORMATS, Format
from lossfix.graph.functions import apply, cast
from lossfix.graph.intervals import (
    ANYTHING,
    UNIT,
    UNKNOWN,
    Interval,
    constant,
    hull,
    maximum,
    minimum,
    point,
)
from lossfix.graph.nodes import CONST, FREE, INPUT, JOIN, LOOP, OPAQUE, Node

_INF = math.inf
_GRADIENTLESS = frozenset({"stop_gradient", "identity"})
_RESHAPED = _GRADIENTLESS | {"expand_dims", "reshape", "squeeze"}
_AGAIN = 6  # how far below a `where` its condition is made use of


class Ranges:
    """The range of every value of a unit, in one format; computed when asked for."""

    def __init__(self, inputs: Callable[[Node], Interval], dtype: str = "float32") -> None:
        self.dtype = dtype
        self._inputs = inputs
        self._format = FORMATS[dtype]
        # Nodes are kept with what is known of them: an id is free again once its node is gone.
        self._known: dict[int, tuple[Node, Interval, Format | None]] = {}
        self._evidence = Evidence(self.of, self.image)

    def of(self, node: Node) -> Interval:
        """All that the value can be."""
        if id(node) not in self._known:
            self._settle(node)
        return self._known[id(node)][1]

    def bound_by(self, node: Node, end: Literal["low", "high"]) -> Node | None:
        """The node that set that end: the clip, the softmax, the square; None where nothing did."""
        return self._evidence.bound_by(node, end)

    def reaches(self, node: Node, where: float) -> bool:
        """Whether the value comes to the point `where`, as far as derivation tells.

        An end that was derived and can be attained is evidence, and so are two around the point.
        That nothing is known is no evidence, nor an end whose operands cannot be there at once.
        """
        return self._evidence.reaches(node, where)

    def throughout(self, node: Node, where: float) -> bool:
        """Whether all of the value can be at one end of its range, `where`, at once."""
        return self._evidence.throughout(node, where)

    def format_of(self, node: Node) -> Format:
        """The format that the value is in: what a cast above says, else that of the inputs."""
        self.of(node)
        return self._known[id(node)][2] or self._format

    def _settle(self, node: Node) -> None:
        """Arguments first, without recursion; a value met again below itself can be anything."""
        stack, begun = [node], set[int]()
        while stack:
            current = stack[-1]
            if id(current) in self._known:
                stack.pop()
            elif id(current) not in begun:
                begun.add(id(current))
                stack.extend(arg for arg in current.args if id(arg) not in begun)
            else:
                stack.pop()
                fmt = self._own_format(current)
                found = self._compute(current, fmt or self._format)
                self._known[id(current)] = (current, found, fmt)

    def _own_format(self, node: Node) -> Format | None:
        if node.op == "cast":
            name = str(_attribute(node, "dtype")).rpartition(".")[2]
            if name in FORMATS or name.startswith(("int", "uint", "bool", "float")):
                return FORMATS.get(name)
        if node.op in _FORMATLESS:
            return None
        found = [self._known[id(arg)][2] for arg in node.args if id(arg) in self._known]
        return max((f for f in found if f is not None), key=lambda f: f.precision, default=None)

    def _argument(self, arg: Node, fmt: Format) -> Interval:
        if arg.op == CONST:
            return _constant(arg, fmt)
        return self._known[id(arg)][1] if id(arg) in self._known else ANYTHING

    def _is_part(self, part: Node, whole: Node, fmt: Format) -> bool:
        """Whether `whole` is a sum of all that `part` sums up, and of what is not negative."""
        rest = _summands(whole)
        for term in _summands(part):
            if term.number not in [other.number for other in rest]:
                return False
            rest = [other for other in rest if other.number != term.number]
        return bool(rest) and all(self._argument(other, fmt).low >= 0.0 for other in rest)

    def _compute(self, node: Node, fmt: Format) -> Interval:
        if node.op == CONST:
            return _constant(node, fmt)
        if node.op in (INPUT, FREE):
            return self._inputs(node)
        args = [self._argument(arg, fmt) for arg in node.args]
        if node.op == "where":
            return self._where(node, args, fmt)
        if (
            node.op == "div"
            and args[0].low >= 0.0
            and self._is_part(node.args[0], node.args[1], fmt)
        ):
            return _both(narrowed(node, self._of_args(node, args, fmt), fmt), UNIT)
        return narrowed(node, self._of_args(node, args, fmt), fmt)

    def _of_args(self, node: Node, args: Sequence[Interval], fmt: Format) -> Interval:
        if node.op == JOIN:
            return _widened(*args) if node.name == LOOP else hull(*args) if args else UNKNOWN
        if node.op == OPAQUE:
            return call_range(node, args, fmt)
        if node.op == "cast":
            return cast(args[0], _attribute(node, "dtype"), fmt)
        if node.op == "where":
            return hull(args[1], args[2])
        return apply(node.op, args, fmt)

    def image(self, node: Node, args: Sequence[Interval]) -> Interval:
        """What the node would be if its arguments were within `args`."""
        return self._of_args(node, args, self.format_of(node))

    # choices

    def _where(self, node: Node, args: Sequence[Interval], fmt: Format) -> Interval:
        """Both branches, each known to be taken only where the condition allows it."""
        parts = []
        for branch, found, taken in zip(node.args[1:], args[1:], (True, False), strict=True):
            given = self._given(node.args[0], taken)
            impossible = any(x.low > x.high for x in given.values())
            if impossible and not any(x.nan for x in given.values()):
                continue
            parts.append(found if impossible else self._again(branch, found, given, fmt, _AGAIN))
        return hull(*parts) if parts else hull(*args[1:])

    def _given(self, condition: Node, taken: bool) -> dict[int, Interval]:
        """What a condition tells of values, by value number, where it holds or does not."""
        if condition.op == "logical_not":
            return self._given(condition.args[0], not taken)
        if condition.op == ("logical_and" if taken else "logical_or"):
            known = self._given(condition.args[0], taken)
            for number, found in self._given(condition.args[1], taken).items():
                known[number] = _both(known.get(number, found), found)
            return known
        if condition.op not in _COMPARISONS:
            return {}
        left, right = condition.args
        fmt = self.format_of(condition)
        x, y = self._argument(left, fmt), self._argument(right, fmt)
        relation = _COMPARISONS[condition.op][0 if taken else 1]
        known = {}
        if left.op != CONST:
            known[left.number] = _related(x, relation, y)
        if right.op != CONST:
            known[right.number] = _related(y, _MIRRORED[relation], x)
        return known

    def _again(
        self, node: Node, found: Interval, given: Mapping[int, Interval], fmt: Format, depth: int
    ) -> Interval:
        """The range of a branch once more, with what its condition tells."""
        if node.number in given:
            return given[node.number]
        if not given or not depth or node.op in (CONST, INPUT, FREE, JOIN, OPAQUE, "where"):
            return found
        own = self.format_of(node)
        args = [
            self._again(arg, self._argument(arg, own), given, own, depth - 1) for arg in node.args
        ]
        return _both(found, narrowed(node, self._of_args(node, args, own), own))


_COMPARISONS: Mapping[str, tuple[str, str]] = {
    "greater": (">", "<="),
    "greater_equal": (">=", "<"),
    "less": ("<", ">="),
    "less_equal": ("<=", ">"),
    "equal": ("==", "!="),
    "not_equal": ("!=", "=="),
}
_MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}
_FORMATLESS = frozenset(
    "greater greater_equal less less_equal equal not_equal logical_and logical_or logical_not "
    "is_nan is_finite is_inf any all argmax argmin argsort count_nonzero one_hot".split()
)


def _related(x: Interval, relation: str, y: Interval) -> Interval:
    """`x` where it stands in the relation to a value of `y`; of low > high where it never does."""
    if relation in (">", ">="):
        return _both(x, Interval(y.low, _INF, y.low_open or relation == ">", False, x.nan))
    if relation in ("<", "<="):
        return _both(x, Interval(-_INF, y.high, False, y.high_open or relation == "<", x.nan))
    if relation == "==":
        return replace(_both(x, y), nan=x.nan)
    if y.low != y.high:
        return x
    return replace(
        x, low_open=x.low_open or x.low == y.low, high_open=x.high_open or x.high == y.low
    )


def _both(x: Interval, y: Interval) -> Interval:
    """What lies in both; of low > high where nothing does."""
    low, low_open = max((x.low, x.low_open), (y.low, y.low_open))
    high, closed = min((x.high, not x.high_open), (y.high, not y.high_open))
    if low == high and (low_open or not closed):
        low, high = _INF, -_INF
    return Interval(low, high, low_open, not closed, x.nan and y.nan)


def _constant(node: Node, fmt: Format) -> Interval:
    value = node.value
    return constant(float(value), fmt) if isinstance(value, (int, float)) else UNKNOWN


def _attribute(node: Node, name: str) -> object:
    value = node.attrs.get(name)
    return getattr(value, "text", value)


def _widened(before: Interval, *after: Interval) -> Interval:
    """A loop's value: an end that one round moves may move for ever."""
    once = hull(before, *after)
    low_kept = (once.low, once.low_open) == (before.low, before.low_open)
    high_kept = (once.high, once.high_open) == (before.high, before.high_open)
    return Interval(
        once.low if low_kept else -_INF,
        once.high if high_kept else _INF,
        once.low_open and low_kept,
        once.high_open and high_kept,
        once.nan,
    )


# values whose operands belong together


def _summands(node: Node) -> list[Node]:
    if node.op != "add":
        return [node]
    return [term for arg in node.args for term in _summands(arg)]


def narrowed(node: Node, found: Interval, fmt: Format) -> Interval:
    """`found`, less what the node's operands cannot be at once."""
    if node.op == "sub":
        first, second = (_bare(arg) for arg in node.args)
        if first.number == second.number:
            return Interval(0.0, 0.0, nan=found.nan)
        if _is_peak(second, first, _PEAKS) or _is_peak(first, second, ("min",)):
            return minimum(found, point(0.0))
        if _is_peak(first, second, _PEAKS) or _is_peak(second, first, ("min",)):
            return maximum(found, point(0.0))
        if _is_width(_unwrapped(first), _unwrapped(second)):
            return maximum(found, point(0.0))
    if node.op == "add" and is_minus_its_max(node):
        return minimum(found, point(0.0))
    if node.op == "sum":
        return _narrowed_sum(node, found, fmt)
    return found


_PEAKS = ("max", "logsumexp")


def _narrowed_sum(node: Node, found: Interval, fmt: Format) -> Interval:
    """A softmax sums to 1 along its axis, and a product of unit vectors to a cosine."""
    summed, axis = node.args[0], node.attrs.get("axis")
    slack = 128.0 * fmt.unit
    if summed.op == "softmax" and axis in (summed.attrs.get("axis"), None):
        high = found.high if axis is None else 1.0 + slack
        return replace(found, low=1.0 - slack, high=high, low_open=False)
    vectors = [arg for arg in summed.args if arg.op == "l2_normalize"]
    along = all(vector.attrs.get("axis") in (axis, None) for vector in vectors)
    if summed.op in ("mul", "square") and len(vectors) == len(summed.args) and along:
        return minimum(maximum(found, point(-1.0 - slack)), point(1.0 + slack))
    return found


def _bare(node: Node) -> Node:
    """The value itself, whether the gradient goes through or not."""
    while node.op in _GRADIENTLESS:
        node = node.args[0]
    return node


def _unwrapped(node: Node) -> Node:
    """The value before axes were added or taken out."""
    while node.op in _RESHAPED or _is_new_axis(node):
        node = node.args[0]
    return node


def _is_new_axis(node: Node) -> bool:
    """`m[:, None]`"""
    indices = node.args[1:]
    return (
        node.name == "[]"
        and bool(indices)
        and all(index.op == CONST and index.value is None for index in indices)
    )


def _is_width(first: Node, second: Node) -> bool:
    """max(x) - min(x)"""
    return (first.op, second.op) == ("max", "min") and (
        _bare(first.args[0]).number == _bare(second.args[0]).number
    )


def _is_peak(shift: Node, value: Node, ops: tuple[str, ...]) -> bool:
    """Whether `shift` is the maximum of `value`, or another of `ops`, along an axis or over all."""
    shift = _unwrapped(shift)
    if shift.op == "where" and shift.args[2].op in (CONST, "zeros_like"):
        shift = _unwrapped(shift.args[1])  # where(is_finite(m), m, 0)
    return shift.op in ops and _bare(shift.args[0]).number == value.number


def is_minus_its_max(node: Node) -> bool:
    """`x - max(x)`, the usual guard before an exponential; divided by a temperature or not."""
    node = _unwrapped(node)
    if node.op == "div":
        return is_minus_its_max(node.args[0])
    if node.op == "mul":
        return any(is_minus_its_max(arg) for arg in node.args)
    if node.op == "sub":
        return _is_peak(node.args[1], _bare(node.args[0]), ("max",))
    pairs = (node.args, node.args[::-1]) if node.op == "add" else ()
    return any(
        other.op == "neg" and _is_peak(other.args[0], _bare(value), ("max",))
        for value, other in pairs
    )
