"""x / norm(x): 0 / 0 where all of x is 0."""

from __future__ import annotations

from collections.abc import Iterator

from lossfix.rules.conditions import all_of, any_of, has_gradient, negated
from lossfix.rules.contracts import Guarded
from lossfix.rules.nature import is_weight
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.structure import shielded
from lossfix.rules.terms import AttrVar, Bind, Var, ops

x = Var("x")
axis, all_axes = AttrVar("axis"), None


def _rewrites() -> Iterator[Rewrite]:
    for over, kept in ((axis, True), (all_axes, False)):
        squared = ops.sum(ops.square(x), axis=over, keepdims=kept)
        named = Bind("squared", squared)
        safe = ops.where(named > 0, x / ops.sqrt(ops.where(named > 0, named, 1.0)), 0.0)
        yield Rewrite(x / ops.norm(x, axis=over, keepdims=kept), safe, as_written=True)
        yield Rewrite(x / ops.euclidean_norm(x, axis=over, keepdims=kept), safe, as_written=True)
        yield Rewrite(x / ops.sqrt(squared), safe, as_written=True)


RULE = Rule(
    code="LF146",
    name="unit-vector",
    catalogue=("A46",),
    summary="x / norm(x) becomes 0 with a gradient of 0 where x is 0, by a double where",
    rewrites=tuple(_rewrites()),
    contract=Guarded(singular="x = 0 along the axis", convention="value 0 and gradient 0"),
    scope=Scope.LOSS,
    when=all_of(has_gradient("x"), negated(any_of(shielded("x"), is_weight("x")))),
    message="this unit vector is 0 / 0 = NaN where all of x is 0",
    why=(
        "A dead unit, a padded row or an embedding at its start is all 0: value and gradient are "
        "NaN, and one such row turns every weight to NaN. An epsilon in the denominator gives a "
        "gradient of 1 / epsilon there, and tf.math.l2_normalize one of 1e6."
    ),
    breaks_at=(Limit("x = 0, or |x| < 1e-19"), Limit("|x| < 2.4e-4", "float16")),
    before="x / tf.norm(x, axis=-1, keepdims=True)",
    after="tf.where(squared > 0, x / tf.sqrt(tf.where(squared > 0, squared, 1.0)), 0.0)",
    fix_safety="The same value and gradient wherever x is not 0; both are 0 where it is.",
    when_not="When an epsilon is wanted: a tiny x that is not 0 still has a huge gradient.",
    source="JAX FAQ, gradients contain NaN where using where",
    domains={"x": Domain(-1e6, 1e6, near=(0.0,))},
    priority=2,
)
