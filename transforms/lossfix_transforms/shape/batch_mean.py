"""A Keras loss that averages over the batch itself."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, at_root, rank_is
from lossfix.rules.contracts import Meaning
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import Var, ops
from lossfix.rules.usage import compares

x = Var("x")

RULE = Rule(
    code="LF404",
    name="batch-mean",
    catalogue=("D04",),
    summary="a Keras loss reduces its last axis and leaves the batch to Keras",
    rewrites=(Rewrite(ops.mean(x), ops.mean(x, axis=-1)),),
    contract=Meaning(
        changes="sample_weight and class_weight take effect sample by sample",
        keeps="the loss and gradient of training without weights",
        by_row=True,
    ),
    scope=Scope.KERAS,
    when=all_of(at_root, rank_is("x", 0), compares),
    message=(
        "this Keras loss averages over the batch itself, so sample_weight has no effect "
        "sample by sample"
    ),
    why=(
        "Keras multiplies what the loss returns by sample_weight and then averages. A loss "
        "that is one number already gets the mean weight: a weighted loss of 0.0958 came "
        "out as 0.1425."
    ),
    before="tf.reduce_mean(tf.square(y_true - y_pred))",
    after="tf.reduce_mean(tf.square(y_true - y_pred), axis=-1)",
    fix_safety=(
        "Without weights the training is the same. With sample_weight or class_weight the "
        "loss changes, to what the weights ask for. Called by hand, the function now "
        "returns one value a sample."
    ),
    when_not=(
        "When the function is called by hand and must return one number, or when the loss "
        "is a ratio over the whole batch."
    ),
    source="Keras documentation, Losses: creating custom losses",
    symptoms=("weights",),
    domains={"x": Domain(-5.0, 5.0)},
)
