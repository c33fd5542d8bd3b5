"""a / b with a sum, a count or a norm for b, which can be 0."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, any_of, negated, nonnegative, reaches, settled
from lossfix.rules.contracts import Guarded
from lossfix.rules.nature import begins_at_zero, is_weight
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.structure import shielded, sums_up
from lossfix.rules.terms import Var, ops
from lossfix.rules.usage import is_total_of_mask
from lossfix.rules.zeros import is_bent, is_never_empty, is_partition, is_total, zero_is_real

a, b = Var("a"), Var("b")

RULE = Rule(
    code="LF160",
    name="divide-by-zero",
    catalogue=("A60", "A61", "A62", "A76"),
    summary="a / b with a total that can be 0 becomes divide_no_nan(a, b)",
    rewrites=(
        Rewrite(
            a / b,
            ops.where(b > 0, a / ops.where(b > 0, b, 1.0), 0.0),
            settled("a"),
            as_written=True,
        ),
        Rewrite(
            a / b,
            ops.divide_no_nan(a, b),
            negated(any_of(settled("a"), sums_up("b", "a"))),
            as_written=True,
        ),
    ),
    contract=Guarded(singular="b = 0", convention="value 0 and gradient 0"),
    scope=Scope.LOSS,
    when=any_of(
        begins_at_zero("b"),
        all_of(
            any_of(
                is_total_of_mask("b"),
                all_of(
                    nonnegative("b"),
                    reaches("b", 0.0),
                    any_of(is_total("b"), is_bent("b")),
                    zero_is_real("b"),
                ),
            ),
            negated(any_of(is_partition("b"), shielded("b"), is_weight("b"), is_never_empty("b"))),
        ),
    ),
    range_of="b",
    message=(
        "this divisor can be 0, as for an empty mask or a row of zeros: the loss is then NaN or "
        "infinite"
    ),
    why=(
        "An empty mask, a batch without the class, or a vector of zeros makes the total 0: 0 / 0 "
        "is NaN, and one NaN in a batch turns every weight to NaN."
    ),
    breaks_at=(
        Limit("b = 0"),
        Limit("b < 6e-8, which is 0 there", "float16"),
    ),
    before="tf.reduce_sum(loss * mask) / tf.reduce_sum(mask)",
    after="tf.math.divide_no_nan(tf.reduce_sum(loss * mask), tf.reduce_sum(mask))",
    fix_safety=(
        "The same value and gradient wherever b is not 0; where it is, the value is 0 and so is "
        "the gradient. A b that is tiny and not 0 still gives a huge gradient."
    ),
    when_not="When a total of 0 means that something is wrong: assert that it is not.",
    source="TensorFlow documentation of tf.math.divide_no_nan",
    domains={
        "a": Domain(-5.0, 5.0, near=(0.0,)),
        "b": Domain(0.0, 50.0, near=(0.0,)),
    },
)
