"""float(x), x.item(), int(x): a number of Python, which carries no gradient."""

from __future__ import annotations

from lossfix.rules.called import is_surely_predicted
from lossfix.rules.conditions import all_of, carries, has_gradient, is_float
from lossfix.rules.contracts import Meaning
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import Var, ops
from lossfix.rules.usage import may_be_trained

x = Var("x")

RULE = Rule(
    code="LF303",
    name="python-number",
    catalogue=("C03",),
    summary="float(x) and x.item() become x; int(x) is reported",
    rewrites=(Rewrite(ops.to_float(x), x), Rewrite(ops.to_int(x), None, is_surely_predicted("x"))),
    contract=Meaning(
        changes="the gradient goes through this value too, instead of taking it for a constant",
        keeps="the value",
        same_value=True,
    ),
    scope=Scope.LOSS,
    when=all_of(has_gradient("x"), is_float("x"), carries, may_be_trained),
    message="a Python number carries no gradient: that of the predictions is lost or partial",
    why=(
        "Eagerly the number is a constant to the backward pass: x * float(x) has the gradient x "
        "for 2 * x, and nothing warns. Inside tf.function AutoGraph may turn float() into a cast, "
        "with the right gradient, and in Keras 3's model.fit it raises TypeError: three behaviours "
        "of one line."
    ),
    before="tf.reduce_mean(y_pred) * float(tf.reduce_max(y_pred))",
    after="tf.reduce_mean(y_pred) * tf.reduce_max(y_pred)",
    fix_safety=(
        "The same value, and a gradient where there was none. int() is only reported: it also "
        "cuts the fraction off."
    ),
    when_not="When the number is a weight that counts as a constant: say so by stop_gradient.",
    source="TensorFlow guide, Introduction to gradients and automatic differentiation",
    symptoms=("value", "raises"),
    domains={"x": Domain(-10.0, 10.0)},
)
