"""1 / (1 + exp(-x)): the gradient is inf * 0."""

from __future__ import annotations

from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule
from lossfix.rules.terms import Var, ops

x = Var("x")

RULE = Rule(
    code="LF123",
    name="sigmoid-by-hand",
    catalogue=("A23",),
    summary="1 / (1 + exp(-x)) becomes sigmoid(x)",
    rewrites=(Rewrite(1 / (1 + ops.exp(-x)), ops.sigmoid(x)),),
    contract=Exact(),
    message="this sigmoid has a NaN gradient for x below -88.7",
    why=(
        "exp(-x) is inf there: the value 1 / inf = 0 is right, and the gradient 0 * inf is " "NaN."
    ),
    breaks_at=(Limit("x < -88.7"),),
    before="1 / (1 + tf.exp(-x))",
    after="tf.sigmoid(x)",
    fix_safety="The same function over the reals.",
    when_not="Never.",
    source="PyTensor rewrite local_reciprocal_1_plus_exp",
    domains={"x": Domain(-400.0, 400.0, near=(0.0,))},
)
