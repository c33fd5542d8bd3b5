"""atan2(y, x) at (0, 0): an angle of nothing."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, negated, reaches, varied
from lossfix.rules.contracts import Guarded
from lossfix.rules.pattern import Match, Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import Bind, Var, ops

x, y = Var("x"), Var("y")
_some = Bind("nonzero", ops.logical_or(ops.abs(x) > 0, ops.abs(y) > 0))


def _wraps_an_angle(match: Match) -> bool:
    """`atan2(sin(a), cos(a))`: the two are never 0 at once."""
    first, second = match.values["y"], match.values["x"]
    return (first.op, second.op) == ("sin", "cos") and (
        first.args[0].number == second.args[0].number
    )


RULE = Rule(
    code="LF175",
    name="atan2-at-zero",
    catalogue=("A75",),
    summary="atan2(y, x) gets a gradient of 0 at (0, 0), by a where for each argument",
    rewrites=(
        Rewrite(ops.atan2(y, x), ops.atan2(ops.where(_some, y, 0.0), ops.where(_some, x, 1.0))),
    ),
    contract=Guarded(singular="x = y = 0", convention="value 0 and gradient 0"),
    scope=Scope.LOSS,
    when=all_of(varied("y"), reaches("y", 0.0), reaches("x", 0.0), negated(_wraps_an_angle)),
    range_of="y",
    message="the gradient of this angle is NaN where both arguments are 0, as they can be",
    why=(
        "The slopes are x / (x ** 2 + y ** 2) and -y / (x ** 2 + y ** 2): 0 / 0 = NaN at the "
        "origin, in TensorFlow and in JAX. Two vectors that are equal, or one that is 0, are there."
    ),
    breaks_at=(Limit("x = y = 0, or both below 1e-19"), Limit("both below 2.4e-4", "float16")),
    before="tf.atan2(tf.norm(cross, axis=-1), dot)",
    after="tf.atan2(tf.where(nonzero, y, 0.0), tf.where(nonzero, x, 1.0))",
    fix_safety="The same value and gradient off the origin; 0 and 0 at it.",
    when_not="Never.",
    source="JAX FAQ, gradients contain NaN where using where",
    domains={"x": Domain(-5.0, 5.0, near=(0.0,)), "y": Domain(-5.0, 5.0, near=(0.0,))},
)
