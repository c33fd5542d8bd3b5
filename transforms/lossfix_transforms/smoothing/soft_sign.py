"""sign(x): its gradient is 0 everywhere, and nothing says so."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, any_of, is_sampled, negated, varied, weighs_a_gradient
from lossfix.rules.contracts import Relaxed
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import Sharpness, Var, ops

x = Var("x")

RULE = Rule(
    code="LF207",
    name="soft-sign",
    catalogue=("B07", "C12"),
    summary="sign(x) becomes tanh(k * x)",
    rewrites=(Rewrite(ops.sign(x), ops.tanh(Sharpness() * x)),),
    contract=Relaxed(),
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
    domains={"x": Domain(-2.0, 2.0, near=(0.0,))},
)
