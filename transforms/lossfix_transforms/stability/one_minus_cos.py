"""1 - cos(x) and 1 - erf(x): the complement of a function that comes to 1."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, any_of, has, near, varied
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import Var, ops

x, z = Var("x"), Var("z")

RULE = Rule(
    code="LF154",
    name="complement-of-one",
    catalogue=("A54", "A55"),
    summary="1 - cos(x) becomes 2 * sin(x / 2) ** 2, and 1 - erf(x) erfc(x)",
    rewrites=(
        Rewrite(1 - ops.cos(x), 2 * ops.square(ops.sin(x / 2))),
        Rewrite(1 - ops.erf(z), ops.erfc(z)),
    ),
    contract=Exact(),
    scope=Scope.LOSS,
    when=any_of(all_of(has("x"), varied("x"), near("x", 0.0)), all_of(has("z"), varied("z"))),
    message="this complement is exactly 0 where it should be small",
    why=(
        "In float32 cos(x) is 1 for |x| < 2.4e-4 and erf(x) from 4 on: the complement is 0 for "
        "3e-8, and 0 for 1.5e-8. A logarithm or a quotient of it is then infinite."
    ),
    breaks_at=(
        Limit("|x| < 2.4e-4 for cos, x > 4 for erf"),
        Limit("|x| < 0.06 for cos, x > 2.1 for erf", "bfloat16"),
        Limit("|x| < 0.02 for cos, x > 2.6 for erf", "float16"),
    ),
    before="1 - tf.cos(angle)",
    after="2 * tf.square(tf.sin(angle / 2))",
    fix_safety="The same function over the reals.",
    when_not="For a cosine that is a dot product of unit vectors: that is no cos(x).",
    source="Herbie rule 1-sub-cos; PyTensor rewrite local_one_minus_erf",
    symptoms=("inexact",),
    domains={"x": Domain(-50.0, 50.0, near=(0.0,)), "z": Domain(-6.0, 6.0, near=(0.0,))},
)
