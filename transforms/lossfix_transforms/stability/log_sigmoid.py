"""log(sigmoid(x)): the probability underflows to 0."""

from __future__ import annotations

from lossfix.rules.conditions import may_go_below
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule
from lossfix.rules.terms import Var, ops

x = Var("x")

RULE = Rule(
    code="LF106",
    name="log-sigmoid",
    catalogue=("A06", "A08", "A12", "A78"),
    summary="log(sigmoid(x)) becomes log_sigmoid(x)",
    rewrites=(Rewrite(ops.log(ops.sigmoid(x)), ops.log_sigmoid(x)),),
    contract=Exact(),
    when=may_go_below("x", -87.0),
    message="log of a sigmoid is -inf, and its gradient NaN, for logits below -88",
    why=(
        "sigmoid(x) is 0 in float32 for x <= -88; on the other side log(sigmoid(20)) has "
        "lost every digit."
    ),
    breaks_at=(
        Limit("x < -88"),
        Limit("x > 17 (all digits lost)"),
    ),
    before="tf.math.log(tf.sigmoid(x))",
    after="tf.math.log_sigmoid(x)",
    fix_safety="The same function over the reals.",
    when_not=(
        "When the argument is already a probability that was clipped: that loss has another "
        "value."
    ),
    source=(
        "PyTensor rewrite logsigm_to_softplus; TensorFlow documentation of " "tf.math.log_sigmoid"
    ),
    domains={"x": Domain(-400.0, 400.0, near=(0.0,))},
    priority=1,
)
