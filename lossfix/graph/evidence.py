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

from lossfix.graph.call_ranges import follows, is_known, operand
from lossfix.graph.express import is_shape
from lossfix.graph.intervals import Interval, point
from lossfix.graph.nodes import CONST, FREE, INPUT, JOIN, LOOP, OPAQUE, Node
from lossfix.graph.relations import is_deviation

End = Literal["low", "high"]
At = Literal["low", "high", "zero", "default", "whole"]


class Place(NamedTuple):
    """Where one value from outside has to be."""

    leaf: int  # its value number
    part: tuple[str, ...]  # which part of it: columns and slices, outermost last
    where: tuple[str | int, ...]
    row: bool  # one element of a row that sums to 1: not all of them can be there


Witness = frozenset[Place]
_MOST = 6  # witnesses kept for one end
_DEEPEST = 60  # what hangs on more operations than that is not followed

_FROM_OUTSIDE = frozenset({INPUT, FREE, "variable"})
_ROWS = frozenset({"softmax", "one_hot"})
_OWN = frozenset(  # an end of these is attained whatever else holds, where they have it at all
    "greater greater_equal less less_equal equal not_equal logical_and logical_or logical_not any "
    "all is_nan is_finite is_inf argmax argmin argsort count_nonzero sign std variance "
    "l2_normalize random_uniform uniform rand mean_squared_error mean_absolute_error l2_loss "
    "bincount".split()
)
_RANDOM = frozenset({"random_uniform", "uniform", "rand"})  # not all of them are 0
_PICKS = frozenset("gather gather_nd boolean_mask batch_gather take take_along_axis".split())
_JOINED = frozenset("concat concatenate stack".split())
_SPLITS = frozenset("column column_kept".split())
_SUMS = frozenset("sum mean cumsum norm euclidean_norm".split())


class Evidence:
    """Ends and their witnesses, for the ranges that `of` gives and the ops that `image` applies.

    `free` tells of a parameter whether it takes every value of its range in the course of time,
    as a prediction does. A setting has one value, and that nobody knows it is no evidence.
    """

    def __init__(
        self,
        of: Callable[[Node], Interval],
        image: Callable[[Node, Sequence[Interval]], Interval],
        free: Callable[[Node], bool],
    ) -> None:
        self._free = free
        self._of = of
        self._image = image
        self._found: dict[tuple[int, End], tuple[Node, tuple[Witness, ...]]] = {}
        self._moving: dict[int, tuple[Node, bool]] = {}
        self._causes: dict[tuple[int, End], tuple[Node, Node | None]] = {}
        self._depth = 0
        self._height = 0
        self._leaves: dict[int, tuple[Node, frozenset[tuple[int, tuple[str, ...]]]]] = {}

    # what is asked

    def reaches(self, node: Node, where: float) -> bool:
        found = self._of(node)
        if not found.holds(where):
            return False
        if math.isinf(where):
            end: End = "low" if where < 0.0 else "high"
            return self.bound_by(node, end) is not None and bool(self.witnesses(node, end))
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

    def bound_by(self, node: Node, end: End) -> Node | None:
        key = (id(node), end)
        if key not in self._causes:
            if self._height == _DEEPEST:
                return None
            self._causes[key] = (node, None)  # a value met again below itself
            self._height += 1
            self._causes[key] = (node, self._cause(node, end))
            self._height -= 1
        return self._causes[key][1]

    def _cause(self, node: Node, end: End) -> Node | None:
        value = getattr(self._of(node), end)
        if node.op in (INPUT, FREE) and math.isinf(value):
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
        causes = (self.bound_by(*s) for s in known)
        cause = next((each for each in causes if each is not None), None)
        if cause is not None:
            return cause
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
        found, op = self._of(node), _plain(node)
        value = getattr(found, end)
        if math.isfinite(value) and getattr(found, f"{end}_open"):
            return
        if node.op == CONST:
            yield frozenset()
        elif node.op in _FROM_OUTSIDE:
            if self._moves(node) or value == _default(node) or found.low == found.high:
                yield frozenset({Place(node.number, (), (end,), False)})
        elif node.op == JOIN:
            yield from self._joined(node, end, value)
        elif op == "where":
            yield from self._chosen(node, end, value)
        elif node.op == OPAQUE:
            yield from self._called(node, end, value)
        elif op in _ROWS:
            yield self._own(node, (node.op, node.number, end), row=True)
        elif op in _OWN or self._belongs_together(node, end):
            yield self._own(node, (node.op, node.number, end))
        elif _is_pick(node):
            yield from self._picked(node, end)
        elif op in ("sin", "cos"):
            if self._of(node.args[0]).unknown:
                yield self._own(node, (node.op, node.number, end))
        else:
            yield from self._computed(node, end, value)

    def _own(self, node: Node, where: tuple[str | int, ...], row: bool = False) -> Witness:
        leaves = self._leaves_of(node) or frozenset({(node.number, ())})
        return frozenset(Place(leaf, part, where, row) for leaf, part in leaves)

    def _belongs_together(self, node: Node, end: End) -> bool:
        """x - max(x) and the like: 0 is attained, and was not found from the operands.

        So is the 1 of a part of a whole, such as tp / (tp + fn).
        """
        found = self._of(node)
        if node.op == "div" and end == "high" and found.high == 1.0:
            return self._image(node, [self._of(arg) for arg in node.args]).high > 1.0
        if node.op != "sub" or 0.0 not in (found.low, found.high):
            return False
        return self._image(node, [self._of(arg) for arg in node.args]) != found

    def _joined(self, node: Node, end: End, value: float) -> Iterator[Witness]:
        """Of a loop, all values it may start and go on with; of branches, one that is no number."""
        same = [arg for arg in node.args if getattr(self._of(arg), end) == value]
        if node.name == LOOP:
            if len(same) == len(node.args):
                yield from self._together([self.witnesses(arg, end) for arg in same])
            return
        for arg in same:
            if arg.op != CONST:  # `count = 0` before a loop
                yield from self.witnesses(arg, end)

    def _chosen(self, node: Node, end: End, value: float) -> Iterator[Witness]:
        """A branch that does not depend on its condition, or that is what was compared."""
        condition = node.args[0]
        compared = {arg.number for arg in condition.args}
        asked = {leaf for leaf, _ in self._leaves_of(condition)}
        for branch in node.args[1:]:
            met = any(leaf in asked for leaf, _ in self._leaves_of(branch))
            free = not met or branch.number in compared
            if free and getattr(self._of(branch), end) == value:
                yield from self.witnesses(branch, end)

    def _called(self, node: Node, end: End, value: float) -> Iterator[Witness]:
        tail = node.name.rpartition(".")[2]
        if is_shape(node):
            return
        if tail in _OWN:
            yield self._own(node, (tail, node.number, end), row=tail in _RANDOM)
        elif _is_pick(node):
            yield from self._picked(node, end)
        elif tail in _JOINED and node.args and node.args[0].name == "sequence":
            yield from self._put_together(node, tail, end, value)
        elif not is_known(node):
            if self._moves(node):
                yield frozenset({Place(node.number, (), (end,), False)})
        elif follows(node):
            yield from self._computed(node, end, value)

    def _put_together(self, node: Node, tail: str, end: End, value: float) -> Iterator[Witness]:
        """Parts side by side: where only some come to the end, not all of the value does."""
        if all(getattr(self._of(part), end) == value for part in node.args[0].args):
            yield from self._computed(node, end, value)
        elif self.witnesses(node.args[0], end):
            yield self._own(node, (tail, node.number, end), row=True)

    def _moves(self, node: Node) -> bool:
        """Whether the value depends on a parameter that takes every value of its range."""
        if id(node) not in self._moving:
            moves = any(self._free(inner) for inner in node.walk())
            self._moving[id(node)] = (node, moves)
        return self._moving[id(node)][1]

    def _picked(self, node: Node, at: At) -> Iterator[Witness]:
        """A part of a value; an element of a row by itself is no row."""
        index, split = operand(node) if node.op == OPAQUE else 0, node.name != "[]"
        part = _part(node)
        for way in self._at(node.args[index or 0], at):
            yield frozenset(p._replace(part=(*p.part, part), row=p.row and not split) for p in way)

    def _computed(self, node: Node, end: End, value: float) -> Iterator[Witness]:
        if _plain(node) in ("sqrt", "pow") and self._of(node.args[0]).low < 0.0:
            return  # the range begins where the domain does, and the argument perhaps elsewhere
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
        op = _plain(node)
        if op in _SUMS or op == "matmul":
            return node.attrs.get("axis") != 0
        return (op, end) in (("max", "low"), ("min", "high"))

    def _at(self, node: Node, at: At) -> tuple[Witness, ...]:
        if at == "whole":
            return (frozenset(),)
        if at == "default":
            return (frozenset({Place(node.number, (), (at,), False)}),)
        return self._at_zero(node) if at == "zero" else self.witnesses(node, at)

    def _at_zero(self, node: Node) -> tuple[Witness, ...]:
        found = self._of(node)
        if not found.holds(0.0) or not (self._moves(node) or found.bounded):
            return ()
        for end in _ENDS:
            if getattr(found, end) == 0.0:
                return self.witnesses(node, end)
        if _is_pick(node):
            return tuple(self._picked(node, "zero"))
        if is_deviation(node) or all(self.witnesses(node, e) for e in _ENDS):
            return (self._own(node, ("zero", node.number)),)
        return ()

    def _probes(self, node: Node, end: End) -> Iterator[tuple[At, ...]]:
        """Which ends of the arguments give this end of the result; the fewest first."""
        value = getattr(self._of(node), end)
        args = [self._of(arg) for arg in node.args]
        if len(args) > 3:
            return
        choices: list[list[At]] = [
            ["whole", *_places(arg), *(["default"] if _default(of) is not None else ())]
            for of, arg in zip(node.args, args, strict=True)
        ]
        for probes in sorted(product(*choices), key=lambda p: -p.count("whole")):
            given = [_probe(*each) for each in zip(node.args, args, probes, strict=True)]
            found = self._image(node, given)
            exact = found.low == found.high or "whole" not in probes
            if exact and getattr(found, end) == value and (not found.nan or _any_nan(args)):
                yield probes

    def _together(self, ways: Sequence[tuple[Witness, ...]]) -> Iterator[Witness]:
        for choice in product(*ways):
            way: Witness = frozenset().union(*choice)
            if consistent(way):
                yield way

    def _leaves_of(self, node: Node) -> frozenset[tuple[int, tuple[str, ...]]]:
        """The values from outside, by number and part; a call that nobody knows is one."""
        known = self._leaves.get(id(node))
        if known is not None:
            return known[1]
        self._leaves[id(node)] = (node, frozenset())  # a value met again below itself
        found: set[tuple[int, tuple[str, ...]]] = set()
        if is_shape(node):
            return frozenset()
        if node.op in _FROM_OUTSIDE or (node.op == OPAQUE and not is_known(node)):
            found.add((node.number, ()))
        else:
            found.update(*(self._leaves_of(arg) for arg in node.args))
        if _is_pick(node):
            found = {(leaf, (*part, _part(node))) for leaf, part in found}
        self._leaves[id(node)] = (node, frozenset(found))
        return self._leaves[id(node)][1]


def _plain(node: Node) -> str:
    """The op, of the framework or of NumPy."""
    return node.op.removeprefix("np_")


def _is_pick(node: Node) -> bool:
    if node.op != OPAQUE:
        return node.op in _SPLITS or node.op in _PICKS
    return node.name == "[]" or node.name.rpartition(".")[2] in _PICKS


def _part(node: Node) -> str:
    """Which part is taken: equal where the text is."""
    code = node.origin.code if node.origin is not None else None
    if isinstance(code, ast.Subscript):
        return ast.unparse(code.slice)
    return str(node.attrs["index"]) if node.op in _SPLITS else f"#{node.number}"


_ENDS: tuple[End, End] = ("low", "high")


def _places(x: Interval) -> Iterator[At]:
    if x.low < 0.0 < x.high:
        yield "zero"
    yield "low"
    if x.low < x.high:
        yield "high"


def _default(node: Node) -> float | None:
    """What a setting is unless somebody sets another."""
    value = node.value if node.op in (INPUT, FREE) else None
    return None if isinstance(value, (str, bool)) else value


def _probe(node: Node, x: Interval, at: At) -> Interval:
    default = _default(node)
    if at == "default" and default is not None:
        return point(float(default))
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
