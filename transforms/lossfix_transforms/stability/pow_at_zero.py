"""x ** p with 0 < p < 1: an infinite slope at 0."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, negated, reaches, varied
from lossfix.rules.contracts import Guarded
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.structure import is_fraction, shielded
from lossfix.rules.terms import Var, ops
from lossfix.rules.zeros import zero_is_real

x, p = Var("x"), Var("p")

RULE = Rule(
    code="LF174",
    name="pow-at-zero",
    catalogue=("A74", "A14"),
    summary="x ** p with 0 < p < 1 gets a gradient of 0 at x = 0, by a double where",
    rewrites=(Rewrite(ops.pow(x, p), ops.where(x > 0, ops.pow(ops.where(x > 0, x, 1.0), p), 0.0)),),
    contract=Guarded(singular="x = 0", convention="value 0 and gradient 0"),
    scope=Scope.LOSS,
    when=all_of(
        varied("x"),
        is_fraction("p"),
        reaches("x", 0.0),
        zero_is_real("x"),
        negated(shielded("x")),
    ),
    range_of="x",
    message="the gradient of this power is infinite or NaN where its base is 0, as it can be",
    why=(
        "d x ** p / dx is p * x ** (p - 1), which is inf at 0 for p < 1, and NaN once it meets a "
        "slope of 0. A focal loss with an exponent of 1 / gamma has it at a perfect prediction."
    ),
    breaks_at=(
        Limit("x = 0"),
        Limit("x < 6e-8, which is 0 there", "float16"),
    ),
    before="tf.pow(1 - score, 1 / gamma)",
    after="tf.where(value > 0, tf.pow(tf.where(value > 0, value, 1.0), 1 / gamma), 0.0)",
    fix_safety=(
        "The same value everywhere and the same gradient wherever it was finite; at x = 0 the "
        "gradient is 0."
    ),
    when_not="When the exponent is 1 or more after all, whatever its default says.",
    source="JAX FAQ, gradients contain NaN where using where",
    domains={
        "x": Domain(0.0, 1e3, near=(0.0,)),
        "p": Domain(0.1, 0.9, near=(0.75,), shape=()),
    },
)
