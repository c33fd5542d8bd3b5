"""p * log(p + eps): an entropy that goes by a guard, where the logits are at hand."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, negated
from lossfix.rules.contracts import Meaning
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule
from lossfix.rules.structure import just_above_one, negligible, small
from lossfix.rules.terms import AttrVar, Var, ops
from lossfix.rules.usage import is_taught
from lossfix_transforms.stability._guards import GUARD_DOMAINS, WITHOUT_GUARDS, clamped

x, eps, above = Var("x"), Var("eps"), Var("above")
axis = AttrVar("axis")
p = ops.sigmoid(x)
q = 1 - p
shares = ops.softmax(x, axis=axis)
_log_shares = ops.log_softmax(x, axis=axis)
_sizeable = all_of(small("eps"), negated(negligible("eps")))

RULE = Rule(
    code="LF181",
    name="guarded-entropy",
    catalogue=("A39",),
    summary="p * log(p + eps) with p = sigmoid(x) becomes p * log_sigmoid(x), a softmax likewise",
    rewrites=(
        Rewrite(p * ops.log(p + eps), p * ops.log_sigmoid(x), _sizeable),
        Rewrite(q * ops.log(q + eps), q * ops.log_sigmoid(-x), small("eps")),
        Rewrite(q * ops.log(above - p), q * ops.log_sigmoid(-x), just_above_one("above")),
        Rewrite(shares * ops.log(shares + eps), shares * _log_shares, _sizeable),
        *(
            Rewrite(whole * ops.log(inner), whole * log_whole, all_of(when, sizeable))
            for whole, log_whole, sizeable in (
                (p, ops.log_sigmoid(x), negated(negligible("low"))),
                (q, ops.log_sigmoid(-x), small("low")),
                (shares, _log_shares, negated(negligible("low"))),
            )
            for inner, when in clamped(whole)
        ),
    ),
    contract=Meaning(
        changes="nothing is added for the guard any more",
        keeps="value and gradient to within the guard",
        equal_on=(*WITHOUT_GUARDS, ("above", 1.0, 1.0)),
    ),
    when=is_taught,
    message="this entropy is off by its guard, which a log of the sigmoid or softmax does not need",
    why=(
        "The guard keeps log(0) away and shifts each term by up to its own size: with 1e-7 and a "
        "thousand entries that is 1e-4, in float16 it is rounded to 0 and the term is NaN. From a "
        "logit of 17 on, 1 - sigmoid(x) is 0 in float32 and the tail is lost. log_sigmoid and "
        "log_softmax take the logits themselves."
    ),
    breaks_at=(
        Limit("x > 17 in 1 - sigmoid(x)"),
        Limit("an epsilon below 3e-8 is 0: 0 * -inf = NaN", "float16"),
    ),
    before="p * tf.math.log(p + 1e-7)",
    after="p * tf.math.log_sigmoid(x)",
    fix_safety="Value and gradient move by about the guard, towards those of the entropy itself.",
    when_not="When single logits are -inf, as masked ones are: 0 * -inf is NaN.",
    source="Blanchard, Higham, Higham 2021, doi 10.1093/imanum/draa038",
    symptoms=("inexact", "half"),
    domains={
        "x": Domain(-60.0, 60.0, near=(0.0,)),
        **GUARD_DOMAINS,
        "above": Domain(1.0000001, 1.001, shape=()),
    },
    priority=4,
)
