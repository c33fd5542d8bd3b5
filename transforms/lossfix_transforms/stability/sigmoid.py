"""1 / (1 + exp(-x)) and the other sigmoids by hand: the gradient is inf * 0."""

from __future__ import annotations

from lossfix.rules.conditions import EXP_OVERFLOWS_AT, may_exceed, may_go_below
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule
from lossfix.rules.terms import Var, ops

x = Var("x")
_falling, _rising = 1 / (1 + ops.exp(-x)), ops.exp(x) / (1 + ops.exp(x))

RULE = Rule(
    code="LF123",
    name="sigmoid-by-hand",
    catalogue=("A23", "A24", "A25"),
    summary="1 / (1 + exp(-x)) becomes sigmoid(x)",
    rewrites=(
        *(
            Rewrite(ops.where(condition, first, second), ops.sigmoid(x))
            for condition, first, second in (
                (x >= 0, _falling, _rising),
                (x > 0, _falling, _rising),
                (x < 0, _rising, _falling),
                (x <= 0, _rising, _falling),
            )
        ),
        Rewrite(_falling, ops.sigmoid(x), may_go_below("x", -EXP_OVERFLOWS_AT)),
        Rewrite(_rising, ops.sigmoid(x), may_exceed("x")),
    ),
    contract=Exact(),
    message="this sigmoid has a NaN gradient once |x| passes 88.7",
    why=(
        "exp(-x) is inf below -88.7 in float32: the value 1 / inf = 0 is right, and the gradient "
        "0 * inf is NaN; exp(x) / (1 + exp(x)) is inf / inf above 88.7. A where that chooses the "
        "good one of the two keeps the value and not the gradient, which goes through both."
    ),
    breaks_at=(Limit("|x| > 88.7"), Limit("|x| > 11.1", "float16")),
    before="1 / (1 + tf.exp(-x))",
    after="tf.sigmoid(x)",
    fix_safety="The same function over the reals.",
    when_not="Never.",
    source="PyTensor rewrites local_reciprocal_1_plus_exp and local_exp_over_1_plus_exp",
    domains={"x": Domain(-400.0, 400.0, near=(0.0,))},
)
