"""sin(x) / x, expm1(x) / x, x / expm1(x): 0 / 0 where there is a perfectly good limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lossfix.rules.conditions import all_of, any_of, near, negated, varied
from lossfix.rules.contracts import Bounded
from lossfix.rules.nature import is_chosen
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.structure import shielded
from lossfix.rules.terms import Bind, Term, Var, ops

x = Var("x")
_STEP = 0.01  # below it the series is the better one, in value and in gradient
_far = ops.abs(x) > _STEP
_safe = Bind("safe", ops.where(_far, x, 1.0))


def _sinc(t: Term) -> Term:
    return ops.sin(t) / t


def _grown(t: Term) -> Term:
    return ops.expm1(t) / t


def _shrunk(t: Term) -> Term:
    return t / ops.expm1(t)


_SERIES: tuple[tuple[tuple[Term, ...], Callable[[Term], Term], Term], ...] = (
    ((_sinc(x),), _sinc, 1 - ops.square(x) / 6),
    ((_grown(x),), _grown, 1 + x / 2 + ops.square(x) / 6),
    ((_shrunk(x),), _shrunk, 1 - x / 2 + ops.square(x) / 12),
)


def _rewrites() -> Iterator[Rewrite]:
    for spellings, form, series in _SERIES:
        for before in spellings:
            yield Rewrite(before, ops.where(_far, form(_safe), series), as_written=True)


RULE = Rule(
    code="LF157",
    name="removable-singularity",
    catalogue=("A57",),
    summary="sin(x) / x, expm1(x) / x and x / expm1(x) get their series near 0",
    rewrites=tuple(_rewrites()),
    contract=Bounded(bound=5e-8),
    scope=Scope.LOSS,
    when=all_of(varied("x"), near("x", 0.0), negated(any_of(shielded("x"), is_chosen("x")))),
    message="this is 0 / 0 = NaN at x = 0, where its limit is 1",
    why=(
        "At 0 value and gradient are NaN; near it (exp(x) - 1) / x is off by 5 % at x = 1e-6 in "
        "float32, and its gradient by more than it is. expm1 mends the value alone: the gradient "
        "is 13 % off at 1e-6. A single where has a NaN gradient at 0."
    ),
    breaks_at=(Limit("x = 0, and the gradient for |x| < 1e-4"), Limit("|x| < 0.02", "float16")),
    before="tf.sin(x) / x",
    after=(
        "tf.where(tf.abs(x) > 0.01, tf.sin(tf.where(tf.abs(x) > 0.01, x, 1.0)) / "
        "tf.where(tf.abs(x) > 0.01, x, 1.0), 1 - tf.square(x) / 6)"
    ),
    fix_safety="The value moves by at most 5e-8, below |x| = 0.01: half a digit of float32.",
    when_not="When x never comes near 0.",
    source="Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 1.14.1",
    symptoms=("nan", "inexact"),
    domains={"x": Domain(-30.0, 30.0, near=(0.0, 0.01, -0.01))},
    priority=1,
)
