"""tf.py_function, tf.numpy_function: Python in the middle of a graph."""

from __future__ import annotations

from lossfix.rules.conditions import varied
from lossfix.rules.contracts import Diagnosis
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Rule, Scope
from lossfix.rules.terms import AttrVar, Var, ops

f, x = Var("f"), Var("x")
out = AttrVar("out")

RULE = Rule(
    code="LF304",
    name="python-function",
    catalogue=("C04", "C05"),
    summary="tf.numpy_function or tf.py_function on the predictions",
    rewrites=(
        Rewrite(ops.numpy_function(f, x, Tout=out, stateful=AttrVar("stateful"))),
        Rewrite(ops.py_function(f, x, Tout=out)),
    ),
    contract=Diagnosis(),
    scope=Scope.LOSS,
    when=varied("x"),
    message="the predictions go through Python here: the gradient is None, or silently 0",
    why=(
        "tf.numpy_function has no gradient: None, so that the loss trains nothing by this way. "
        "tf.py_function differentiates what is TensorFlow inside, and gives 0, not None, for what "
        "is NumPy: no error, and no training. Neither runs under XLA or in a saved model."
    ),
    before="tf.numpy_function(score, [y_true, y_pred], tf.float32)",
    after="",
    fix_safety="Nothing is changed: write what the function does in TensorFlow.",
    when_not="For logging, or with a gradient of your own by tf.custom_gradient.",
    symptoms=("no-gradient", "stuck"),
    source="TensorFlow documentation of tf.numpy_function and tf.py_function",
)
