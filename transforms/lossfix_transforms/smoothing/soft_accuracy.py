"""Accuracy as a loss: a count of hits, with no gradient anywhere."""

from __future__ import annotations

from lossfix.rules.conditions import any_of, has, varied
from lossfix.rules.contracts import Relaxed
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import AttrVar, Term, Var, ops

x, y, t = Var("x"), Var("y"), Var("t")
dtype = AttrVar("dtype")
_reduced = {"axis": AttrVar("axis"), "keepdims": AttrVar("keepdims")}
_given = {"axis": AttrVar("which"), "output_type": AttrVar("output_type")}


def _hits(hit: Term, soft: Term | None) -> tuple[Rewrite, ...]:
    """The hits as numbers, and their mean, as Keras takes it of truth values."""
    mean = None if soft is None else ops.mean(soft, **_reduced)
    return (
        Rewrite(ops.cast(hit, dtype=dtype), soft),
        Rewrite(ops.mean(hit, **_reduced), mean),
    )


RULE = Rule(
    code="LF217",
    name="soft-accuracy",
    catalogue=("B17", "C14"),
    summary="equal(y, round(p)) becomes 1 - abs(y - p), the chance of a hit",
    rewrites=(
        *_hits(ops.equal(y, ops.round(x)), 1 - ops.abs(y - x)),
        *_hits(ops.equal(y, ops.cast(ops.greater(x, t), dtype=AttrVar("hard"))), None),
        *_hits(ops.equal(y, ops.argmax(x, **_given)), None),
        *_hits(ops.equal(y, ops.cast(ops.argmax(x, **_given), dtype=AttrVar("hard"))), None),
    ),
    contract=Relaxed(sharpness=None, error="equal where every prediction is 0 or 1"),
    scope=Scope.LOSS,
    when=any_of(varied("x"), has("x")),
    message="accuracy has no gradient: it is a metric, and no loss",
    why=(
        "Whether a rounded prediction equals its label is a step of it, whose gradient is None. "
        "For labels of 0 and 1, 1 - abs(y - p) is the chance that a class drawn with chance p "
        "is right. For classes use a cross entropy, or the mean of the probability of the label."
    ),
    before="tf.cast(tf.equal(y_true, tf.round(y_pred)), tf.float32)",
    after="1 - tf.abs(y_true - y_pred)",
    fix_safety=(
        "Another loss wherever a prediction is not exactly 0 or 1. Accuracy of classes by argmax "
        "is only reported."
    ),
    when_not="In a metric, which needs no gradient.",
    source="Keras documentation, Losses and Metrics; Bishop 2006, section 1.5",
    domains={
        "x": Domain(0.0, 1.0),
        "y": Domain(0.0, 1.0, near=(0.0, 1.0), integer=True),
        "t": Domain(0.5, 0.5, shape=()),
    },
    priority=3,
)
