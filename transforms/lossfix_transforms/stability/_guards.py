"""Spellings that rules share: a probability kept off 0 and 1 before its logarithm."""

from __future__ import annotations

from lossfix.rules.conditions import all_of
from lossfix.rules.pattern import Condition
from lossfix.rules.rule import Domain
from lossfix.rules.structure import near_one, small
from lossfix.rules.terms import Term, Var, ops

low, high, eps = Var("low"), Var("high"), Var("eps")

GUARD_DOMAINS = {
    "eps": Domain(1e-7, 1e-3, shape=()),
    "low": Domain(1e-7, 1e-3, shape=()),
    "high": Domain(0.999, 0.9999999, shape=()),
}
WITHOUT_GUARDS = (("eps", 0.0, 0.0), ("low", 0.0, 0.0), ("high", 1.0, 1.0))


def clamped(p: Term) -> tuple[tuple[Term, Condition], ...]:
    """`p` kept away from 0, and from 1 too, in all spellings."""
    both = all_of(small("low"), near_one("high"))
    return (
        (ops.clip(p, low, high), both),
        (ops.minimum(ops.maximum(p, low), high), both),
        (ops.maximum(ops.minimum(p, high), low), both),
        (ops.maximum(p, low), small("low")),
    )


def clamped_and_raised(p: Term) -> tuple[tuple[Term, Condition], ...]:
    """`p` clamped, with an epsilon on top."""
    return tuple((one + eps, all_of(when, small("eps"))) for one, when in clamped(p))
