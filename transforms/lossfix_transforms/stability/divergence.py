"""p * log(p / q): the divergence of two distributions, NaN where p is 0."""

from __future__ import annotations

from lossfix.rules.called import is_scale
from lossfix.rules.conditions import all_of, any_of, has, may_be_zero, negated, settled, varied
from lossfix.rules.contracts import Guarded
from lossfix.rules.nature import is_activation
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import Var, ops

p, q, r = Var("p"), Var("q"), Var("r")
_split = ops.xlogy(p, p) - ops.xlogy(p, q)

RULE = Rule(
    code="LF138",
    name="divergence-at-zero",
    catalogue=("A38",),
    summary="p * log(p / q) becomes xlogy(p, p) - xlogy(p, q)",
    rewrites=(
        Rewrite(p * ops.log(p / q), _split),
        Rewrite(p * (ops.log(p) - ops.log(q)), _split),
        Rewrite(p * (ops.log(p) - r), ops.xlogy(p, p) - p * r),
    ),
    contract=Guarded(singular="p = 0", convention="value 0 and gradient 0"),
    scope=Scope.LOSS,
    when=all_of(
        may_be_zero("p"),
        negated(any_of(settled("p"), is_activation("p"), is_scale("p"))),
        any_of(
            all_of(has("q"), any_of(varied("p"), varied("q")), negated(is_activation("q"))),
            all_of(has("r"), any_of(varied("p"), varied("r"))),
        ),
    ),
    message="this divergence is 0 * -inf = NaN wherever a probability is exactly 0",
    why=(
        "A one-hot label has such zeros in every row: log(0 / q) is -inf and 0 times it NaN, for "
        "the value and for the gradient. xlogy(p, p / q) is not enough: where q is 0 as well, the "
        "gradient of the quotient is NaN."
    ),
    breaks_at=(Limit("p = 0"), Limit("p < 6e-8, which is 0 there", "float16")),
    before="tf.reduce_sum(y_true * tf.math.log(y_true / y_pred), -1)",
    after="tf.reduce_sum(tf.math.xlogy(y_true, y_true) - tf.math.xlogy(y_true, y_pred), -1)",
    fix_safety=(
        "The same value and gradient wherever p is above 0. Where q is 0 and p is not, the "
        "divergence is infinite as before."
    ),
    when_not="When p comes from logits: p * (log_softmax(a) - log_softmax(b)) is better.",
    source="TensorFlow documentation of tf.math.xlogy; Kullback, Leibler 1951",
    domains={
        "p": Domain(0.0, 1.0, near=(0.0,)),
        "q": Domain(0.0, 1.0, near=(0.0, 0.5)),
        "r": Domain(-50.0, 0.0),
    },
    priority=2,
)
