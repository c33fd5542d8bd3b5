"""sqrt(x) where x reaches 0: the slope of the root is infinite there."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, any_of, negated, nonnegative, reaches, varied
from lossfix.rules.contracts import Guarded
from lossfix.rules.nature import is_weight
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.structure import shielded
from lossfix.rules.terms import Var, ops
from lossfix.rules.zeros import zero_is_real

x = Var("x")

RULE = Rule(
    code="LF142",
    name="safe-sqrt",
    catalogue=("A40", "A42", "A74", "A50"),
    summary="sqrt(x) of an x that reaches 0 gets a gradient of 0 there, by a double where",
    rewrites=(Rewrite(ops.sqrt(x), ops.where(x > 0, ops.sqrt(ops.where(x > 0, x, 1.0)), 0.0)),),
    contract=Guarded(singular="x = 0", convention="value 0 and gradient 0"),
    scope=Scope.LOSS,
    when=all_of(
        varied("x"),
        nonnegative("x"),
        reaches("x", 0.0),
        zero_is_real("x"),
        negated(any_of(shielded("x"), is_weight("x"))),
    ),
    range_of="x",
    message="the gradient of this root is infinite or NaN where its argument is 0, as it can be",
    why=(
        "d sqrt(x)/dx is 0.5 / sqrt(x): inf at x = 0, and NaN once it meets a slope of 0, such as "
        "that of a square or of a maximum. One such entry turns every weight to NaN; adding an "
        "epsilon to the root instead of to its argument does not help."
    ),
    breaks_at=(
        Limit("x = 0"),
        Limit("x = 0: an epsilon of 1e-12 added to x is 0 too", "float16"),
    ),
    before="tf.sqrt(tf.maximum(x, 0.0))",
    after="tf.where(value > 0, tf.sqrt(tf.where(value > 0, value, 1.0)), 0.0)",
    fix_safety=(
        "The same value everywhere and the same gradient wherever it was finite; at x = 0 the "
        "gradient is 0. The inner where keeps the NaN out of the backward pass."
    ),
    when_not="When an epsilon inside the root is meant as part of the loss, write that instead.",
    source="tensorflow issue 12071; JAX FAQ, gradients contain NaN where using where",
    symptoms=("nan", "gpu"),
    domains={"x": Domain(0.0, 1e15, near=(0.0,))},
    priority=-1,
)
