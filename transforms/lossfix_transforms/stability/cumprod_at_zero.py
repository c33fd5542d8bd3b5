"""cumprod(x) with a factor of 0: TensorFlow's gradient is silently wrong."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, reaches, varied
from lossfix.rules.contracts import Diagnosis
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Limit, Rule, Scope
from lossfix.rules.terms import AttrVar, Var, ops
from lossfix.rules.zeros import zero_is_real

x = Var("x")

RULE = Rule(
    code="LF173",
    name="cumprod-at-zero",
    catalogue=("A73",),
    summary="cumprod(x) of an x that reaches 0",
    rewrites=(Rewrite(ops.cumprod(x, axis=AttrVar("axis"))),),
    contract=Diagnosis(),
    scope=Scope.LOSS,
    when=all_of(varied("x"), reaches("x", 0.0), zero_is_real("x")),
    range_of="x",
    message="the gradient of this cumulative product is wrong where a factor is 0, as it can be",
    why=(
        "TensorFlow divides the product by each factor and puts 0 where the factor is 0: for "
        "[2, 0, 3] the gradient by the second factor comes out as 0 for 8, in 2.21. Nothing warns."
    ),
    breaks_at=(Limit("a factor of 0"), Limit("a factor below 6e-8", "float16")),
    before="tf.math.cumprod(1 - alpha)",
    after="",
    fix_safety="Nothing is changed. Keep the factors off 0, or sum logarithms with tf.cumsum.",
    when_not="When the factors are constants of the loss.",
    symptoms=("stuck",),
    source="tensorflow issue 119430",
)
