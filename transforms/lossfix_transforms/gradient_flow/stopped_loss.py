"""A loss all of whose ways to the predictions are stopped."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, varied
from lossfix.rules.contracts import Diagnosis
from lossfix.rules.pattern import Match, Rewrite
from lossfix.rules.rule import Rule, Scope
from lossfix.rules.terms import Var, ops

x = Var("x")


def _nothing_is_left(match: Match) -> bool:
    """No result of the loss depends on the predictions by way of a gradient."""
    return not any(match.facts.varied(result) for result in match.unit.results)


RULE = Rule(
    code="LF309",
    name="stopped-loss",
    catalogue=("C09", "C15"),
    summary="stop_gradient on every way from the loss to the predictions",
    rewrites=(Rewrite(ops.stop_gradient(x)),),
    contract=Diagnosis(),
    scope=Scope.KERAS,
    when=all_of(varied("x"), _nothing_is_left),
    message="the loss depends on the predictions by stop_gradient alone: its gradient is None",
    why=(
        "Behind stop_gradient nothing is trained. On one of several ways it is a target or a "
        "weight, and meant; on all of them the optimizer says that no gradients are provided, or, "
        "with a regularizer beside it, trains that alone and says nothing."
    ),
    before="tf.reduce_mean(tf.square(y_true - tf.stop_gradient(y_pred)))",
    after="",
    fix_safety="Nothing is changed: which way should be open only the author knows.",
    when_not="For a value that is only watched.",
    source="TensorFlow guide, Introduction to gradients and automatic differentiation",
)
