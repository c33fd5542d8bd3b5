"""binary_crossentropy(y, logits) without from_logits=True."""

from __future__ import annotations

from lossfix.graph.vocabulary import OPS
from lossfix.rules.called import is_called
from lossfix.rules.conditions import all_of, inside, negated
from lossfix.rules.contracts import Meaning
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import Apply, AttrPattern, AttrVar, Var, ops

y, n, x = Var("y"), Var("n"), Var("x")
_LOSSES = tuple(
    f"{mean}{kind}_crossentropy"
    for mean in ("", "mean_")
    for kind in ("binary", "categorical", "sparse_categorical")
)


def _mended(name: str) -> Rewrite:
    axis = AttrVar("last" if "sparse" in name else "one_axis")
    attrs: tuple[tuple[str, AttrPattern], ...] = tuple(
        (attr, axis if attr == "axis" else AttrVar(attr))
        for attr in OPS[name].attrs
        if attr != "from_logits"
    )
    args = (n if "sparse" in name else y, x)
    shares = ops.sigmoid(x) if "binary" in name else ops.softmax(x)
    if "categorical" in name and "axis" in OPS[name].attrs:
        shares = ops.softmax(x, axis=axis)
    return Rewrite(
        Apply(name, args, attrs),
        Apply(name, args, (*attrs, ("from_logits", True))),
        meant=Apply(name, (args[0], shares), attrs),
    )


RULE = Rule(
    code="LF417",
    name="logits-as-probabilities",
    catalogue=("D17",),
    summary="a cross entropy of what is called logits gets from_logits=True",
    rewrites=tuple(map(_mended, _LOSSES)),
    contract=Meaning(
        changes="the predictions are taken for logits",
        keeps="nothing",
    ),
    scope=Scope.LOSS,
    when=all_of(is_called("x", "logit", "logits"), negated(inside("x", 0.0, 1.0))),
    message="this loss takes probabilities, and is given what is called logits",
    why=(
        "Without from_logits=True Keras clips the predictions to [1e-7, 1 - 1e-7] and takes "
        "them for probabilities: every logit above 1 or below 0 has gradient exactly 0."
    ),
    before="tf.keras.losses.binary_crossentropy(y_true, logits)",
    after="tf.keras.losses.binary_crossentropy(y_true, logits, from_logits=True)",
    fix_safety="The loss changes, as a bug fix does. Predictions need their activation elsewhere.",
    when_not="When what is called logits went through its activation already: rename it.",
    source="Keras documentation, Probabilistic losses: usage of from_logits",
    symptoms=("stuck", "value"),
    domains={
        "y": Domain(0.0, 1.0),
        "n": Domain(0.0, 2.0, shape=(2,), integer=True),
        "x": Domain(0.1, 0.9),
    },
)
