"""(1 - p) ** gamma * log(p) with p = sigmoid(x): focal loss, from the logits."""

from __future__ import annotations

from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule
from lossfix.rules.terms import Var, ops

x, g = Var("x"), Var("g")
p, hit, miss = ops.sigmoid(x), ops.log_sigmoid(x), ops.log_sigmoid(-x)

RULE = Rule(
    code="LF113",
    name="focal-from-logits",
    catalogue=("A13", "A14"),
    summary="(1 - sigmoid(x)) ** g * log(sigmoid(x)) becomes exp(g * log_sigmoid(-x)) * its log",
    rewrites=(
        Rewrite(ops.pow(1 - p, g) * ops.log(p), ops.exp(g * miss) * hit),
        Rewrite(ops.pow(p, g) * ops.log(1 - p), ops.exp(g * hit) * miss),
    ),
    contract=Exact(),
    message="this focal loss is inf, and its gradient NaN, for logits far on the wrong side",
    why=(
        "log(sigmoid(x)) is -inf from x = -88 on in float32 and log(1 - sigmoid(x)) from 17 on; "
        "beside that (1 - p) ** g has an infinite slope at p = 1 for g < 1, and a NaN gradient "
        "there for g = 0."
    ),
    breaks_at=(
        Limit("x < -88, and x > 17 in the other term"),
        Limit("x > 6 in the other term", "bfloat16"),
        Limit("x > 8 in the other term", "float16"),
    ),
    before="(1 - tf.sigmoid(x)) ** gamma * tf.math.log(tf.sigmoid(x))",
    after="tf.exp(gamma * tf.math.log_sigmoid(-x)) * tf.math.log_sigmoid(x)",
    fix_safety="The same function over the reals.",
    when_not="Never: there is no x for which the original is better.",
    source="Lin et al., Focal Loss for Dense Object Detection, 2017, arXiv 1708.02002, section 3",
    domains={"x": Domain(-100.0, 100.0, near=(0.0,)), "g": Domain(0.5, 5.0, shape=())},
    priority=4,
)
