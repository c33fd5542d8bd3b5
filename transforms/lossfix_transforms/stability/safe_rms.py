"""sqrt(mean(x ** 2)): a perfect prediction has a NaN gradient."""

from __future__ import annotations

from lossfix.rules.called import says_what_it_is
from lossfix.rules.conditions import all_of, has_gradient
from lossfix.rules.contracts import Guarded
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import AttrVar, Bind, Var, ops

x = Var("x")
axis = AttrVar("axis")
keepdims = AttrVar("keepdims")

mean_square = Bind("mean_square", ops.mean(ops.square(x), axis=axis, keepdims=keepdims))
safe = ops.where(mean_square > 0, ops.sqrt(ops.where(mean_square > 0, mean_square, 1.0)), 0.0)

RULE = Rule(
    code="LF141",
    name="safe-root-mean-square",
    catalogue=("A41",),
    summary="a root mean square gets a gradient of 0 at 0, by a double where",
    rewrites=(Rewrite(ops.sqrt(ops.mean(ops.square(x), axis=axis, keepdims=keepdims)), safe),),
    contract=Guarded(
        singular="x = 0 along the axis", convention="value 0 and gradient 0, a subgradient"
    ),
    scope=Scope.LOSS,
    when=all_of(has_gradient("x"), says_what_it_is("x")),
    message="the gradient of this root mean square is NaN for a perfect prediction",
    why=(
        "d sqrt(s)/ds is inf at s = 0 and ds/dx is 0 there: their product is NaN. The "
        "better the model, the likelier the NaN."
    ),
    breaks_at=(Limit("x = 0"),),
    before="tf.sqrt(tf.reduce_mean(tf.square(e)))",
    after="tf.where(mean_square > 0, tf.sqrt(tf.where(mean_square > 0, mean_square, 1.0)), 0.0)",
    fix_safety=(
        "The same value everywhere and the same gradient wherever it was finite; at x = 0 "
        "the gradient is 0."
    ),
    when_not="When an epsilon inside the root is meant as part of the loss, keep that.",
    source="tensorflow issue 12071; JAX FAQ, gradients contain NaN where using where",
    symptoms=("nan", "gpu"),
    domains={"x": Domain(-1e15, 1e15, near=(0.0,))},
)
