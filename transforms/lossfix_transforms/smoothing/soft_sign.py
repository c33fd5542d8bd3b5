"""sign(x): its gradient is 0 everywhere, and nothing says so."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, any_of, negated, varied
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Kernel, Rule, Scope
from lossfix.rules.steps import is_sampled, weighs_a_gradient
from lossfix.rules.terms import Sharpness, Var, ops
from lossfix_transforms.smoothing._kernels import (
    KEEPS_THE_VALUE,
    ROOT,
    STRAIGHT,
    SURROGATE,
    TANH,
    straight_through,
)

x = Var("x")
_scaled = Sharpness() * x
_hard = ops.sign(x)
_ratio = _scaled / ops.sqrt(1 + ops.square(_scaled))

RULE = Rule(
    code="LF207",
    name="soft-sign",
    catalogue=("B06", "B07", "C12"),
    summary="sign(x) becomes tanh(k * x)",
    rewrites=(Rewrite(_hard, ops.tanh(_scaled)),),
    contract=TANH,
    scope=Scope.LOSS,
    when=all_of(varied("x"), negated(any_of(weighs_a_gradient, is_sampled("x")))),
    message=(
        "the gradient of sign is 0: training runs without an error and the weights never " "move"
    ),
    why=(
        "sign is registered with a gradient of 0, so that no error is raised where round "
        "would raise one."
    ),
    before="tf.sign(x)",
    after="tf.tanh(10.0 * x)",
    fix_safety="Another loss near 0. k is yours to choose (--sharpness).",
    when_not=(
        "When the sign only weighs a factor that has a gradient of its own, as in "
        "sign(x) * x ** 2: that product trains, and is left alone. "
        "When the sign is of a value that no gradient should reach: wrap it in "
        "stop_gradient to say so."
    ),
    source="SoftJAX, arXiv 2603.08824",
    symptoms=("stuck",),
    domains={"x": Domain(-2.0, 2.0, near=(0.0,))},
    scale_of="x",
    kernel="tanh",
    kernels=(
        Kernel(
            name="root",
            contract=ROOT,
            rewrites=(Rewrite(_hard, _ratio),),
            words="k x / sqrt(1 + (k x)^2): its gradient falls off slowly and is never 0",
        ),
        Kernel(
            name=STRAIGHT,
            contract=SURROGATE,
            rewrites=(Rewrite(_hard, straight_through(_hard, ops.tanh(_scaled))),),
            words=KEEPS_THE_VALUE,
        ),
    ),
)
