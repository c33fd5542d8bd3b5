"""Evidence: whether an end of a range is attained, and by what it was set.

An interval is an outer bound: `p + (1 - p)` is in [0, 2] for p in [0, 1], and is 1. An end is
attained where the operands can be at their own ends at once. A witness says how: for each value
from outside, where it has to be. Two witnesses go together where they do not contradict.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, product
from typing import Literal, NamedTuple

from lossfix.graph.call_ranges import operand
from lossfix.graph.express import is_shape
from lossfix.graph.intervals import Interval, point
from lossfix.graph.nodes import CONST, FREE, INPUT, JOIN, LOOP, OPAQUE, Node

End = Literal["low", "high"]
At = Literal["low", "high", "zero", "whole"]


class Place(NamedTuple):
    """Where one value from outside has to be."""

    leaf: int  # its value number
    part: tuple[str, ...]  # which part of it: columns and slices, outermost last
    where: tuple[str | int, ...]
    row: bool  # one element of a row that sums to 1: not all of them can be there


Witness = frozenset[Place]
_MOST = 6  # witnesses kept for one end
_DEEPEST = 60  # what hangs on more operations than that is not followed

_ROWS = frozenset({"softmax", "one_hot"})
_OWN = frozenset(  # an end of these is attained whatever else holds, where they have it at all
    "greater greater_equal less less_equal equal not_equal logical_and logical_or logical_not any "
    "all is_nan is_finite is_inf argmax argmin argsort count_nonzero sign std variance "
    "l2_normalize random_uniform uniform rand mean_squared_error mean_absolute_error l2_loss "
    "bincount sequence_mask".split()
)
_JOINED = frozenset("concat concatenate stack".split())
_PICKS = frozenset("gather gather_nd boolean_mask batch_gather".split())
_CHOICES = _PICKS | frozenset("take take_along_axis".split())
_SPLITS = frozenset("column column_kept".split())
_SUMS = frozenset("sum mean cumsum norm euclidean_norm".split())


class Evidence:
    """Ends and their witnesses, for the ranges that `of` gives and the ops that `image` applies."""

    def __init__(
        self,
        of: Callable[[Node], Interval],
        image: Callable[[Node, Sequence[Interval]], Interval],
    ) -> None:
        self._of = of
        self._image = image
        self._found: dict[tuple[int, End], tuple[Node, tuple[Witness, ...]]] = {}
        self._depth = 0
        self._leaves: dict[int, tuple[Node, frozenset[int]]] = {}

    # what is asked

    def reaches(self, node: Node, where: float) -> bool:
        found = self._of(node)
        if not found.holds(where):
            return False
        if math.isinf(where):
            end: End = "low" if where < 0.0 else "high"
            other = found.high if where < 0.0 else found.low
            return math.isfinite(other) and bool(self.witnesses(node, end))
        if where == found.low and self.witnesses(node, "low"):
            return True
        if where == found.high and self.witnesses(node, "high"):
            return True
        inside = found.bounded and found.low < where < found.high
        return inside and bool(self.witnesses(node, "low") and self.witnesses(node, "high"))

    def throughout(self, node: Node, where: float) -> bool:
        """Whether all of the value can be at one end of its range, `where`, at once."""
        found = self._of(node)
        return any(
            getattr(found, end) == where and not any(place.row for place in way)
            for end in _ENDS
            for way in self.witnesses(node, end)
        )

    def bound_by(self, node: Node, end: End, depth: int = _DEEPEST) -> Node | None:
        value = getattr(self._of(node), end)
        if not depth or (node.op in (INPUT, FREE) and math.isinf(value)):
            return None
        if node.op in (CONST, INPUT, FREE):
            return node
        sources: list[tuple[Node, End]] = []
        if node.op in (JOIN, OPAQUE, "where"):
            branches = node.args[1:] if node.op == "where" else node.args
            sources = [(arg, end) for arg in branches if getattr(self._of(arg), end) == value]
        else:
            probes = next(self._probes(node, end), ())
            for arg, at in zip(node.args, probes, strict=False):
                if at == "low" or at == "high":
                    sources.append((arg, at))
        known = [s for s in sources if s[0].op != CONST]
        causes = [cause for s in known if (cause := self.bound_by(*s, depth - 1)) is not None]
        if causes:
            return causes[0]
        if math.isinf(value) and (known or not sources):
            return None
        only = [s[0] for s in sources]
        return only[0] if node.op in (JOIN, "where") and only else node

    def witnesses(self, node: Node, end: End) -> tuple[Witness, ...]:
        """The ways in which the value comes to that end; none where nothing shows that it does."""
        key = (id(node), end)
        if key not in self._found:
            if self._depth == _DEEPEST:
                return ()
            self._found[key] = (node, ())  # a value met again below itself
            self._depth += 1
            found = dict.fromkeys(islice(self._attained(node, end), _MOST))
            self._depth -= 1
            self._found[key] = (node, tuple(found))
        return self._found[key][1]

    # how an end is attained

    def _attained(self, node: Node, end: End) -> Iterator[Witness]:
        found = self._of(node)
        value = getattr(found, end)
        if math.isfinite(value) and getattr(found, f"{end}_open"):
            return
        if node.op == CONST:
            yield frozenset()
        elif node.op in (INPUT, FREE):
            yield frozenset({Place(node.number, (), (end,), False)})
        elif node.op == JOIN:
            yield from self._joined(node, end, value)
        elif node.op == "where":
            yield from self._chosen(node, end, value)
        elif node.op == OPAQUE:
            yield from self._called(node, end, value)
        elif node.op in _ROWS:
            yield self._own(node, (node.op, node.number, end), row=True)
        elif node.op in _OWN or self._belongs_together(node, end):
            yield self._own(node, (node.op, node.number, end))
        elif node.op in _CHOICES:
            yield from self._picked(node.args[0], end, str(node.number), split=True)
        elif node.op in _SPLITS:
            yield from self._picked(node.args[0], end, str(node.attrs.get("index")), split=True)
        elif node.op in ("sin", "cos"):
            if self._of(node.args[0]).unknown:
                yield self._own(node, (node.op, node.number, end))
        else:
            yield from self._computed(node, end, value)

    def _own(self, node: Node, where: tuple[str | int, ...], row: bool = False) -> Witness:
        leaves = self._leaves_of(node) or frozenset({node.number})
        return frozenset(Place(leaf, (), where, row) for leaf in leaves)

    def _belongs_together(self, node: Node, end: End) -> bool:
        """x - max(x) and the like: 0 is attained, and was not found from the operands.

        So is the 1 of a part of a whole, such as tp / (tp + fn).
        """
        if node.op == "div" and end == "high" and self._of(node).high == 1.0:
            return self._image(node, [self._of(arg) for arg in node.args]).high > 1.0
        return (
            node.op == "sub"
            and len(node.args) == 2
            and 0.0
            in (
                self._of(node).low,
                self._of(node).high,
            )
            and self._image(node, [self._of(arg) for arg in node.args]) != self._of(node)
        )

    def _joined(self, node: Node, end: End, value: float) -> Iterator[Witness]:
        ways = [self.witnesses(a, end) for a in node.args if getattr(self._of(a), end) == value]
        if node.name == LOOP:
            if len(ways) == len(node.args):
                yield from self._together(ways)
        else:
            yield from (way for found in ways for way in found)

    def _chosen(self, node: Node, end: End, value: float) -> Iterator[Witness]:
        """A branch that does not depend on its condition, or that is what was compared."""
        condition = node.args[0]
        compared = {arg.number for arg in condition.args}
        asked = self._leaves_of(condition)
        for branch in node.args[1:]:
            free = not (asked & self._leaves_of(branch)) or branch.number in compared
            if free and getattr(self._of(branch), end) == value:
                yield from self.witnesses(branch, end)

    def _called(self, node: Node, end: End, value: float) -> Iterator[Witness]:
        tail = node.name.rpartition(".")[2]
        if tail in _OWN:
            yield self._own(node, (tail, node.number, end))
        elif tail in _JOINED and node.args and node.args[0].name == "sequence":
            yield from self._put_together(node, tail, end, value)
        elif node.name == "[]":
            code = node.origin.code if node.origin is not None else None
            text = ast.unparse(code.slice) if isinstance(code, ast.Subscript) else str(node.number)
            yield from self._picked(node.args[0], end, text, split=False)
        elif tail in _PICKS:
            index = operand(node)
            if index is not None:
                yield from self._picked(node.args[index], end, str(node.number), split=True)
        elif self._image(node, [self._of(arg) for arg in node.args]).unknown:
            yield self._own(node, ("call", node.number, end))
        else:
            yield from self._computed(node, end, value)

    def _put_together(self, node: Node, tail: str, end: End, value: float) -> Iterator[Witness]:
        """Parts side by side: where only some come to the end, not all of the value does."""
        if all(getattr(self._of(part), end) == value for part in node.args[0].args):
            yield from self._computed(node, end, value)
        elif self.witnesses(node.args[0], end):
            yield self._own(node, (tail, node.number, end), row=True)

    def _picked(self, node: Node, end: End, text: str, split: bool) -> Iterator[Witness]:
        """A part of a value; an element of a row by itself is no row."""
        for way in self.witnesses(node, end):
            yield frozenset(p._replace(part=(*p.part, text), row=p.row and not split) for p in way)

    def _computed(self, node: Node, end: End, value: float) -> Iterator[Witness]:
        if node.op == "mul" and value == 0.0:
            yield from self._product(node, end)
        for probes in self._probes(node, end):
            ways = [self._at(arg, at) for arg, at in zip(node.args, probes, strict=True)]
            for way in self._together(ways):
                if not self._contradicts(node, way, end):
                    yield way

    def _product(self, node: Node, end: End) -> Iterator[Witness]:
        """Where both factors can be 0, one of them is 0 at each element: a mask and its values."""
        first, second = (self._at(arg, "zero") for arg in node.args)
        if first and second:
            yield self._own(node, ("product", node.number, end))

    def _contradicts(self, node: Node, way: Witness, end: End) -> bool:
        """A row that sums to 1 has no sum of 0 and no maximum of 0."""
        if not any(place.row for place in way):
            return False
        if node.op in _SUMS or node.op == "matmul":
            return node.attrs.get("axis") != 0
        return (node.op == "max" and end == "low") or (node.op == "min" and end == "high")

    def _at(self, node: Node, at: At) -> tuple[Witness, ...]:
        if at == "whole":
            return (frozenset(),)
        if at == "low" or at == "high":
            return self.witnesses(node, at)
        return self._at_zero(node)

    def _at_zero(self, node: Node) -> tuple[Witness, ...]:
        found = self._of(node)
        if not found.holds(0.0):
            return ()
        for end in _ENDS:
            if getattr(found, end) == 0.0:
                return self.witnesses(node, end)
        sure = [math.isinf(getattr(found, e)) or bool(self.witnesses(node, e)) for e in _ENDS]
        return (self._own(node, ("zero", node.number)),) if all(sure) else ()

    def _probes(self, node: Node, end: End) -> Iterator[tuple[At, ...]]:
        """Which ends of the arguments give this end of the result; the fewest first."""
        value = getattr(self._of(node), end)
        args = [self._of(arg) for arg in node.args]
        if len(args) > 3:
            return
        choices: list[list[At]] = [["whole", *_places(arg)] for arg in args]
        for probes in sorted(product(*choices), key=lambda p: -p.count("whole")):
            given = [_probe(arg, at) for arg, at in zip(args, probes, strict=True)]
            found = self._image(node, given)
            exact = found.low == found.high or "whole" not in probes
            if exact and getattr(found, end) == value and (not found.nan or _any_nan(args)):
                yield probes

    def _together(self, ways: Sequence[tuple[Witness, ...]]) -> Iterator[Witness]:
        for choice in product(*ways):
            way: Witness = frozenset().union(*choice)
            if consistent(way):
                yield way

    def _leaves_of(self, node: Node) -> frozenset[int]:
        """The values from outside, by number; a call that nobody knows is one, with its own."""
        known = self._leaves.get(id(node))
        if known is None:
            numbers = {
                inner.number
                for inner in node.walk()
                if inner.op in (INPUT, FREE, OPAQUE) and not is_shape(inner)
            }
            known = self._leaves[id(node)] = (node, frozenset(numbers))
        return known[1]


_ENDS: tuple[End, End] = ("low", "high")


def _places(x: Interval) -> Iterator[At]:
    if x.low < 0.0 < x.high:
        yield "zero"
    yield "low"
    if x.low < x.high:
        yield "high"


def _probe(x: Interval, at: At) -> Interval:
    return x if at == "whole" else point(0.0 if at == "zero" else getattr(x, at))


def _any_nan(args: Sequence[Interval]) -> bool:
    return any(arg.nan for arg in args)


def consistent(way: Witness) -> bool:
    """Whether no value from outside has to be in two places at once."""
    places = sorted(way)
    for index, place in enumerate(places):
        for other in places[index + 1 :]:
            if other.leaf != place.leaf:
                break
            apart = place.part != other.part and place.part and other.part
            if (not apart or place.where[0] in _ROWS) and place.where != other.where:
                return False
            if apart and place.where[0] in _ROWS:
                return False
    return True
