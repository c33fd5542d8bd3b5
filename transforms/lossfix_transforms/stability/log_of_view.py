"""log(gather(softmax(x))): the probability underflows first, whatever is picked out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule
from lossfix.rules.terms import AttrVar, Term, Var, ops

x = Var("x")
axis = AttrVar("axis")
indices, places, columns, mask = Var("indices"), Var("places"), Var("columns"), Var("mask")

_VIEWS: tuple[Callable[[Term], Term], ...] = (
    lambda p: ops.reshape(p, shape=AttrVar("shape")),
    lambda p: ops.squeeze(p, axis=AttrVar("unit")),
    lambda p: ops.expand_dims(p, axis=AttrVar("place")),
    lambda p: ops.column(p, index=AttrVar("index")),
    lambda p: ops.column_kept(p, index=AttrVar("index")),
    lambda p: ops.gather(p, indices, axis=AttrVar("place"), batch_dims=AttrVar("none")),
    lambda p: ops.gather_nd(p, places, batch_dims=AttrVar("none")),
    lambda p: ops.boolean_mask(p, mask, axis=AttrVar("none")),
    lambda p: ops.take(p, indices, axis=AttrVar("place")),
    lambda p: ops.take_along_axis(p, columns, axis=AttrVar("last")),
)
"""Ops that pick and arrange entries, so that a logarithm can be taken before as well as after."""


def _rewrites(view: Callable[[Term], Term]) -> Iterator[Rewrite]:
    """The logarithms of a view of a softmax, a sigmoid and a sigmoid's complement."""
    p, low = ops.sigmoid(x), view(ops.log_sigmoid(-x))
    yield Rewrite(ops.log(view(ops.softmax(x, axis=axis))), view(ops.log_softmax(x, axis=axis)))
    yield Rewrite(ops.log(view(p)), view(ops.log_sigmoid(x)))
    yield Rewrite(ops.log(1 - view(p)), low)
    yield Rewrite(ops.log(view(1 - p)), low)


RULE = Rule(
    code="LF105",
    name="log-of-picked-softmax",
    catalogue=("A05",),
    summary="log(gather(softmax(x))) becomes gather(log_softmax(x)), and so for any view",
    rewrites=tuple(rewrite for view in _VIEWS for rewrite in _rewrites(view)),
    contract=Exact(),
    message="log of a softmax or sigmoid is -inf, and its gradient NaN, where it has underflowed",
    why=(
        "The probability that is picked is exactly 0 in float32 once its logit lies 88 below the "
        "largest: the loss is inf and the gradient of the whole row NaN. The logarithm is taken "
        "first and the entries are picked from it."
    ),
    breaks_at=(
        Limit("a logit gap of 88"),
        Limit("a logit gap of 18", "float16"),
    ),
    before="tf.math.log(tf.gather_nd(tf.nn.softmax(logits), indices))",
    after="tf.gather_nd(tf.nn.log_softmax(logits), indices)",
    fix_safety="The same function over the reals.",
    when_not=(
        "When the labels are class numbers, sparse_softmax_cross_entropy_with_logits is shorter, "
        "written by hand; it raises on labels out of range."
    ),
    source=(
        "Yan et al., GRIST, ESEC/FSE 2021, doi 10.1145/3468264.3468612; TensorFlow documentation "
        "of tf.nn.log_softmax"
    ),
    domains={
        "x": Domain(-400.0, 400.0, near=(0.0,)),
        "indices": Domain(0.0, 1.0, shape=(4,), integer=True),
        "places": Domain(0.0, 1.0, shape=(3, 2), integer=True),
        "columns": Domain(0.0, 2.0, shape=(2, 1), integer=True),
        "mask": Domain(0.0, 1.0, integer=True, near=(0.0, 1.0)),
    },
    priority=1,
)
