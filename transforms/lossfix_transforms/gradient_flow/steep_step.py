"""sigmoid(1000 * x), min(max(x - t, 0) * 1e4, 1): steps that were smoothed, and not enough."""

from __future__ import annotations

from lossfix.rules.conditions import varied
from lossfix.rules.contracts import Meaning
from lossfix.rules.nature import is_huge
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import Var, ops

x, t, k = Var("x"), Var("t"), Var("k")
_soft, _meant = ops.sigmoid(10.0 * x), 0.5 + 0.5 * ops.tanh(5.0 * x)
_steep = is_huge("k", 100.0)

RULE = Rule(
    code="LF319",
    name="steep-step",
    catalogue=("C19", "C20"),
    summary="sigmoid(1000 * x) becomes sigmoid(10 * x)",
    rewrites=(
        Rewrite(ops.sigmoid(k * x), _soft, _steep, meant=_meant),
        Rewrite(ops.minimum(ops.maximum(x, 0) * k, 1), _soft, _steep, meant=_meant),
        Rewrite(ops.clip(k * x, 0, 1), _soft, _steep, meant=_meant),
    ),
    contract=Meaning(
        changes="the step is wide enough for predictions to get a gradient",
        keeps="where the step stands, and its two levels",
    ),
    scope=Scope.LOSS,
    when=varied("x"),
    message="the gradient of this step is exactly 0 but in a narrow band around the threshold",
    why=(
        "sigmoid(1000 * x) has the gradient 0 in float32 for every x above 0.017, as its own value "
        "is 1 there; the clipped ramp has one on a stretch of 1e-4. Nearly every prediction stands "
        "outside, and is not moved."
    ),
    breaks_at=(
        Limit("x > 17 / k"),
        Limit("x > 6 / k", "bfloat16"),
        Limit("x > 8 / k", "float16"),
    ),
    before="tf.sigmoid(1000 * (y_pred - 0.5))",
    after="tf.sigmoid(10.0 * (y_pred - 0.5))",
    fix_safety="A softer step: another value near the threshold, and a gradient to either side.",
    when_not="When x is of the size of 1 / k.",
    source="Bengio, Leonard, Courville 2013, arXiv 1308.3432",
    symptoms=("stuck",),
    domains={"x": Domain(-1.0, 1.0, near=(0.0,)), "k": Domain(1000.0, 1000.0, shape=())},
    priority=1,
)
