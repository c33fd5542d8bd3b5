"""Conditions of rules: small predicates over activity, ranges, dtypes and shapes of a match."""

from __future__ import annotations

import math

from lossfix.graph.nodes import CONST, Node, Role
from lossfix.graph.ranges import Interval
from lossfix.rules.match import Match
from lossfix.rules.rule import Condition

EXP_OVERFLOWS_AT = 88.72283905206835
"""log of the largest float32 and bfloat16; exp of more is inf."""


def all_of(*conditions: Condition) -> Condition:
    return lambda match: all(condition(match) for condition in conditions)


def any_of(*conditions: Condition) -> Condition:
    return lambda match: any(condition(match) for condition in conditions)


def negated(condition: Condition) -> Condition:
    return lambda match: not condition(match)


def varied(name: str) -> Condition:
    """The value depends on the predictions."""
    return lambda match: match.facts.varied(match.values[name])


def settled(name: str) -> Condition:
    """The value depends on no tensor: a number, a parameter with a default, a setting."""

    def holds(match: Match) -> bool:
        return all(
            node.op != "input" or match.facts.role(node) is Role.SETTING
            for node in match.values[name].walk()
        )

    return holds


def may_be_zero(name: str) -> Condition:
    """The value's range holds 0."""
    return lambda match: match.facts.interval(match.values[name]).holds(0.0)


def may_exceed(name: str, limit: float = EXP_OVERFLOWS_AT) -> Condition:
    return lambda match: match.facts.interval(match.values[name]).high > limit


def may_go_below(name: str, limit: float) -> Condition:
    return lambda match: match.facts.interval(match.values[name]).low < limit


def nonnegative(name: str) -> Condition:
    return lambda match: match.facts.interval(match.values[name]).low >= 0.0


def near(name: str, point: float) -> Condition:
    """The value can come as close to `point` as it likes."""
    return lambda match: match.facts.interval(match.values[name]).holds(point)


def root_range(low: float = -math.inf, high: float = math.inf) -> Condition:
    """The matched value's own range meets (low, high)."""

    def holds(match: Match) -> bool:
        found: Interval = match.facts.interval(match.root)
        return found.low <= high and found.high >= low

    return holds


def at_root(match: Match) -> bool:
    """The matched value is the loss itself, and not a part of it."""
    return any(match.root.number == result.number for result in match.unit.results)


def same_value(first: str, second: str) -> Condition:
    return lambda match: match.values[first].number == match.values[second].number


def dtype_in(name: str, dtypes: frozenset[str]) -> Condition:
    """The attribute `name` is one of `dtypes`, as "int32" or `tf.int32` or `bool`."""
    return lambda match: str(match.attrs.get(name)) in dtypes


def is_constant(node: Node) -> bool:
    return node.op == CONST


INTEGERS = frozenset("int8 int16 int32 int64 uint8 uint16 uint32 uint64 int".split())
FLOATS = frozenset("float16 bfloat16 float32 float64 half float double floatx".split())
BOOLEANS = frozenset({"bool", "boolean"})
