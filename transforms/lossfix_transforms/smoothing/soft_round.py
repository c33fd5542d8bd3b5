"""round(x): a staircase, with no gradient anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lossfix.rules.conditions import inside, varied
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Kernel, Rule, Scope
from lossfix.rules.terms import Bind, Sharpness, Term, Var, ops
from lossfix_transforms.smoothing._kernels import (
    FINITE,
    IDENTITY,
    KEEPS_THE_VALUE,
    SIGMOID,
    SMOOTHSTEP,
    STRAIGHT,
    passed_through,
    smoothstep,
)

x = Var("x")
lower = Bind("lower", ops.stop_gradient(ops.floor(x)))


def _rewrites(step: Callable[[Term], Term]) -> tuple[Rewrite, ...]:
    """One step at 0.5 where the value is a share, else one between any two whole numbers."""
    return (
        Rewrite(ops.round(x), step(Sharpness() * (x - 0.5)), inside("x", 0.0, 1.0)),
        Rewrite(ops.round(x), lower + step(Sharpness() * (x - lower - 0.5))),
    )


_STRAIGHT = tuple(
    replace(each, after=passed_through(each.before, x)) for each in _rewrites(ops.sigmoid)
)

RULE = Rule(
    code="LF204",
    name="soft-round",
    catalogue=("B04", "B05", "B06", "C13"),
    summary="round(x) becomes a sigmoid at each step",
    rewrites=_rewrites(ops.sigmoid),
    contract=SIGMOID,
    scope=Scope.LOSS,
    when=varied("x"),
    message="round has no gradient, so nothing that goes through it trains",
    why=(
        'TensorFlow gives None for the gradient of round: fit raises "No gradients provided '
        'for any variable", or trains silently on the other terms of the loss.'
    ),
    before="tf.round(y_pred)",
    after="lower = tf.stop_gradient(tf.floor(y_pred)); "
    "lower + tf.sigmoid(10.0 * (y_pred - lower - 0.5))",
    fix_safety=(
        "Another loss near the half points. For a value known to lie in [0, 1] the fix is "
        "one sigmoid at 0.5; else one in each unit step. For a probability the plain value, "
        "without round, is often the better surrogate."
    ),
    when_not=(
        "When the rounding models quantisation that the forward pass must keep: use a "
        "straight-through estimator "
        "(kernel straight-through)."
    ),
    source="SoftJAX, arXiv 2603.08824",
    domains={"x": Domain(0.0, 1.0, near=(0.5,))},
    kernel="sigmoid",
    kernels=(
        Kernel(
            name="smoothstep",
            contract=SMOOTHSTEP,
            rewrites=_rewrites(smoothstep),
            words=FINITE,
        ),
        Kernel(name=STRAIGHT, contract=IDENTITY, rewrites=_STRAIGHT, words=KEEPS_THE_VALUE),
    ),
)
