"""sqrt(exp(x)): a variance from its logarithm, by way of an overflow."""

from __future__ import annotations

from lossfix.rules.conditions import any_of, may_exceed, may_go_below
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule
from lossfix.rules.terms import Var, ops

x = Var("x")

RULE = Rule(
    code="LF159",
    name="sqrt-exp",
    catalogue=("A59",),
    summary="sqrt(exp(x)) becomes exp(x / 2)",
    rewrites=(Rewrite(ops.sqrt(ops.exp(x)), ops.exp(x / 2)),),
    contract=Exact(),
    when=any_of(may_exceed("x"), may_go_below("x", -87.3)),
    message="this overflows for x above 88.7 and has a NaN gradient there and below -87",
    why=(
        "exp(x) is inf above 88.72 in float32 and 0 below -87.3 on a CPU that flushes subnormal "
        "numbers; the root's slope there is 0 or inf, and the gradient NaN. exp(x / 2) has twice "
        "the room."
    ),
    breaks_at=(
        Limit("x > 88.7"),
        Limit("x < -87.3"),
        Limit("x > 11.1", "float16"),
    ),
    before="tf.sqrt(tf.exp(log_variance))",
    after="tf.exp(log_variance / 2)",
    fix_safety="The same function over the reals.",
    when_not="Never: there is no x for which the original is better.",
    source="Yan et al., GRIST, ESEC/FSE 2021, doi 10.1145/3468264.3468612",
    domains={"x": Domain(-400.0, 400.0, near=(0.0,))},
    priority=1,
)
