"""sqrt(sum(x ** 2)): the gradient at 0 is 0 / 0."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, any_of, has_gradient, negated
from lossfix.rules.contracts import Guarded
from lossfix.rules.nature import is_sum_of_shares, is_weight
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import AttrVar, Bind, Var, ops

x = Var("x")
axis = AttrVar("axis")
keepdims = AttrVar("keepdims")

squared = Bind("squared", ops.sum(ops.square(x), axis=axis, keepdims=keepdims))
safe = ops.where(squared > 0, ops.sqrt(ops.where(squared > 0, squared, 1.0)), 0.0)

RULE = Rule(
    code="LF140",
    name="safe-norm",
    catalogue=("A40",),
    summary="a Euclidean norm gets a gradient of 0 at 0, by a double where",
    rewrites=(
        Rewrite(ops.sqrt(ops.sum(ops.square(x), axis=axis, keepdims=keepdims)), safe),
        Rewrite(ops.norm(x, axis=axis, keepdims=keepdims), safe),
        Rewrite(ops.euclidean_norm(x, axis=axis, keepdims=keepdims), safe),
    ),
    contract=Guarded(
        singular="x = 0 along the axis",
        convention="value 0 and gradient 0, a subgradient of the norm",
    ),
    scope=Scope.LOSS,
    when=all_of(has_gradient("x"), negated(any_of(is_weight("x"), is_sum_of_shares("x")))),
    message="the gradient of this norm is NaN where all of x is 0",
    why=(
        "d sqrt(s)/ds is inf at s = 0 and ds/dx is 0 there: their product is NaN, in "
        "sqrt(sum(x ** 2)) as in tf.norm. One pair of equal vectors turns every weight to "
        "NaN."
    ),
    breaks_at=(Limit("x = 0"),),
    before="tf.sqrt(tf.reduce_sum(tf.square(x), -1))",
    after="tf.where(squared > 0, tf.sqrt(tf.where(squared > 0, squared, 1.0)), 0.0)",
    fix_safety=(
        "The same value everywhere and the same gradient wherever it was finite; at x = 0 "
        "the gradient is 0. The inner where keeps the NaN out of the backward pass; one "
        "where is not enough."
    ),
    when_not="When an epsilon inside the root is meant as part of the loss, keep that.",
    source="tensorflow issue 12071; JAX FAQ, gradients contain NaN where using where",
    symptoms=("nan", "gpu"),
    domains={"x": Domain(-1e15, 1e15, near=(0.0,))},
)
