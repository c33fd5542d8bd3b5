"""y * log(p) where both can be 0: 0 * -inf is NaN."""

from __future__ import annotations

from lossfix.rules.conditions import (
    all_of,
    any_of,
    may_be_zero,
    may_exceed,
    negated,
    reaches,
    settled,
    varied,
)
from lossfix.rules.contracts import Guarded
from lossfix.rules.nature import is_activation
from lossfix.rules.pattern import Match, Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.structure import shielded, zero_is_real
from lossfix.rules.terms import Var, ops

p, y = Var("p"), Var("y")


def _in_tensorflow(match: Match) -> bool:
    """keras.ops has no xlogy."""
    return all(node.api != "keras.ops" for node in match.interior)


_is_label = all_of(  # of a probability another rule knows more: this is for counts and rates
    negated(varied("y")), negated(settled("y")), may_be_zero("y"), may_exceed("p", 1.0)
)
_safe = ops.where(p > 0, p * ops.log(ops.where(p > 0, p, 1.0)), 0.0)

RULE = Rule(
    code="LF136",
    name="xlogy",
    catalogue=("A36", "A37"),
    summary="p * log(p) becomes xlogy(p, p), and y * log(p) of a label y xlogy(y, p)",
    rewrites=(
        Rewrite(p * ops.log(p), ops.xlogy(p, p), _in_tensorflow),
        Rewrite(p * ops.log(p), _safe, negated(_in_tensorflow)),
        Rewrite(y * ops.log(p), ops.xlogy(y, p), all_of(_in_tensorflow, _is_label)),
    ),
    contract=Guarded(singular="p = 0 with y = 0", convention="value 0 and gradient 0"),
    scope=Scope.LOSS,
    when=all_of(
        varied("p"),
        reaches("p", 0.0),
        zero_is_real("p"),
        negated(any_of(shielded("p"), is_activation("p"))),
    ),
    range_of="p",
    message="this is 0 * -inf = NaN where the argument of the logarithm is 0, as it can be",
    why=(
        "log(0) is -inf, its slope inf, and 0 times either is NaN: one empty class or one exact "
        "zero turns every weight to NaN. xlogy is 0 there, with a gradient of 0."
    ),
    breaks_at=(Limit("p = 0"), Limit("p < 6e-8, which is 0 there", "float16")),
    before="p * tf.math.log(p)",
    after="tf.math.xlogy(p, p)",
    fix_safety=(
        "The same value and gradient wherever p is not 0. Where p is 0 and y is not, the loss is "
        "infinite as before, as a cross entropy must be."
    ),
    when_not="Where p is a softmax or a sigmoid: their logarithms have a better form.",
    source="TensorFlow documentation of tf.math.xlogy",
    domains={"p": Domain(0.0, 5.0, near=(0.0,)), "y": Domain(0.0, 1.0, near=(0.0, 1.0))},
)
