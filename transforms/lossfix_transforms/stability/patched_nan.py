"""where(is_nan(l), 0, l): the value is patched and the gradient is not."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, any_of, has, reaches, settled, varied
from lossfix.rules.contracts import Diagnosis
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Limit, Rule, Scope
from lossfix.rules.structure import is_singular
from lossfix.rules.terms import AttrVar, Var, ops

x, y, p, floor = Var("x"), Var("y"), Var("p"), Var("floor")

RULE = Rule(
    code="LF167",
    name="nan-patched-afterwards",
    catalogue=("A67",),
    summary="where(is_nan(x), 0, x) or nan_to_num(x) on a value of the loss",
    rewrites=(
        Rewrite(ops.where(ops.is_nan(x), y, x)),
        Rewrite(ops.where(ops.is_inf(x), y, x)),
        Rewrite(ops.where(ops.logical_or(ops.is_nan(x), ops.is_inf(x)), y, x)),
        Rewrite(ops.where(ops.is_finite(x), x, y)),
        Rewrite(ops.where(ops.logical_not(ops.is_nan(x)), x, y)),
        Rewrite(ops.where(ops.logical_not(ops.is_finite(x)), y, x)),
        Rewrite(ops.maximum(ops.log(p), floor), when=all_of(settled("floor"), reaches("p", 0.0))),
        Rewrite(
            ops.nan_to_num(
                x, nan=AttrVar("nan"), posinf=AttrVar("posinf"), neginf=AttrVar("neginf")
            )
        ),
    ),
    contract=Diagnosis(),
    scope=Scope.LOSS,
    when=any_of(all_of(has("x"), varied("x"), is_singular("x")), all_of(has("p"), varied("p"))),
    message="the value is patched here, and the gradient stays NaN",
    why=(
        "The backward pass goes through the branch that was not taken too: it multiplies the inf "
        "or NaN slope of the value by 0, which is NaN. The loss looks healthy and every weight is "
        "NaN after one step, in TensorFlow and in JAX, in every dtype."
    ),
    breaks_at=(Limit("wherever the patch acts"), Limit("wherever the patch acts", "float16")),
    before="tf.where(tf.math.is_nan(x), 0.0, x)",
    after="",
    fix_safety=(
        "Nothing is changed. Guard the argument of the op that makes the NaN, by a where inside "
        "it as well as around it, or mend that op: other rules point at it where they know it."
    ),
    when_not="On labels and inputs, which need no gradient.",
    source="JAX FAQ, gradients contain NaN where using where; tensorflow issue 38349",
)
