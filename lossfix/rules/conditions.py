"""Conditions of rules: small predicates over activity, ranges, dtypes and shapes of a match."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from lossfix.graph.conventions import speaks_of_count, words
from lossfix.graph.intervals import Interval
from lossfix.graph.nodes import FREE, INPUT, OPAQUE, Dynamic, Node, Role, reached
from lossfix.graph.relations import is_minus_its_max
from lossfix.rules.operands import operands
from lossfix.rules.pattern import Condition, Match

EXP_OVERFLOWS_AT = 88.72283905206835
"""log of the largest float32 and bfloat16; exp of more is inf."""


def all_of(*conditions: Condition) -> Condition:
    return lambda match: all(condition(match) for condition in conditions)


def any_of(*conditions: Condition) -> Condition:
    return lambda match: any(condition(match) for condition in conditions)


def negated(condition: Condition) -> Condition:
    return lambda match: not condition(match)


def has(name: str) -> Condition:
    """The spelling of the pattern that fits has this variable."""
    return lambda match: name in match.values


def varied(name: str) -> Condition:
    """The value depends on the predictions."""
    return lambda match: match.facts.varied(match.values[name])


def has_gradient(name: str) -> Condition:
    """A gradient goes from the value to what is trained: no step or rounding is in between."""
    return lambda match: match.facts.smooth(match.values[name])


def settled(name: str) -> Condition:
    """The value depends on no tensor: a number, a parameter with a default, a setting."""

    def holds(match: Match) -> bool:
        return all(
            node.op != "input" or match.facts.role(node) is Role.SETTING
            for node in match.values[name].walk()
        )

    return holds


def _interval(match: Match, name: str) -> Interval:
    return match.facts.interval(match.values[name])


def reaches(name: str, point: float) -> Condition:
    """The value comes to `point`, as far as derivation tells: never of a value nobody knows."""
    return lambda match: match.facts.ranges().reaches(match.values[name], point)


def may_be_zero(name: str) -> Condition:
    """The value's range holds 0; the range of a value nobody knows does."""
    return lambda match: _interval(match, name).holds(0.0) and not _is_held(match, name, "low")


def may_exceed(name: str, limit: float = EXP_OVERFLOWS_AT) -> Condition:
    """The value's range goes above `limit`, with settings about as they are by default too; the
    range of a value nobody knows does."""

    def holds(match: Match) -> bool:
        over = _interval(match, name).high > limit
        over = over and match.facts.usual(match.values[name]).high > limit
        return over and not _is_held(match, name, "high")

    return holds


def _is_held(match: Match, name: str, end: Literal["low", "high"]) -> bool:
    """Whether the author clips the value at a bound that nobody knows here."""
    node = match.values[name]
    while node.op in _KEEPS_BOUNDS:
        if node.op == "neg":
            end = "low" if end == "high" else "high"
        node = node.args[0]
    if node.op == OPAQUE:
        return bool({"clip", "clamp"} & set(words(node.name.rpartition(".")[2])))
    at = {"clip": {"low": 1, "high": 2}, "maximum": {"low": 1}, "minimum": {"high": 1}}
    bound = at.get(node.op, {}).get(end)
    if bound is None:
        return False
    return (
        not match.facts.varied(node.args[bound]) and match.facts.interval(node.args[bound]).unknown
    )


_KEEPS_BOUNDS = frozenset("reshape squeeze expand_dims transpose flatten column cast neg".split())


def unshifted(name: str) -> Condition:
    """exp of the value may overflow, or underflow along a whole row: no maximum is taken out."""

    def holds(match: Match) -> bool:
        found = match.facts.usual(match.values[name])
        wide = found.high > EXP_OVERFLOWS_AT or found.low < -EXP_OVERFLOWS_AT
        return wide and not is_minus_its_max(match.values[name])

    return holds


def may_go_below(name: str, limit: float) -> Condition:
    """The value's range goes below `limit`; the range of a value nobody knows does."""
    return lambda match: _interval(match, name).low < limit and not _is_held(match, name, "low")


def nonnegative(name: str) -> Condition:
    """The value is derived to be 0 or more."""
    return lambda match: _interval(match, name).low >= 0.0


def near(name: str, point: float) -> Condition:
    """The value can come as close to `point` as it likes; a value nobody knows can."""

    def holds(match: Match) -> bool:
        found = _interval(match, name)
        return found.low - _CLOSE <= point <= found.high + _CLOSE

    return holds


_CLOSE = 1e-6  # from there on, digits are lost beside 1


def counts(name: str) -> Condition:
    """The value is a whole number, 0 or far from it: by its op, or by the name of a count."""

    def holds(match: Match) -> bool:
        node = match.values[name]
        while node.op == "cast":
            node = node.args[0]
        named = node.op in (INPUT, FREE) and speaks_of_count(node.name)
        return named or node.op in _COUNTS

    return holds


_COUNTS = frozenset("count_nonzero argmax argmin argsort floor ceil round floordiv".split())


def inside(name: str, low: float, high: float) -> Condition:
    """The value's range lies within [low, high]."""

    def holds(match: Match) -> bool:
        found = _interval(match, name)
        return low <= found.low and found.high <= high

    return holds


def carries(match: Match) -> bool:
    """The value itself enters the loss, and does not only say where to look or what to choose."""
    return match.facts.carries(match.root)


def is_float(name: str) -> Condition:
    """The value is no comparison, no index and no integer already."""
    return lambda match: not any(map(_is_whole, reached((match.values[name],), _made_of)))


def _is_whole(node: Node) -> bool:
    return node.op in _NOT_FLOAT or node.name.endswith("top_k")


def _made_of(node: Node) -> Sequence[Node]:
    """The arguments of what is a whole number if one of them is."""
    passes = node.op in _ARITHMETIC or (node.op == OPAQUE and not node.name.endswith("top_k"))
    return node.args if passes else ()


_ARITHMETIC = frozenset("add sub mul div mod floordiv neg maximum minimum join".split())
_NOT_FLOAT = frozenset(
    "greater greater_equal less less_equal equal not_equal logical_and logical_or logical_not "
    "is_nan is_finite is_inf any all argmax argmin argsort count_nonzero bincount searchsorted "
    "digitize histogram top_classes".split()
)


def one_rank_more(higher: str, lower: str) -> Condition:
    """`higher` has one axis more than a column of `lower`, as far as both ranks are known."""

    def holds(match: Match) -> bool:
        more = match.facts.ranks.offset(match.values[higher])
        column = match.facts.ranks.offset(match.values[lower])
        return more is not None and column is not None and more == column

    return holds


def at_root(match: Match) -> bool:
    """The matched value is the loss itself, and not a part of it."""
    return any(match.root.number == result.number for result in match.unit.results)


def root_is_probability_complement(match: Match) -> bool:
    """`log(1 - p)`: what it loses is below the precision of p itself."""
    operand = match.values["x"]
    taken_away = any(part.negative for part in operands(operand))
    return taken_away or match.facts.interval(operand).high <= 0.0


def rank_is(name: str, offset: int) -> Condition:
    """The rank, relative to the parameters of the loss, is known and is `offset`."""
    return lambda match: match.facts.ranks.offset(match.values[name]) == offset


def has_one_axis(match: Match) -> bool:
    """The reduction names its axis: frameworks take a softmax without one along the last axis."""
    return match.attrs["one_axis"] is not None


def dtype_in(name: str, dtypes: frozenset[str]) -> Condition:
    """The attribute `name` is one of `dtypes`, as "int32" or `tf.int32` or `bool`."""
    return lambda match: _dtype(match.attrs.get(name)) in dtypes


def _dtype(value: object) -> str:
    return value.text if isinstance(value, Dynamic) else str(value)


INTEGERS = frozenset("int8 int16 int32 int64 uint8 uint16 uint32 uint64 int".split())
FLOATS = frozenset("float16 bfloat16 float32 float64 half float double floatx".split())
BOOLEANS = frozenset({"bool", "boolean"})
