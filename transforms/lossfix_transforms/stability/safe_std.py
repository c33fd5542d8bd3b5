"""std(x): the gradient of constant values is 0 / 0."""

from __future__ import annotations

from lossfix.rules.conditions import has_gradient
from lossfix.rules.contracts import Guarded
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import AttrVar, Bind, Var, ops

x = Var("x")
axis = AttrVar("axis")
keepdims = AttrVar("keepdims")

variance = Bind("variance", ops.variance(x, axis=axis, keepdims=keepdims))

RULE = Rule(
    code="LF147",
    name="safe-std",
    catalogue=("A47",),
    summary="a standard deviation gets a gradient of 0 at 0, by a double where",
    rewrites=(
        Rewrite(
            ops.std(x, axis=axis, keepdims=keepdims),
            ops.where(variance > 0, ops.sqrt(ops.where(variance > 0, variance, 1.0)), 0.0),
        ),
    ),
    contract=Guarded(
        singular="x constant along the axis", convention="value 0 and gradient 0, a subgradient"
    ),
    scope=Scope.LOSS,
    when=has_gradient("x"),
    message="the gradient of this standard deviation is NaN where all values are equal",
    why=(
        "It is the root of the variance, whose slope is inf at 0, times the slope of the variance, "
        "which is 0 there: NaN in TensorFlow and in Keras. A batch of one, a dead unit or a "
        "collapsed ensemble is enough."
    ),
    breaks_at=(
        Limit("x constant"),
        Limit("a spread below 2.4e-4, whose square is 0 there", "float16"),
    ),
    before="tf.math.reduce_std(x, axis=-1)",
    after="tf.where(variance > 0, tf.sqrt(tf.where(variance > 0, variance, 1.0)), 0.0)",
    fix_safety=(
        "The same value everywhere and the same gradient wherever it was finite; where all values "
        "are equal the gradient is 0."
    ),
    when_not="When an epsilon is wanted in what is divided by it: add it to the variance.",
    source="tensorflow issue 12071; JAX FAQ, gradients contain NaN where using where",
    symptoms=("nan", "gpu"),
    domains={"x": Domain(-1e6, 1e6, near=(0.0,))},
)
