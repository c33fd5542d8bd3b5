"""round(clip(x, 0, 1)): counts of a metric, made into a loss."""

from __future__ import annotations

from lossfix.rules.conditions import varied
from lossfix.rules.contracts import Relaxed
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import Var, ops

x = Var("x")

RULE = Rule(
    code="LF218",
    name="soft-counts",
    catalogue=("B18",),
    summary="round(clip(x, 0, 1)) becomes clip(x, 0, 1): soft counts",
    rewrites=(Rewrite(ops.round(ops.clip(x, 0, 1)), ops.clip(x, 0, 1)),),
    contract=Relaxed(sharpness=None),
    scope=Scope.LOSS,
    when=varied("x"),
    message="counts of rounded predictions have no gradient; this is a metric, not a loss",
    why=(
        "True and false positives by way of round have gradient None. Soft counts, the "
        "probabilities themselves, are equal to them where every prediction is 0 or 1."
    ),
    before="K.round(K.clip(y_true * y_pred, 0, 1))",
    after="K.clip(y_true * y_pred, 0, 1)",
    fix_safety=(
        "Another loss wherever a prediction is not exactly 0 or 1. It is the usual soft F1 "
        "or soft IoU."
    ),
    when_not="In a metric, which needs no gradient.",
    source=(
        "Lipton, Elkan, Narayanaswamy 2014, arXiv 1402.1892; stats.stackexchange question " "554907"
    ),
    domains={"x": Domain(0.0, 1.0)},
    priority=1,
)
