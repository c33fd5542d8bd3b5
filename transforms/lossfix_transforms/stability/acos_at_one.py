"""acos(x) where x reaches 1: an infinite slope, and NaN just beyond."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, any_of, negated, reaches, varied
from lossfix.rules.contracts import Diagnosis
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Limit, Rule, Scope
from lossfix.rules.structure import is_cosine, shielded
from lossfix.rules.terms import Var, ops

x = Var("x")

RULE = Rule(
    code="LF153",
    name="acos-at-one",
    catalogue=("A53",),
    summary="acos(x) or asin(x) of an x that reaches 1 or -1",
    rewrites=(Rewrite(ops.acos(x)), Rewrite(ops.asin(x))),
    contract=Diagnosis(),
    scope=Scope.LOSS,
    when=all_of(
        varied("x"),
        any_of(reaches("x", 1.0), reaches("x", -1.0), is_cosine("x")),
        negated(shielded("x")),
    ),
    range_of="x",
    message="the gradient of this angle is infinite or NaN where the two directions agree",
    why=(
        "d acos(x)/dx is -1 / sqrt(1 - x * x): inf at 1. The cosine of two equal unit vectors "
        "rounds to 1 or to 1.0000001, where acos is NaN in float32. A clip to [-1, 1] leaves the "
        "inf, one to 1 - 1e-8 is none, and one to 1 - 1e-7 puts a floor of 4.9e-4 under the angle "
        "and takes its gradient away."
    ),
    breaks_at=(
        Limit("x = 1 or x = -1"),
        Limit("a clip to 1 - 1e-3, which is 1 there", "bfloat16"),
        Limit("a clip to 1 - 1e-4, which is 1 there", "float16"),
    ),
    before="tf.acos(tf.clip_by_value(tf.reduce_sum(u * v, -1), -1.0, 1.0))",
    after="",
    fix_safety=(
        "Nothing is changed. For unit vectors 2 * atan2(norm(u - v), norm(u + v)) is the same "
        "angle without the pole at agreement, with norms that are guarded at 0; a loss of 1 - cos "
        "needs no angle at all."
    ),
    when_not="When the two directions can never agree.",
    source=(
        "Kahan, How Futile are Mindless Assessments of Roundoff in Floating-Point Computation?, "
        "2006, section 12"
    ),
)
