"""a / (1 - sigmoid(x)): the complement is rounded to 0 long before it is 0."""

from __future__ import annotations

from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import Var, ops

x = Var("x")
p = ops.sigmoid(x)

RULE = Rule(
    code="LF122",
    name="one-minus-sigmoid",
    catalogue=("A22",),
    summary="1 / (1 - sigmoid(x)) becomes 1 + exp(x), and the odds p / (1 - p) exp(x)",
    rewrites=(
        Rewrite(p / (1 - p), ops.exp(x)),
        Rewrite((1 - p) / p, ops.exp(-x)),
        Rewrite(1 / (1 - p), 1 + ops.exp(x)),
    ),
    contract=Exact(),
    scope=Scope.LOSS,
    message="1 - sigmoid(x) is 0 for logits from 17 on, and this has a pole there",
    why=(
        "In float32 1 - sigmoid(10) is off by 4.6e-4, 1 - sigmoid(16) by 6 %, and from x = 17 on "
        "it is exactly 0: the quotient is inf and its gradient NaN. Where the complement is only "
        "added or multiplied its error of 6e-8 does no harm, and it is left alone."
    ),
    breaks_at=(
        Limit("x > 17"),
        Limit("x > 6", "bfloat16"),
        Limit("x > 8", "float16"),
    ),
    before="tf.sigmoid(x) / (1 - tf.sigmoid(x))",
    after="tf.exp(x)",
    fix_safety="The same function over the reals.",
    when_not="Never: there is no x for which the original is better.",
    source="PyTensor rewrite local_1msigmoid",
    symptoms=("nan", "inexact"),
    domains={"x": Domain(-60.0, 60.0, near=(0.0,))},
    priority=2,
)
