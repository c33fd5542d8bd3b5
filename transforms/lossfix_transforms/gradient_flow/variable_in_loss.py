"""tf.Variable(x) in a loss: a new variable, cut off from x."""

from __future__ import annotations

from lossfix.rules.conditions import varied
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import Var, ops

x = Var("x")

RULE = Rule(
    code="LF306",
    name="variable-in-loss",
    catalogue=("C06",),
    summary="tf.Variable(x) becomes x",
    rewrites=(Rewrite(ops.variable(x), x),),
    contract=Exact(),
    scope=Scope.LOSS,
    when=varied("x"),
    message=(
        "a variable made inside the loss is a leaf: the gradient does not reach the " "predictions"
    ),
    why=(
        "tf.Variable copies the value; the gradient with respect to what it was copied from "
        "is None. Inside tf.function it also raises from the second call on."
    ),
    before="tf.Variable(y_pred)",
    after="y_pred",
    fix_safety="The same value, and a gradient where there was none.",
    when_not=(
        "When the variable is a state that the loss keeps on purpose, made once outside the "
        "call."
    ),
    source="TensorFlow guide, Introduction to gradients and automatic differentiation",
    domains={"x": Domain(-10.0, 10.0)},
)
