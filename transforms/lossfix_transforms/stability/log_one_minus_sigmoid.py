"""log(1 - sigmoid(x)): cancellation, then log(0)."""

from __future__ import annotations

from lossfix.rules.conditions import may_exceed
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule
from lossfix.rules.terms import Var, ops

x = Var("x")

RULE = Rule(
    code="LF107",
    name="log-one-minus-sigmoid",
    catalogue=("A07", "A08", "A12", "A78"),
    summary="log(1 - sigmoid(x)) becomes log_sigmoid(-x)",
    rewrites=(
        Rewrite(ops.log(1 - ops.sigmoid(x)), ops.log_sigmoid(-x)),
        Rewrite(ops.log1p(-ops.sigmoid(x)), ops.log_sigmoid(-x)),
    ),
    contract=Exact(),
    when=may_exceed("x", 16.0),
    message="log(1 - sigmoid(x)) is -inf, and its gradient NaN, for logits from 17 on",
    why=(
        "1 - sigmoid(x) is exactly 0 in float32 from x = 17 on, in bfloat16 from 6 and in "
        "float16 from 8."
    ),
    breaks_at=(
        Limit("x > 17"),
        Limit("x > 6", "bfloat16"),
        Limit("x > 8", "float16"),
    ),
    before="tf.math.log(1 - tf.sigmoid(x))",
    after="tf.math.log_sigmoid(-x)",
    fix_safety="The same function over the reals.",
    when_not=(
        "When an epsilon stands inside the logarithm on purpose: that loss is bounded, this "
        "one is not."
    ),
    source="PyTensor rewrites log1msigm_to_softplus and log1p_neg_sigmoid",
    domains={"x": Domain(-400.0, 400.0, near=(0.0,))},
    priority=2,
)
