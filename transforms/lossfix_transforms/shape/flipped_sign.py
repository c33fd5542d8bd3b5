"""-(y * log p) + (1 - y) * log(1 - p): one half of a cross entropy has the wrong sign."""

from __future__ import annotations

from lossfix.rules.contracts import Meaning
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import Term, Var, ops

y, p, e, x = Var("y"), Var("p"), Var("e"), Var("x")


def _halves(hit: Term, miss: Term) -> Rewrite:
    """Both halves, the logarithm of a hit and that of a miss, of opposite signs."""
    first, second = y * hit, (1 - y) * miss
    return Rewrite(second - first, -first - second, meant=(y - 1) * miss - y * hit)


RULE = Rule(
    code="LF424",
    name="flipped-sign",
    catalogue=("D24",),
    summary="-(y * log p) + (1 - y) * log(1 - p) gets one sign for both halves",
    rewrites=(
        _halves(ops.log(p), ops.log(1 - p)),
        _halves(ops.log(p + e), ops.log(1 - p + e)),
        _halves(ops.log_sigmoid(x), ops.log_sigmoid(-x)),
    ),
    contract=Meaning(
        changes="the half for y = 0 is punished instead of rewarded",
        keeps="the loss where y = 1",
        equal_on=(("y", 1.0, 1.0),),
    ),
    scope=Scope.LOSS,
    message="the two halves of this cross entropy have opposite signs: for y = 0 it is unbounded",
    why=(
        "For y = 0 the loss is log(1 - p), which falls without end as p comes to 1: the wrong "
        "answer is what is learned. A bracket that closes too early is the usual cause."
    ),
    before="-(y_true * tf.math.log(p)) + (1 - y_true) * tf.math.log(1 - p)",
    after="-(y_true * tf.math.log(p)) - (1 - y_true) * tf.math.log(1 - p)",
    fix_safety="The loss changes, as a bug fix does.",
    when_not="When y is no label but a signed weight.",
    source="Bishop 2006, Pattern Recognition and Machine Learning, equation 4.90",
    symptoms=("value", "nan"),
    domains={
        "y": Domain(0.0, 1.0),
        "p": Domain(0.05, 0.95),
        "e": Domain(1e-7, 1e-7, shape=()),
        "x": Domain(-5.0, 5.0),
    },
    priority=4,
)
