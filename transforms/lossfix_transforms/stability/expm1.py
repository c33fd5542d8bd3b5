"""exp(x) - 1: cancellation near 0."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, any_of, near, negated
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule
from lossfix.rules.terms import Var, ops
from lossfix.rules.usage import (
    is_fine,
    is_modulation,
    is_small_by_nature,
    stands_beside,
)

x = Var("x")

RULE = Rule(
    code="LF127",
    name="expm1",
    catalogue=("A27",),
    summary="exp(x) - 1 becomes expm1(x)",
    rewrites=(Rewrite(ops.exp(x) - 1, ops.expm1(x)),),
    contract=Exact(),
    when=all_of(
        near("x", 0.0),
        is_fine,
        is_small_by_nature,
        negated(any_of(stands_beside("x"), is_modulation)),
    ),
    message="exp(x) - 1 loses its digits for x near 0",
    why=(
        "In float32 the relative error is 1.2e-4 at x = 1e-4 and 100 % at x = 1e-8, because "
        "exp(x) is rounded to 1 first."
    ),
    breaks_at=(Limit("|x| < 1e-4 (digits lost)"),),
    before="tf.exp(x) - 1",
    after="tf.math.expm1(x)",
    fix_safety="The same function over the reals.",
    when_not="When x never comes near 0 the gain is nothing.",
    source="Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 1.14",
    symptoms=("inexact",),
    domains={"x": Domain(-80.0, 80.0, near=(0.0,))},
)
