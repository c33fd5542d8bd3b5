"""log(1 - exp(x)) for x < 0: two cancellations, one at each end."""

from __future__ import annotations

from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import Bind, Term, Var, ops

x, y = Var("x"), Var("y")
_SPLIT = -0.7  # about -log(2), where both forms are good


def _of(gap: Term) -> Term:
    near = ops.log(-ops.expm1(ops.where(gap > _SPLIT, gap, _SPLIT)))
    far = ops.log1p(-ops.exp(ops.where(gap <= _SPLIT, gap, _SPLIT)))
    return ops.where(gap > _SPLIT, near, far)


RULE = Rule(
    code="LF120",
    name="log-one-minus-exp",
    catalogue=("A20", "A21"),
    summary="log(1 - exp(x)) becomes log(-expm1(x)) near 0 and log1p(-exp(x)) far from it",
    rewrites=(
        Rewrite(ops.log(1 - ops.exp(x)), _of(x)),
        Rewrite(ops.log(ops.exp(x) - ops.exp(y)), x + _of(Bind("gap", y - x))),
    ),
    contract=Exact(),
    scope=Scope.LOSS,
    message="this logarithm is -inf for an x just below 0, and loses all digits below -17",
    why=(
        "exp(-1e-8) is 1 in float32, and log(0) is -inf with a NaN gradient; 1 - exp(-20) is 1, "
        "and its logarithm 0 for -2e-9. The difference of two exponentials overflows at 88.7 as "
        "well. A single where of the two good forms has a NaN gradient: each needs a safe argument."
    ),
    breaks_at=(
        Limit("-6e-8 < x < 0, or x < -17 (all digits lost)"),
        Limit("-4e-3 < x < 0, or x < -6 (all digits lost)", "bfloat16"),
        Limit("-5e-4 < x < 0, or x < -8 (all digits lost)", "float16"),
    ),
    before="tf.math.log(1 - tf.exp(-x))",
    after=(
        "tf.where(-x > -0.7, tf.math.log(-tf.math.expm1(tf.where(-x > -0.7, -x, -0.7))), "
        "tf.math.log1p(-tf.exp(tf.where(-x <= -0.7, -x, -0.7))))"
    ),
    fix_safety="The same function over the reals.",
    when_not="When x never comes near 0 nor below -17.",
    source="Maechler 2012, Accurately Computing log(1 - exp(-|a|)), Rmpfr vignette",
    symptoms=("nan", "inexact"),
    domains={
        "x": Domain(-60.0, -1e-12, near=(-1e-8, -0.7)),
        "y": Domain(-200.0, -100.0, near=(-100.0,)),
    },
    priority=1,
)
