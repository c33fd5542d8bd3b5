"""clip(loss, low, high): no gradient where the loss is largest."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, may_exceed, negated, varied
from lossfix.rules.pattern import Match, Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import Var, ops
from lossfix.rules.usage import is_loss_value, is_number, is_parameter
from lossfix_transforms.smoothing._kernels import IDENTITY, passed_through

x, low, high = Var("x"), Var("low"), Var("high")
_clipped = ops.clip(x, low, high)
HARMLESS = 1e6
"""A bound above this is there for what has diverged already."""


def _bites(match: Match) -> bool:
    bound = match.values["high"].value
    return isinstance(bound, (int, float)) and bound < HARMLESS and may_exceed("x", bound)(match)


RULE = Rule(
    code="LF229",
    name="clipped-loss",
    catalogue=("B29",),
    summary="clip(loss, low, high) keeps its value and gets the gradient of the loss",
    rewrites=(Rewrite(_clipped, passed_through(_clipped, x)),),
    contract=IDENTITY,
    scope=Scope.LOSS,
    when=all_of(varied("x"), is_number("high"), is_loss_value, _bites, negated(is_parameter("x"))),
    message="a clipped loss has gradient 0 above its bound: the worst cases do not train",
    why=(
        "The gradient of clip is 0 outside its bounds, so the samples with the largest loss are "
        "the ones that nothing is learned from. Clip gradients by their norm instead, in the "
        "optimizer; or keep the value and let the gradient through, as this fix does."
    ),
    before="tf.clip_by_value(loss, 0.0, 10.0)",
    after="tf.custom_gradient("
    "lambda loss: (tf.clip_by_value(loss, 0.0, 10.0), lambda upstream: upstream))(loss)",
    fix_safety=(
        "The same value. The gradient is the unclipped loss's: samples above the bound train "
        "again, outliers among them."
    ),
    when_not="When outliers are meant to have no say: then the clip is a robust loss, on purpose.",
    source="TensorFlow Probability, clip_by_value_preserve_gradient",
    symptoms=("stuck",),
    domains={
        "x": Domain(-1.0, 20.0),
        "low": Domain(0.0, 0.0, shape=()),
        "high": Domain(10.0, 10.0, shape=()),
    },
)
