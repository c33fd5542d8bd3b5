"""A Keras loss that reduces axis 0: the batch, and not the features."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, at_root, rank_is
from lossfix.rules.contracts import Meaning
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import Term, Var, ops

x = Var("x")
_ROOTS = (ops.mean, ops.sum)


def _along(axis: int) -> tuple[Term, ...]:
    """The reductions, and the root of each, along an axis."""
    return _with_roots(tuple(reduce(x, axis=axis) for reduce in _ROOTS))


def _with_roots(plain: tuple[Term, ...]) -> tuple[Term, ...]:
    return (*plain, *(ops.sqrt(each) for each in plain))


_count = ops.sum(ops.ones_like(x), axis=-1)
_meant = _with_roots((ops.sum(x, axis=-1) / _count, ops.mean(x, axis=-1) * _count))


RULE = Rule(
    code="LF406",
    name="batch-axis",
    catalogue=("D06",),
    summary="a Keras loss that reduces axis 0 reduces its last axis",
    rewrites=tuple(
        Rewrite(before, after, meant=meant)
        for before, after, meant in zip(_along(0), _along(-1), _meant, strict=True)
    ),
    contract=Meaning(
        changes="one value a sample instead of one a feature",
        keeps="the mean loss of training without weights, where no root is taken",
    ),
    scope=Scope.KERAS,
    when=all_of(at_root, rank_is("x", 0)),
    message="axis 0 is the batch: this loss mixes samples and gives one value a feature",
    why=(
        "Keras wants one value a sample. One a feature has the same mean, but sample_weight "
        "raises, or weighs features; and a root of a mean over the batch is another loss."
    ),
    before="tf.reduce_mean(tf.square(y_true - y_pred), axis=0)",
    after="tf.reduce_mean(tf.square(y_true - y_pred), axis=-1)",
    fix_safety=(
        "Without a root and without weights the training is the same. With a root the loss "
        "changes, to a mean of the samples' own."
    ),
    when_not="When a statistic of the batch is what is compared, such as its mean or its variance.",
    source="Keras documentation, Losses: creating custom losses",
    symptoms=("weights", "batch"),
    domains={"x": Domain(0.1, 5.0)},
)
