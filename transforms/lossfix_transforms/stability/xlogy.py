"""p * log(p) where p can be 0: 0 * -inf is NaN."""

from __future__ import annotations

from lossfix.rules.conditions import (
    all_of,
    any_of,
    negated,
    reaches,
    varied,
)
from lossfix.rules.contracts import Guarded
from lossfix.rules.nature import is_activation
from lossfix.rules.pattern import Match, Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.structure import shielded
from lossfix.rules.terms import Var, ops
from lossfix.rules.zeros import zero_is_real

p = Var("p")


def _in_tensorflow(match: Match) -> bool:
    """keras.ops has no xlogy."""
    return all(node.api != "keras.ops" for node in match.interior)


_safe = ops.where(p > 0, p * ops.log(ops.where(p > 0, p, 1.0)), 0.0)

RULE = Rule(
    code="LF136",
    name="xlogy",
    catalogue=("A36",),
    summary="p * log(p) of a p that reaches 0 becomes xlogy(p, p)",
    rewrites=(
        Rewrite(p * ops.log(p), ops.xlogy(p, p), _in_tensorflow),
        Rewrite(p * ops.log(p), _safe, negated(_in_tensorflow)),
    ),
    contract=Guarded(singular="p = 0", convention="value 0 and gradient 0"),
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
        "The same value and gradient wherever p is not 0. A label in place of the first p is "
        "another matter: where p is 0 and the label is not, no xlogy makes the loss finite."
    ),
    when_not="Where p is a softmax or a sigmoid: their logarithms have a better form.",
    source="TensorFlow documentation of tf.math.xlogy",
    domains={"p": Domain(0.0, 5.0, near=(0.0,))},
)
