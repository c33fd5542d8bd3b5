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
from lossfix.graph.formats import FLOAT32, FLOAT64, FORMATS, INTEGER, Format
from lossfix.graph.functions import apply
from lossfix.graph.intervals import (
    ANYTHING,
    UNIT,
    UNKNOWN,
    Interval,
    constant,
    hull,
    rounded,
)
from lossfix.graph.nodes import CONST, FREE, INPUT, JOIN, LOOP, OPAQUE, Node, reached
from lossfix.graph.relations import narrowed, summands
from lossfix.graph.truths import cast, is_whole

_INF = math.inf
_AGAIN = 6  # how far below a `where` its condition is made use of
_WHOLE = 12  # how far down a value is computed again


class Ranges:
    """The range of every value of a unit, in one format; computed when asked for.

    `inputs` gives the range of a parameter or a name from outside, and `free` tells whether a
    parameter takes every value of its range, as a prediction does and a setting does not.
    """

    def __init__(
        self,
        inputs: Callable[[Node], Interval],
        dtype: str = "float32",
        free: Callable[[Node], bool] = lambda node: True,
    ) -> None:
        self.dtype = dtype
        self._inputs = inputs
        self._format = FORMATS[dtype]
        # Nodes are kept with what is known of them: an id is free again once its node is gone.
        self._known: dict[int, tuple[Node, Interval, Format | None]] = {}
        self._once = False  # whether loops are taken to run once
        self._evidence = Evidence(self.of, self.image, free)

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
        """The format that the op is computed in: what a cast says, else that of the inputs."""
        self.of(node)
        return self._known[id(node)][2] or self._format

    def _source(self, node: Node) -> Format:
        """The format that the value itself is in."""
        if node.op in _FORMATLESS or (node.op == "cast" and is_whole(_dtype(node))):
            return INTEGER
        known = self._known.get(id(node))
        return (known[2] if known else None) or self._format

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
            elif current.rounds and not self._once:
                stack.pop()
                self._settle_loops(current)
            else:
                stack.pop()
                fmt = self._working_format(current)
                found = self._compute(current, fmt or self._format)
                self._known[id(current)] = (current, found, fmt)

    def _settle_loops(self, first: Node) -> None:
        """The range of a loop's value, and of all that go round with it: a fixed point.

        Each begins as one round leaves it. What a round leaves is derived from that again and
        again, and an end that moves may move for ever, until no end moves.
        """

        def onward(node: Node) -> Sequence[Node]:
            return () if id(node) in kept else (*node.args, *(node.rounds or ()))

        kept = self._known
        loops = [node for node in reached((first,), onward) if node.rounds and id(node) not in kept]
        self._known, self._once = dict(kept), True
        for loop in loops:
            self.of(loop)
        self._once = False
        held = {id(loop): self._known[id(loop)] for loop in loops}
        for _ in range(6 * len(loops) + 1):  # an end of two moves twice, opens, and NaN comes once
            self._known = {**kept, **held}
            after = {id(loop): self._round(loop, held[id(loop)][1]) for loop in loops}
            if all(after[key][1:] == held[key][1:] for key in held):
                break
            held = after
        self._known = {**kept, **held}

    def _round(self, loop: Node, found: Interval) -> tuple[Node, Interval, Format | None]:
        """`found`, widened by what a round leaves that begins with what is held now."""
        parts = (*loop.args, *(loop.rounds or ()))
        for part in parts:
            self._settle(part)
        fmt = self._widest(parts)
        taken = [self._argument(part, fmt or self._format) for part in parts]
        return loop, _widened(found, *taken), fmt

    def _working_format(self, node: Node) -> Format | None:
        """The format that the op is computed in, as far as a cast says."""
        if node.op == "cast" and (is_whole(_dtype(node)) or _dtype(node) in FORMATS):
            return FORMATS.get(_dtype(node))
        return self._widest(node.args)

    def _widest(self, nodes: Sequence[Node]) -> Format | None:
        found = [
            self._known[id(arg)][2]
            for arg in nodes
            if id(arg) in self._known and arg.op not in _FORMATLESS
        ]
        return max((f for f in found if f is not None), key=lambda f: f.precision, default=None)

    def _argument(self, arg: Node, fmt: Format) -> Interval:
        """The range of an argument, as an op that is computed in the format takes it."""
        if arg.op == CONST:
            return _constant(arg, fmt)
        if id(arg) not in self._known:
            return ANYTHING
        return self._taken(arg, self._known[id(arg)][1], fmt)

    def _taken(self, arg: Node, found: Interval, fmt: Format) -> Interval:
        source = self._source(arg)
        fits = source.precision <= fmt.precision and source.largest <= fmt.largest
        return found if fits else rounded(found, fmt, source)

    def _is_part(self, part: Node, whole: Node, fmt: Format) -> bool:
        """Whether `whole` is a sum of all that `part` sums up, and of what is not negative."""
        rest = summands(whole)
        for term in summands(part):
            if term.number not in [other.number for other in rest]:
                return False
            rest = [other for other in rest if other.number != term.number]
        return bool(rest) and all(self._argument(other, fmt).low >= 0.0 for other in rest)

    def _compute(self, node: Node, fmt: Format) -> Interval:
        if node.op == CONST:
            return _constant(node, fmt)
        if node.op in (INPUT, FREE):
            number = _NUMBERS.get(node.name) if node.op == FREE else None
            return self._inputs(node) if number is None else constant(number, fmt)
        # A number of the text is a float32 tensor before it is cast; other values are as they are.
        taken = (FLOAT32 if node.args[0].op == CONST else FLOAT64) if node.op == "cast" else fmt
        args = [self._argument(arg, taken) for arg in node.args]
        if node.op in ("where", "np_where"):
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
            if node.name == LOOP and not node.rounds:  # nobody knows what a round leaves
                return ANYTHING
            return hull(*args) if args else UNKNOWN
        if node.op == OPAQUE:
            return self._chosen(node, call_range(node, args, fmt))
        if node.op == "cast":
            return cast(args[0], _dtype(node), self._source(node.args[0]), fmt)
        if node.op in ("where", "np_where"):
            return hull(args[1], args[2])
        return self._chosen(node, apply(node.op, args, fmt))

    def image(self, node: Node, args: Sequence[Interval]) -> Interval:
        """What the node would be if its arguments were within `args`."""
        return self._of_args(node, args, self.format_of(node))

    def given(self, node: Node, known: Mapping[int, Interval]) -> Interval:
        """The range of an elementwise value, where those of `known`, by value number, are so."""
        return self._again(node, self.of(node), known, self.format_of(node), _WHOLE)

    # choices

    def _where(self, node: Node, args: Sequence[Interval], fmt: Format) -> Interval:
        """Both branches, each known to be taken only where the condition allows it."""
        parts = []
        for branch, found, taken in zip(node.args[1:], args[1:], (True, False), strict=True):
            given = self._given(node.args[0], taken)
            impossible = any(x.low > x.high for x in given.values())
            if impossible and not any(x.nan for x in given.values()):
                continue
            if not impossible:
                again = self._again(branch, found, given, fmt, _AGAIN)
                found = _both(found, self._taken(branch, again, fmt))
            parts.append(found)
        return hull(*parts) if parts else hull(*args[1:])

    def _chosen(self, node: Node, found: Interval) -> Interval:
        """The entries of `x[x < 18]`: those that the condition allows."""
        if len(node.args) != 2 or (node.op, node.name) not in _SELECTIONS:
            return found
        given = self._given(node.args[1], True)
        return _both(found, given.get(node.args[0].number, found))

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
        if given and depth and node.op == JOIN and node.name != LOOP:
            return hull(
                *(self._again(arg, self.of(arg), given, fmt, depth - 1) for arg in node.args)
            )
        if not given or not depth or node.op not in ELEMENTWISE:
            return found  # a condition tells of one element, and a sum is of them all
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
_SELECTIONS = ((OPAQUE, "[]"), ("boolean_mask", ""))
_MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}
ELEMENTWISE = frozenset(
    "add sub mul div neg pow mod floordiv divide_no_nan multiply_no_nan xlogy logaddexp square "
    "sqrt abs sign exp expm1 log log1p sigmoid log_sigmoid softplus tanh erf relu sin cos maximum "
    "minimum clip round floor ceil cast stop_gradient".split()
)
_FORMATLESS = frozenset(
    "greater greater_equal less less_equal equal not_equal logical_and logical_or logical_not "
    "is_nan is_finite is_inf any all argmax argmin argsort count_nonzero one_hot bincount "
    "searchsorted digitize histogram top_classes".split()
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
    if isinstance(value, str):
        return constant(_SPELLED[value], fmt) if value in _SPELLED else UNKNOWN
    return UNKNOWN if value is None else constant(float(value), fmt)


_SPELLED = {"inf": _INF, "-inf": -_INF, "nan": math.nan}  # float("inf")
_NUMBERS = {
    f"{module}.{name}": value
    for module in ("numpy", "math")
    for name, value in {"inf": _INF, "nan": math.nan, "pi": math.pi, "e": math.e}.items()
}


def _dtype(node: Node) -> str:
    """The dtype's own name: "float64" of `tf.float64`."""
    value = node.attrs.get("dtype")
    return str(getattr(value, "text", value)).rpartition(".")[2]


def _widened(before: Interval, *after: Interval) -> Interval:
    """A loop's value: an end that a round moves may move for ever, though first as far as 0."""
    once = hull(before, *after)
    low_kept = (once.low, once.low_open) == (before.low, before.low_open)
    high_kept = (once.high, once.high_open) == (before.high, before.high_open)
    return Interval(
        once.low if low_kept else 0.0 if once.low >= 0.0 else -_INF,
        once.high if high_kept else 0.0 if once.high <= 0.0 else _INF,
        once.low_open and low_kept,
        once.high_open and high_kept,
        once.nan,
    )
