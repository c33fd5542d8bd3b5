"""cast(y, int32) - y_pred: TensorFlow does not mix dtypes."""

from __future__ import annotations

from lossfix.rules.conditions import INTEGERS, all_of, dtype_in, is_float, varied
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import Apply, AttrVar, Var, ops
from lossfix.rules.usage import is_uncast, written_with_inside

x, y = Var("x"), Var("y")
dtype = AttrVar("integer")
_DOUBLE = frozenset({"float64", "double"})
_whole = ops.cast(y, dtype=dtype)
_OPS = "add sub mul div maximum minimum".split()


def _mixed(name: str) -> tuple[Rewrite, ...]:
    """The op on a cast label and a prediction, either way round."""
    found: list[Rewrite] = []
    for kept, when in ((_whole, INTEGERS), (y, _DOUBLE)):
        same = ops.cast(kept, dtype="float32")
        for before, after in (((_whole, x), (same, x)), ((x, _whole), (x, same))):
            old, new = Apply(name, before), Apply(name, after)
            found.append(Rewrite(old, new, dtype_in("integer", when), as_written=True))
    return tuple(found)


RULE = Rule(
    code="LF413",
    name="mixed-dtypes",
    catalogue=("D12", "D13"),
    summary="cast(y, int32) - x and cast(y, float64) - x get a cast to float32",
    rewrites=tuple(rewrite for name in _OPS for rewrite in _mixed(name)),
    contract=Exact(),
    scope=Scope.LOSS,
    when=all_of(varied("x"), is_float("x"), is_uncast("x"), written_with_inside("tf")),
    message="TensorFlow raises here: it does not mix the dtypes of a label and a prediction",
    why=(
        "tf.Tensor arithmetic wants one dtype: int32 or float64 against float32 is an "
        "InvalidArgumentError or a TypeError. NumPy, and keras.ops, would have promoted."
    ),
    before="tf.cast(y_true, tf.int32) - y_pred",
    after='tf.cast(tf.cast(y_true, tf.int32), "float32") - y_pred',
    fix_safety="Nothing is lost: it did not run. Under mixed precision, cast to y_pred.dtype.",
    when_not="Where the model itself computes in float64.",
    source="TensorFlow documentation, tf.math.subtract",
    symptoms=("raises",),
    domains={"x": Domain(0.5, 5.0), "y": Domain(1.0, 5.0, integer=True)},
)
