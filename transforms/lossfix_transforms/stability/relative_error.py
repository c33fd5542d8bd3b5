"""|y - p| / (|y| + |p|) and |(y - p) / y|: relative errors, where there is nothing to relate to."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, has, may_be_zero, negated, varied
from lossfix.rules.contracts import Guarded
from lossfix.rules.nature import is_label
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.structure import shielded
from lossfix.rules.terms import Var, ops

a, y, p = Var("a"), Var("y"), Var("p")
_sizes = ops.abs(y) + ops.abs(p)
_relative = all_of(is_label("y"), may_be_zero("y"), negated(shielded("y")))

RULE = Rule(
    code="LF163",
    name="relative-error-at-zero",
    catalogue=("A63",),
    summary="a / (abs(y) + abs(p)) becomes divide_no_nan; abs((y - p) / y) is reported",
    rewrites=(
        Rewrite(a / _sizes, ops.divide_no_nan(a, _sizes), as_written=True),
        Rewrite(ops.abs((y - p) / y), None, _relative),
        Rewrite(ops.square((y - p) / y), None, _relative),
        Rewrite(ops.abs(y - p) / ops.abs(y), None, _relative),
    ),
    contract=Guarded(singular="y = 0 and p = 0", convention="value 0 and gradient 0"),
    scope=Scope.LOSS,
    when=all_of(has("p"), varied("p"), negated(shielded("p"))),
    message="this relative error is NaN or inf where the true value is 0",
    why=(
        "A target of exactly 0 makes the error infinite, and 0 / 0 = NaN for a perfect prediction "
        "of it; with the 1e-7 that Keras puts there one such target has a loss of 1e9 and drowns "
        "all others."
    ),
    breaks_at=(Limit("y = 0"), Limit("|y| < 6e-8, which is 0 there", "float16")),
    before="tf.abs(y_true - y_pred) / (tf.abs(y_true) + tf.abs(y_pred))",
    after="tf.math.divide_no_nan(tf.abs(y_true - y_pred), tf.abs(y_true) + tf.abs(y_pred))",
    fix_safety=(
        "The symmetric error is the same wherever its denominator is not 0, and 0 where it is. An "
        "error relative to the target alone is only reported: leave such targets out, put a floor "
        "under abs(y), or take an absolute error."
    ),
    when_not="When every target is known to be far from 0, as a price is.",
    source="Hyndman, Koehler 2006, doi 10.1016/j.ijforecast.2006.03.001",
    domains={
        "a": Domain(0.0, 5.0, near=(0.0,)),
        "y": Domain(-5.0, 5.0, near=(0.0,)),
        "p": Domain(-5.0, 5.0, near=(0.0,)),
    },
    priority=1,
)
