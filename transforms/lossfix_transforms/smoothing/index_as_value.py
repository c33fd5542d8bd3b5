"""argmax(x) as a number: an index that enters the loss."""

from __future__ import annotations

from lossfix.rules.called import is_called, is_target
from lossfix.rules.conditions import all_of, any_of, carries, negated, varied
from lossfix.rules.contracts import Diagnosis
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import AttrVar, Var, ops

x = Var("x")
_given = {"axis": AttrVar("axis"), "output_type": AttrVar("output_type")}

RULE = Rule(
    code="LF215",
    name="index-as-value",
    catalogue=("B15",),
    summary="reports argmax and argmin of predictions that enter the loss as numbers",
    rewrites=(Rewrite(ops.argmax(x, **_given)), Rewrite(ops.argmin(x, **_given))),
    contract=Diagnosis(),
    scope=Scope.LOSS,
    when=all_of(varied("x"), carries, negated(any_of(is_target, is_called("x", "loss", "losses")))),
    message="the index of the largest prediction has no gradient: nothing behind it trains",
    why=(
        "TensorFlow gives None for the gradient of argmax. For classes use the probabilities "
        "themselves: a cross entropy. Where the index is a position or a grade, the expected "
        "index, sum(softmax(k * x) * range(n)), is its smooth stand-in."
    ),
    before="tf.argmax(y_pred, axis=-1)",
    after="",
    fix_safety="Nothing is changed: only the author knows whether the indices are in an order.",
    when_not=(
        "The expected index is wrong for class numbers and for scores with two peaks: of the "
        "scores [3, 0, 3] it is 1, which nobody chose."
    ),
    source="Levine, Finn, Darrell, Abbeel 2016, arXiv 1504.00702",
    domains={"x": Domain(-5.0, 5.0)},
)
