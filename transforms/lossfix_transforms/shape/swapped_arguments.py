"""binary_crossentropy(y_pred, y_true): the arguments the wrong way round."""

from __future__ import annotations

from lossfix.graph.vocabulary import OPS
from lossfix.rules.called import says_what_it_is
from lossfix.rules.conditions import all_of, varied
from lossfix.rules.contracts import Meaning
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import Apply, AttrVar, Var
from lossfix.rules.usage import is_label

y, x = Var("y"), Var("x")
_LOSSES = (
    "binary_crossentropy categorical_crossentropy mean_binary_crossentropy "
    "mean_categorical_crossentropy softmax_xent sigmoid_xent"
).split()


def _turned(name: str) -> Rewrite:
    attrs = tuple((attr, AttrVar(attr)) for attr in OPS[name].attrs)
    # a cross entropy is affine in its labels, and in nothing else
    meant = 2.0 * Apply(name, (0.5 * y, x), attrs) - Apply(name, (0.0 * y, x), attrs)
    return Rewrite(Apply(name, (x, y), attrs), Apply(name, (y, x), attrs), meant=meant)


RULE = Rule(
    code="LF418",
    name="swapped-arguments",
    catalogue=("D18",),
    summary="a cross entropy gets its labels first and its predictions second",
    rewrites=tuple(map(_turned, _LOSSES)),
    contract=Meaning(
        changes="the labels are the target, and the predictions what is judged",
        keeps="nothing",
    ),
    scope=Scope.LOSS,
    when=all_of(varied("x"), is_label("y"), says_what_it_is("x")),
    message="labels and predictions are swapped: this loss takes the labels first",
    why=(
        "A cross entropy is not symmetric: it takes the logarithm of its second argument. Of "
        "labels of 0 and 1 that is 0 or the clipped 16.1, and the predictions only weigh it."
    ),
    before="tf.keras.losses.binary_crossentropy(y_pred, y_true)",
    after="tf.keras.losses.binary_crossentropy(y_true, y_pred)",
    fix_safety="The loss changes, as a bug fix does.",
    when_not="When the reversed direction is meant, between two distributions: name them so.",
    source="Keras documentation, Probabilistic losses",
    domains={"y": Domain(0.1, 0.9), "x": Domain(0.1, 0.9)},
)
