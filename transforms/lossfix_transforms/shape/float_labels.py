"""one_hot(y_true): Keras hands labels over as floats, which are no indices."""

from __future__ import annotations

from lossfix.rules.conditions import all_of
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import AttrVar, Term, Var, ops
from lossfix.rules.usage import in_keras_loss, is_raw_label, matters, written_with

y, z = Var("y"), Var("z")
_hot = {name: AttrVar(name) for name in ("depth", "on_value", "off_value", "dtype")} | {
    "axis": AttrVar("hot_axis")
}


def _with(labels: Term) -> tuple[Term, ...]:
    return (ops.one_hot(labels, **_hot), ops.sparse_softmax_xent(labels, z))


RULE = Rule(
    code="LF412",
    name="float-labels",
    catalogue=("D12",),
    summary="one_hot(y_true) in a Keras loss becomes one_hot(cast(y_true, int32))",
    rewrites=tuple(
        Rewrite(b, a) for b, a in zip(_with(y), _with(ops.cast(y, dtype="int32")), strict=True)
    ),
    contract=Exact(),
    scope=Scope.PART,
    when=all_of(matters, in_keras_loss, is_raw_label("y"), written_with("tf", "keras.backend")),
    message="Keras 3 hands labels over as float32, and this op takes whole numbers alone",
    why=(
        "The loss works when it is called by hand with int labels. In model.fit Keras casts "
        "y_true to float32 first, and TensorFlow raises: a float is no index."
    ),
    before="tf.one_hot(y_true, 10)",
    after='tf.one_hot(tf.cast(y_true, "int32"), 10)',
    fix_safety="The same value, for labels that are whole numbers.",
    when_not="keras.ops.one_hot casts by itself, and is left alone.",
    source="Keras documentation, Losses; tensorflow documentation, tf.one_hot",
    symptoms=("raises",),
    domains={"y": Domain(0.0, 2.0, shape=(2,), integer=True), "z": Domain(-5.0, 5.0)},
)
