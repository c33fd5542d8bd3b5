"""softmax(axis=0), l2_normalize without an axis: samples that are scaled by other samples."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, rank_is
from lossfix.rules.contracts import Meaning
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import Var, ops
from lossfix.rules.usage import in_keras_loss, matters

x = Var("x")
_shares = ops.exp(x) / ops.sum(ops.exp(x), axis=-1, keepdims=True)
_logs = x - ops.logsumexp(x, axis=-1, keepdims=True)
_units = x / ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True))

RULE = Rule(
    code="LF409",
    name="normalised-over-batch",
    catalogue=("D09",),
    summary="softmax, log_softmax and l2_normalize work along the last axis, not across samples",
    rewrites=(
        Rewrite(ops.softmax(x, axis=0), ops.softmax(x, axis=-1), meant=_shares),
        Rewrite(ops.log_softmax(x, axis=0), ops.log_softmax(x, axis=-1), meant=_logs),
        Rewrite(ops.l2_normalize(x), ops.l2_normalize(x, axis=-1), meant=_units),
        Rewrite(ops.l2_normalize(x, axis=0), ops.l2_normalize(x, axis=-1), meant=_units),
    ),
    contract=Meaning(
        changes="each sample is normalised by itself",
        keeps="a batch of one sample without an axis given",
    ),
    scope=Scope.PART,
    when=all_of(matters, in_keras_loss, rank_is("x", 0)),
    message="this normalises across the batch: a sample's loss depends on its neighbours",
    why=(
        "Axis 0 is the batch in a Keras loss, and l2_normalize without an axis divides by the "
        "norm of the whole batch: predictions then change with the batch they stand in, and "
        "cosines shrink as the batch grows."
    ),
    before="tf.math.l2_normalize(y_pred)",
    after="tf.math.l2_normalize(y_pred, axis=-1)",
    fix_safety="The loss changes, as a bug fix does: compare both on your data before you train.",
    when_not="When samples compete on purpose, as candidates of one query do.",
    source="TensorFlow documentation, tf.math.l2_normalize",
    symptoms=("batch", "value"),
    domains={"x": Domain(0.1, 3.0)},
)
