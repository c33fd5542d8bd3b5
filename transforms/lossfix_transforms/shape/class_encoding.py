"""One-hot labels for a sparse cross entropy, class numbers for a dense one."""

from __future__ import annotations

from lossfix.graph.vocabulary import OPS
from lossfix.rules.contracts import Diagnosis
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import Apply, AttrVar, Term, Var, ops
from lossfix.rules.usage import unconditional

y, z = Var("y"), Var("z")
_hot = ops.one_hot(
    y,
    depth=AttrVar("depth"),
    dtype=AttrVar("dtype"),
    axis=AttrVar("hot_axis"),
    on_value=AttrVar("on_value"),
    off_value=AttrVar("off_value"),
)
_index = ops.argmax(y, axis=AttrVar("which"), output_type=AttrVar("output_type"))
_cast = ops.cast(_index, dtype=AttrVar("dtype"))


_LOSSES = (
    ("softmax_xent", "sparse_softmax_xent"),
    ("categorical_crossentropy", "sparse_categorical_crossentropy"),
    ("mean_categorical_crossentropy", "mean_sparse_categorical_crossentropy"),
)


def _of(loss: str, labels: Term) -> Rewrite:
    attrs = tuple((attr, AttrVar(attr)) for attr in OPS[loss].attrs)
    return Rewrite(Apply(loss, (labels, z), attrs))


RULE = Rule(
    code="LF415",
    name="class-encoding",
    catalogue=("D15",),
    summary="reports one-hot labels in a sparse cross entropy, and class numbers in a dense one",
    rewrites=(
        *(_of(sparse, _hot) for _, sparse in _LOSSES),
        *(_of(dense, index) for dense, _ in _LOSSES for index in (_index, _cast)),
    ),
    contract=Diagnosis(),
    scope=Scope.LOSS,
    when=unconditional,
    message="the labels are encoded in a way that this cross entropy does not take",
    why=(
        "A sparse cross entropy takes class numbers, (n,), and a dense one a row of shares a "
        "sample, (n, classes). The other way round it raises, or (n,) broadcasts against "
        "(n, classes) and every sample is compared with every other one's label."
    ),
    before="tf.nn.sparse_softmax_cross_entropy_with_logits(tf.one_hot(y, 10), logits)",
    after="",
    fix_safety="Nothing is changed: use the other loss, or leave the encoding out.",
    when_not="Never.",
    source="Keras documentation, Probabilistic losses",
    symptoms=("raises", "value"),
    domains={"y": Domain(0.0, 2.0, integer=True), "z": Domain(-5.0, 5.0)},
)
