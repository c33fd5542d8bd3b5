"""mean of integers: TensorFlow divides as integers do."""

from __future__ import annotations

from lossfix.rules.conditions import INTEGERS, all_of, dtype_in
from lossfix.rules.contracts import Meaning
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import AttrVar, Var, ops
from lossfix.rules.usage import matters, written_with

x = Var("x")
_reduced = {"axis": AttrVar("axis"), "keepdims": AttrVar("keepdims")}
_whole = ops.cast(x, dtype=AttrVar("integer"))
_fraction = ops.cast(_whole, dtype="float32")

RULE = Rule(
    code="LF414",
    name="integer-mean",
    catalogue=("D14",),
    summary="reduce_mean(cast(x, int32)) is taken of floats",
    rewrites=(
        Rewrite(
            ops.mean(_whole, **_reduced),
            ops.mean(_fraction, **_reduced),
            meant=ops.sum(_fraction, **_reduced) / ops.sum(ops.ones_like(_fraction), **_reduced),
        ),
    ),
    contract=Meaning(
        changes="the mean is a fraction instead of a whole number",
        keeps="means that are whole",
    ),
    scope=Scope.PART,
    when=all_of(matters, dtype_in("integer", INTEGERS), written_with("tf", "keras.backend")),
    message="the mean of integers is an integer in TensorFlow: a share is 0, or 1",
    why=(
        "tf.reduce_mean of [1, 2] is 1: it divides as integers do. The share of positives in a "
        "batch is then 0 unless all of them are, and a weight made of it switches on and off."
    ),
    before="tf.reduce_mean(tf.cast(y_true > 0.5, tf.int32))",
    after='tf.reduce_mean(tf.cast(tf.cast(y_true > 0.5, tf.int32), "float32"))',
    fix_safety="The loss changes, as a bug fix does. What multiplies it may need no cast then.",
    when_not="When the floor is meant; write it as floordiv, so that it shows.",
    source="TensorFlow documentation, tf.math.reduce_mean: comparison with NumPy",
    domains={"x": Domain(0.0, 5.0)},
)
