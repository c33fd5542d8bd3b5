"""log(sigmoid(x) + eps) and its clipped kin: finite, and deaf to confident mistakes."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, negated
from lossfix.rules.contracts import Meaning
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule
from lossfix.rules.structure import just_above_one, near_one, small
from lossfix.rules.terms import Var, ops
from lossfix.rules.usage import is_taught, weighs_itself
from lossfix_transforms.stability._guards import (
    GUARD_DOMAINS,
    WITHOUT_GUARDS,
    clamped,
    clamped_and_raised,
)

x, eps, high, above = Var("x"), Var("eps"), Var("high"), Var("above")
p = ops.sigmoid(x)
q = 1 - p
_log_p, _log_q = ops.log_sigmoid(x), ops.log_sigmoid(-x)

RULE = Rule(
    code="LF109",
    name="log-guarded-sigmoid",
    catalogue=("A09", "C16"),
    summary="log(sigmoid(x) + eps) becomes log_sigmoid(x), and log(1 - sigmoid(x) + eps) its twin",
    rewrites=(
        Rewrite(ops.log(p + eps), _log_p, small("eps")),
        *(
            Rewrite(ops.log(inner), _log_p, when)
            for inner, when in (*clamped(p), *clamped_and_raised(p))
        ),
        Rewrite(ops.log(q + eps), _log_q, small("eps")),
        Rewrite(ops.log(above - p), _log_q, just_above_one("above")),
        *(
            Rewrite(ops.log(inner), _log_q, when)
            for inner, when in (*clamped(q), *clamped_and_raised(q))
        ),
        *(Rewrite(ops.log(1 - inner), _log_q, when) for inner, when in clamped(p)),
        *(
            Rewrite(ops.log(1 - inner + eps), _log_q, all_of(when, small("eps")))
            for inner, when in clamped(p)
        ),
        *(Rewrite(ops.log1p(-inner), _log_q, when) for inner, when in clamped(p)),
        Rewrite(ops.log(1 - ops.minimum(p, high)), _log_q, near_one("high")),
    ),
    contract=Meaning(
        changes="the loss no longer flattens out where the guard acts",
        keeps="value and gradient to within eps / p wherever the probability p is well above it",
        equal_on=(*WITHOUT_GUARDS, ("above", 1.0, 1.0)),
    ),
    when=all_of(is_taught, negated(weighs_itself)),
    message="the guard of this log of a sigmoid stops the gradient where the model is most wrong",
    why=(
        "In a binary cross entropy with eps = 1e-7 the gradient at x = -20 is 98 % too small in "
        "float32, and with a clip it is exactly 0: a confident mistake is not corrected. "
        "log_sigmoid needs no guard."
    ),
    breaks_at=(
        Limit("|x| > 16 with a guard of 1e-7"),
        Limit("x > 6: a guard of 1e-3 is rounded away beside 1", "bfloat16"),
        Limit("x > 8: a guard of 1e-4 is rounded away beside 1", "float16"),
    ),
    before="tf.math.log(tf.sigmoid(x) + 1e-7)",
    after="tf.math.log_sigmoid(x)",
    fix_safety=(
        "Another loss where the guard acted: it is not bounded any more, and its gradient there is "
        "that of a cross entropy on the logits. Elsewhere value and gradient move by about eps / p."
    ),
    when_not="When the bound on the loss is wanted, against wrong labels for instance.",
    source=(
        "Zhang et al., An empirical study on TensorFlow program bugs, ISSTA 2018, doi "
        "10.1145/3213846.3213866; TensorFlow documentation of tf.math.log_sigmoid"
    ),
    symptoms=("stuck", "value"),
    domains={
        "x": Domain(-60.0, 60.0, near=(0.0,)),
        **GUARD_DOMAINS,
        "above": Domain(1.0000001, 1.001, shape=()),
    },
    priority=3,
)
