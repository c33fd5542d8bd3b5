"""log(1 + x): 1 + x rounds x away."""

from __future__ import annotations

from lossfix.rules.conditions import (
    all_of,
    any_of,
    counts,
    near,
    negated,
    root_is_probability_complement,
)
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule
from lossfix.rules.terms import Var, ops
from lossfix.rules.usage import is_fine, is_small_by_nature

x = Var("x")

RULE = Rule(
    code="LF128",
    name="log1p",
    catalogue=("A28",),
    summary="log(1 + x) becomes log1p(x)",
    rewrites=(Rewrite(ops.log(1 + x), ops.log1p(x)),),
    contract=Exact(),
    when=all_of(
        near("x", 0.0),
        negated(any_of(counts("x"), root_is_probability_complement)),
        is_fine,
        is_small_by_nature,
    ),
    message="log(1 + x) loses the digits of a small x",
    why=(
        "In float32 an x below 6e-8 is rounded away by 1 + x: log(1 + 1e-8) is 0, an error "
        "of 100 %."
    ),
    breaks_at=(Limit("|x| < 6e-8 (all digits lost)"),),
    before="tf.math.log(1 + x)",
    after="tf.math.log1p(x)",
    fix_safety="The same function over the reals.",
    when_not="When x never comes near 0 the gain is nothing.",
    source="Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 1.14.1",
    symptoms=("inexact",),
    domains={"x": Domain(-0.999, 1e30, near=(0.0,))},
)
