"""mean(exp(x)) as a whole loss: it overflows, and its logarithm does not."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, at_root, may_exceed
from lossfix.rules.contracts import Monotone
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import Var, ops

x = Var("x")

RULE = Rule(
    code="LF179",
    name="mean-exp-to-log-sum-exp",
    catalogue=("T02",),
    summary="a loss mean(exp(x)) becomes logsumexp(x), an increasing function of it",
    rewrites=(Rewrite(ops.mean(ops.exp(x)), ops.logsumexp(x)),),
    contract=Monotone(),
    scope=Scope.LOSS,
    when=all_of(at_root, may_exceed("x")),
    message="this loss overflows to inf as soon as one x passes 88.7",
    why=(
        "In float32 exp(x) is inf above 88.72, and one such sample makes the loss inf and "
        "its gradient inf or NaN; above 80 the steps are of size 1e34 already."
    ),
    breaks_at=(Limit("max(x) > 88.7"),),
    before="tf.reduce_mean(tf.exp(tf.abs(y_true - y_pred)))",
    after="tf.reduce_logsumexp(tf.abs(y_true - y_pred))",
    fix_safety=(
        "Not the same loss: log(n * mean(exp(x))). It has the same minimisers and its "
        "gradient points the same way, on another scale, so the learning rate may want a "
        "new value."
    ),
    when_not=(
        "When the loss is added to another one, weighted per sample, or averaged over "
        "batches whose own values matter: only at the root of the loss is an increasing "
        "function harmless."
    ),
    source="Blanchard, Higham, Higham 2021, doi 10.1093/imanum/draa038",
    domains={"x": Domain(-80.0, 80.0, near=(0.0,))},
)
