"""mask * log(x), with the mask for x > t: 0 * -inf is NaN."""

from __future__ import annotations

from lossfix.rules.conditions import FLOATS, all_of, dtype_in, nonnegative, settled
from lossfix.rules.contracts import Guarded
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import AttrVar, Var, ops

x, t = Var("x"), Var("t")
dtype = AttrVar("dtype")
_mask = ops.cast(x > t, dtype=dtype)
_safe = ops.where(x > t, x, 1.0)

RULE = Rule(
    code="LF166",
    name="mask-times-log",
    catalogue=("A66",),
    summary="cast(x > t) * log(x) becomes a double where",
    rewrites=(
        Rewrite(_mask * ops.log(x), ops.where(x > t, ops.log(_safe), 0.0)),
        Rewrite(_mask * ops.sqrt(x), ops.where(x > t, ops.sqrt(_safe), 0.0)),
    ),
    contract=Guarded(
        singular="x outside the mask, where log(x) or sqrt(x) has no finite value or slope",
        convention="value 0, and no gradient",
    ),
    scope=Scope.LOSS,
    when=all_of(settled("t"), nonnegative("t"), dtype_in("dtype", FLOATS)),
    message="a mask does not take a NaN or -inf away: 0 * inf is NaN, and so is the gradient",
    why=(
        "Where x is 0 the logarithm is -inf, and -inf times the 0 of the mask is NaN, for the "
        "value and for the gradient. multiply_no_nan mends the value alone."
    ),
    breaks_at=(Limit("x = 0"), Limit("x < 6e-8, which is 0 there", "float16")),
    before="tf.cast(x > 0, tf.float32) * tf.math.log(x)",
    after="tf.where(x > 0, tf.math.log(tf.where(x > 0, x, 1.0)), 0.0)",
    fix_safety="The same value and gradient wherever they were finite; 0 where the mask is 0.",
    when_not="Never: what the mask takes away was not meant to count.",
    source="tensorflow issue 2540; JAX FAQ, gradients contain NaN where using where",
    domains={
        "x": Domain(-10.0, 10.0, near=(0.0,)),
        "t": Domain(0.0, 2.0, near=(0.0,), shape=()),
    },
    priority=3,
)
