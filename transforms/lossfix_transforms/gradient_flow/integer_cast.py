"""cast to an integer: truncation has no gradient."""

from __future__ import annotations

from lossfix.rules.conditions import (
    BOOLEANS,
    FLOATS,
    INTEGERS,
    all_of,
    carries,
    dtype_in,
    has_gradient,
    is_float,
)
from lossfix.rules.contracts import IDENTITY, StraightThrough
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import AttrVar, Var, ops

x = Var("x")
integer = AttrVar("integer")
dtype = AttrVar("dtype")
back = ops.cast(ops.cast(x, dtype=integer), dtype=dtype)
_there_and_back = all_of(dtype_in("integer", INTEGERS), dtype_in("dtype", FLOATS))

RULE = Rule(
    code="LF308",
    name="integer-cast",
    catalogue=("C08",),
    summary="cast(cast(x, int), float) gets a straight-through gradient",
    rewrites=(
        Rewrite(back, x + ops.stop_gradient(back - x), _there_and_back),
        Rewrite(ops.cast(x, dtype=integer), None, dtype_in("integer", INTEGERS | BOOLEANS)),
    ),
    contract=StraightThrough(surrogate=IDENTITY),
    scope=Scope.LOSS,
    when=all_of(has_gradient("x"), is_float("x"), carries),
    message="a cast of the predictions to an integer or a bool has no gradient",
    why=(
        "The gradient of the cast is None. If the value must be whole in the forward pass, "
        "a straight-through estimator declares the gradient that you want instead."
    ),
    before="tf.cast(tf.cast(y_pred, tf.int32), tf.float32)",
    after="y_pred + tf.stop_gradient(tf.cast(tf.cast(y_pred, tf.int32), tf.float32) - y_pred)",
    fix_safety=(
        "The same value; the backward pass is that of the identity, which is the gradient "
        "of no function. A cast that is not undone is only reported."
    ),
    when_not="When the whole number is an index: nothing can make an index differentiable.",
    source="Bengio, Leonard, Courville 2013, arXiv 1308.3432",
    domains={"x": Domain(-50.0, 50.0)},
)
