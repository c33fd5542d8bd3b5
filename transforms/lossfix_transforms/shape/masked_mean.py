"""mean(x * mask): the entries that do not count are averaged as zeros."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, rank_is, varied
from lossfix.rules.contracts import Meaning
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import AttrVar, Var, ops
from lossfix.rules.usage import is_mask, no_other_mean

x, m = Var("x"), Var("mask")
axis = AttrVar("axis")
_count = ops.sum(ops.ones_like(x * m), axis=axis)

RULE = Rule(
    code="LF410",
    name="masked-mean",
    catalogue=("D10",),
    summary="mean(x * mask) becomes sum(x * mask) / max(sum(mask), 1)",
    rewrites=(
        Rewrite(
            ops.mean(x * m, axis=axis),
            ops.sum(x * m, axis=axis) / ops.maximum(ops.sum(m, axis=axis), 1),
            meant=ops.mean(x * m, axis=axis) * _count / ops.maximum(ops.sum(m, axis=axis), 1.0),
        ),
    ),
    contract=Meaning(
        changes="the mean is over the entries that count, and not over all",
        keeps="the loss where every entry counts",
        equal_on=(("mask", 1.0, 1.0),),
    ),
    scope=Scope.LOSS,
    when=all_of(varied("x"), is_mask("mask"), rank_is("x", 0), rank_is("mask", 0), no_other_mean),
    message="the mean divides by all entries, those that the mask leaves out as well",
    why=(
        "With half of the entries masked the loss is half of what it should be, 1.0 for 2.0, "
        "and its gradient with it: a batch with few valid entries hardly trains."
    ),
    before="tf.reduce_mean(mask * tf.square(y_true - y_pred))",
    after="tf.reduce_sum(mask * tf.square(y_true - y_pred)) / "
    "tf.maximum(tf.reduce_sum(mask), 1)",
    fix_safety=(
        "The loss grows, the more the fewer entries count: the learning rate and the weights of "
        "other terms may want another value."
    ),
    when_not="When the mask is a weight, or each part of a partition is averaged by itself.",
    source="Keras documentation, Understanding masking and padding",
    domains={
        "x": Domain(-5.0, 5.0),
        "mask": Domain(0.0, 1.0, near=(0.0, 1.0), integer=True),
    },
)
