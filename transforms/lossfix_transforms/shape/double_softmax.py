"""A softmax on top of a softmax, a sigmoid on top of a sigmoid."""

from __future__ import annotations

from lossfix.graph.vocabulary import OPS
from lossfix.rules.contracts import Meaning
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import Apply, AttrPattern, AttrVar, Term, Var, ops

y, n, z = Var("y"), Var("n"), Var("z")  # shares, class numbers, logits
inner, outer, along = AttrVar("inner"), AttrVar("axis"), AttrVar("one_axis")
_soft, _squashed = ops.softmax(z, axis=inner), ops.sigmoid(z)


_CROSS_ENTROPIES = (
    ("softmax_xent", _soft),
    ("sparse_softmax_xent", _soft),
    ("sigmoid_xent", _squashed),
    ("binary_crossentropy", _squashed),
    ("categorical_crossentropy", _soft),
    ("sparse_categorical_crossentropy", _soft),
    ("mean_binary_crossentropy", _squashed),
    ("mean_categorical_crossentropy", _soft),
    ("mean_sparse_categorical_crossentropy", _soft),
)

_MEANT = {  # of the losses that take nothing but logits
    "softmax_xent": -ops.sum(y * ops.log_softmax(z, axis=along), axis=along),
    "sparse_softmax_xent": ops.sparse_categorical_crossentropy(n, z, from_logits=True),
    "sigmoid_xent": ops.softplus(z) - y * z,
}


def _of_logits(name: str, shares: Term) -> Rewrite:
    labels = n if "sparse" in name else y
    axis = AttrVar("last") if "sparse" in name else along
    named: dict[str, AttrPattern] = {attr: AttrVar(attr) for attr in OPS[name].attrs}
    if "axis" in named:
        named["axis"] = axis
    wanted = {**named, "from_logits": True} if "from_logits" in named else named
    meant = ops.softmax(z, axis=axis) if "categorical" in name and "axis" in named else shares
    of_shares = Apply(name, (labels, meant), tuple({**wanted, "from_logits": False}.items()))
    return Rewrite(
        Apply(name, (labels, shares), tuple(wanted.items())),
        Apply(name, (labels, z), tuple(wanted.items())),
        meant=_MEANT.get(name, of_shares),
    )


RULE = Rule(
    code="LF416",
    name="double-softmax",
    catalogue=("D16",),
    summary="a loss that takes logits gets the logits, and not their softmax or sigmoid",
    rewrites=(
        *(_of_logits(name, shares) for name, shares in _CROSS_ENTROPIES),
        Rewrite(
            ops.softmax(_soft, axis=outer), _soft, meant=ops.exp(ops.log_softmax(z, axis=inner))
        ),
        Rewrite(
            ops.log_softmax(_soft, axis=outer),
            ops.log_softmax(z, axis=inner),
            meant=ops.log(_soft),
        ),
    ),
    contract=Meaning(
        changes="the loss can come to 0, and its gradient does not vanish",
        keeps="the class that is predicted",
    ),
    scope=Scope.LOSS,
    message="the softmax or sigmoid is taken twice: the loss cannot come near 0",
    why=(
        "This loss takes logits and normalises them itself. Of probabilities it makes almost "
        "equal shares: a prediction that is right beyond doubt, logits [20, 0], costs 0.313 "
        "instead of 2e-9, with n classes never less than log(1 + (n - 1) / e), and its gradient "
        "is next to nothing."
    ),
    before="tf.nn.softmax_cross_entropy_with_logits(labels, tf.nn.softmax(logits))",
    after="tf.nn.softmax_cross_entropy_with_logits(labels, logits)",
    fix_safety=(
        "The loss changes, as a bug fix does: it starts higher and falls further. A learning "
        "rate that was raised to make up for it may be too high then."
    ),
    when_not="When a temperature is meant: divide the logits instead.",
    source="TensorFlow documentation, tf.nn.softmax_cross_entropy_with_logits: warning",
    symptoms=("value", "stuck"),
    domains={
        "y": Domain(0.0, 1.0),
        "n": Domain(0.0, 2.0, shape=(2,), integer=True),
        "z": Domain(-5.0, 5.0),
    },
    priority=2,
)
