"""x.numpy(): the value leaves the graph."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, negated, varied
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import Var, ops
from lossfix.rules.usage import feeds_a_model, may_be_trained

x = Var("x")

RULE = Rule(
    code="LF301",
    name="numpy-conversion",
    catalogue=("C01",),
    summary="x.numpy() becomes x",
    rewrites=(Rewrite(ops.to_numpy(x), x),),
    contract=Exact(),
    scope=Scope.LOSS,
    when=all_of(varied("x"), may_be_trained, negated(feeds_a_model)),
    message=(
        "this takes the predictions out of the graph: the gradient is None, and in "
        "model.fit it raises"
    ),
    why=(
        "A NumPy array carries no gradient. Eagerly the gradient is None or silently "
        "partial; inside tf.function a symbolic tensor has no numpy method."
    ),
    before="y_pred.numpy()",
    after="y_pred",
    fix_safety="The same value, and a gradient where there was none.",
    when_not="Outside the loss, for logging and plots.",
    source="TensorFlow guide, Introduction to gradients and automatic differentiation",
    symptoms=("no-gradient", "raises"),
    domains={"x": Domain(-10.0, 10.0)},
)
