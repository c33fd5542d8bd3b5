"""log(1 + exp(x)): exp overflows for a result that is about x."""

from __future__ import annotations

from lossfix.rules.conditions import may_exceed
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule
from lossfix.rules.terms import Var, ops

x = Var("x")

RULE = Rule(
    code="LF115",
    name="softplus",
    catalogue=("A15", "A68"),
    summary="log(1 + exp(x)) becomes softplus(x)",
    rewrites=(
        Rewrite(ops.log(1 + ops.exp(x)), ops.softplus(x), may_exceed("x")),
        Rewrite(ops.log1p(ops.exp(x)), ops.softplus(x), may_exceed("x")),
    ),
    contract=Exact(),
    message="exp(x) overflows here once x passes 88.7, though log(1 + exp(x)) is about x",
    why=(
        "From x = 89 on the value is inf and the gradient NaN; below -17 log(1 + exp(x)) is "
        "0 and all digits are lost."
    ),
    breaks_at=(
        Limit("x > 88.7"),
        Limit("x < -17 (all digits lost)"),
        Limit("x > 12", "float16"),
    ),
    before="tf.math.log(1 + tf.exp(x))",
    after="tf.nn.softplus(x)",
    fix_safety="The same function over the reals.",
    when_not="Never: there is no x for which the original is better.",
    source=(
        "PyTensor rewrite local_log1p_plusminus_exp; Maechler 2012, Accurately Computing "
        "log(1 - exp(-|a|))"
    ),
    domains={"x": Domain(-400.0, 400.0, near=(0.0,))},
    priority=2,
)
