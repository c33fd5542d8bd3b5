"""An accuracy in a loss: it counts, and a count has no gradient."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, carries, varied
from lossfix.rules.contracts import Diagnosis
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Rule, Scope
from lossfix.rules.terms import AttrVar, Var, ops

y, p = Var("y"), Var("p")
k = AttrVar("k")

RULE = Rule(
    code="LF314",
    name="metric-as-loss",
    catalogue=("C14",),
    summary="binary_accuracy and its kin as a part of a loss",
    rewrites=(
        Rewrite(ops.binary_accuracy(y, p, threshold=AttrVar("threshold"))),
        Rewrite(ops.categorical_accuracy(y, p)),
        Rewrite(ops.sparse_categorical_accuracy(y, p)),
        Rewrite(ops.top_k_categorical_accuracy(y, p, k=k)),
        Rewrite(ops.sparse_top_k_categorical_accuracy(y, p, k=k)),
    ),
    contract=Diagnosis(),
    scope=Scope.LOSS,
    when=all_of(varied("p"), carries),
    message="an accuracy has no gradient: as a loss it trains nothing",
    why=(
        "It compares and counts, and the gradient of a comparison is None: the optimizer says that "
        "no gradients are provided for any variable, or, beside another term, that term trains "
        "alone and nothing warns."
    ),
    before="1 - tf.keras.metrics.binary_accuracy(y_true, y_pred)",
    after="",
    fix_safety=(
        "Nothing is changed. The expected accuracy of a classifier that draws from its own "
        "probabilities is the mean of p[y], which has a gradient; a cross entropy bounds it."
    ),
    when_not="As a metric, or as a number that is only printed.",
    source="Keras documentation, Losses and Metrics",
)
