"""round(x): a staircase, with no gradient anywhere."""

from __future__ import annotations

from lossfix.rules.conditions import inside, varied
from lossfix.rules.contracts import Relaxed
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import Bind, Sharpness, Var, ops

x = Var("x")
lower = Bind("lower", ops.floor(x))

RULE = Rule(
    code="LF204",
    name="soft-round",
    catalogue=("B04", "B05", "C13"),
    summary="round(x) becomes a sigmoid at each step",
    rewrites=(
        Rewrite(ops.round(x), ops.sigmoid(Sharpness() * (x - 0.5)), inside("x", 0.0, 1.0)),
        Rewrite(ops.round(x), lower + ops.sigmoid(Sharpness() * (x - lower - 0.5))),
    ),
    contract=Relaxed(),
    scope=Scope.LOSS,
    when=varied("x"),
    message="round has no gradient, so nothing that goes through it trains",
    why=(
        'TensorFlow gives None for the gradient of round: fit raises "No gradients provided '
        'for any variable", or trains silently on the other terms of the loss.'
    ),
    before="tf.round(y_pred)",
    after="lower + tf.sigmoid(10.0 * (y_pred - lower - 0.5))",
    fix_safety=(
        "Another loss near the half points. For a value known to lie in [0, 1] the fix is "
        "one sigmoid at 0.5; else one in each unit step. For a probability the plain value, "
        "without round, is often the better surrogate."
    ),
    when_not=(
        "When the rounding models quantisation that the forward pass must keep: use a "
        "straight-through estimator."
    ),
    source="SoftJAX, arXiv 2603.08824",
    domains={"x": Domain(0.0, 1.0, near=(0.5,))},
)
