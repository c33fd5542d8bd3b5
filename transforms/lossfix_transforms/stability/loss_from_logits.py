"""A cross entropy of Keras on sigmoid(x) or softmax(x), whose probability it clips."""

from __future__ import annotations

from collections.abc import Iterator

from lossfix.rules.conditions import all_of, negated
from lossfix.rules.contracts import Meaning
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule
from lossfix.rules.terms import AttrVar, Var, ops
from lossfix.rules.usage import is_entropy, is_taught

x, y, labels = Var("x"), Var("y"), Var("labels")
last, over, smooth = AttrVar("last"), AttrVar("over"), AttrVar("smooth")


def _rewrites() -> Iterator[Rewrite]:
    p, q = ops.sigmoid(x), ops.softmax(x, axis=last)
    yes, mean = {"from_logits": True}, {"label_smoothing": smooth, "axis": over}
    kept = {"label_smoothing": smooth, "axis": last}
    each, whole = ops.binary_crossentropy, ops.mean_binary_crossentropy
    yield Rewrite(each(y, p), each(y, x, **yes))
    yield Rewrite(whole(y, p, **mean), whole(y, x, **yes, **mean))
    each, whole = ops.categorical_crossentropy, ops.mean_categorical_crossentropy
    yield Rewrite(each(y, q, axis=last), each(y, x, axis=last, **yes))
    yield Rewrite(whole(y, q, **kept), whole(y, x, **yes, **kept))
    each = ops.sparse_categorical_crossentropy
    yield Rewrite(each(labels, q, axis=last), each(labels, x, axis=last, **yes))
    whole = ops.mean_sparse_categorical_crossentropy
    yield Rewrite(whole(labels, ops.softmax(x)), whole(labels, x, **yes))


RULE = Rule(
    code="LF110",
    name="loss-from-logits",
    catalogue=("A10", "A11", "C16"),
    summary="binary_crossentropy(y, sigmoid(x)) becomes the same loss with from_logits=True",
    rewrites=tuple(_rewrites()),
    contract=Meaning(
        changes="the loss no longer flattens out where a probability is within 1e-7 of 0 or 1",
        keeps=(
            "value and gradient wherever the probabilities are between 1e-7 and 1 - 1e-7, but for "
            "the 1e-7 that keras.backend adds to them"
        ),
        equal_on=(("x", -7.0, 7.0),),
    ),
    when=all_of(is_taught, negated(is_entropy)),
    message="Keras clips this probability: the gradient is 0 where the model is most wrong",
    why=(
        "Called eagerly on a probability, Keras keeps it between 1e-7 and 1 - 1e-7: for a label "
        "of 1 and a logit of -20 the loss is 16.1 for 20 and the gradient 0 for -1, in float32. "
        "In a graph Keras may find the logits behind the op by itself, so that the same line "
        "trains in one place and does not in another."
    ),
    breaks_at=(Limit("|x| > 16.1"), Limit("x > 6: 1 - p is 0 there", "bfloat16")),
    before="tf.keras.losses.binary_crossentropy(y_true, tf.sigmoid(logits))",
    after="tf.keras.losses.binary_crossentropy(y_true, logits, from_logits=True)",
    fix_safety="Another loss where the clip acted: not bounded any more, with a gradient there.",
    when_not="When the bound on the loss is wanted, against wrong labels for instance.",
    source="Keras documentation, Probabilistic losses, from_logits",
    symptoms=("stuck", "value"),
    domains={
        "x": Domain(-60.0, 60.0, near=(0.0,)),
        "y": Domain(0.0, 1.0, near=(0.0, 1.0)),
        "labels": Domain(0.0, 2.0, shape=(2,), integer=True),
    },
    priority=2,
)
