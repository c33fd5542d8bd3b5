"""A Keras loss that sums over the batch itself."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, at_root, rank_is
from lossfix.rules.contracts import Meaning
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import Var, ops

x = Var("x")

RULE = Rule(
    code="LF405",
    name="batch-sum",
    catalogue=("D05",),
    summary="a Keras loss sums its last axis and leaves the batch to Keras",
    rewrites=(Rewrite(ops.sum(x), ops.sum(x, axis=-1)),),
    contract=Meaning(
        changes="the loss is divided by the batch size, and sample_weight takes effect",
        keeps="the minimisers, for batches of one size",
        by_row=True,
    ),
    scope=Scope.KERAS,
    when=all_of(at_root, rank_is("x", 0)),
    message="this Keras loss sums over the batch: it grows with the batch size, and so do steps",
    why=(
        "The same data gave a loss of 10.55 in batches of 8, 5.28 in batches of 4 and 3.71 in "
        "batches of 3: the learning rate then means something else for every batch size, and "
        "for the last batch of an epoch. sample_weight has no effect sample by sample."
    ),
    before="tf.reduce_sum(tf.square(y_true - y_pred))",
    after="tf.reduce_sum(tf.square(y_true - y_pred), axis=-1)",
    fix_safety=(
        "The loss and its gradient are divided by the batch size: the learning rate and the "
        "weights of other terms may want another value. Called by hand, the function returns "
        "one value a sample."
    ),
    when_not="When the sum over the batch is meant, as in a likelihood of all the data at once.",
    source="Keras documentation, Losses: creating custom losses",
    symptoms=("batch", "weights"),
    domains={"x": Domain(-5.0, 5.0)},
)
