"""if on a tensor: Python cannot tell what a symbolic value is."""

from __future__ import annotations

from lossfix.graph.vocabulary import OPS
from lossfix.rules.conditions import all_of, any_of, has
from lossfix.rules.contracts import Diagnosis
from lossfix.rules.pattern import Condition, Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import Apply, AttrVar, Var
from lossfix.rules.usage import decides, in_keras_loss, of_tensors

_OPS = "greater greater_equal equal not_equal any all".split()
_PARAMS = ("x", "y")


def _any(name: str) -> Rewrite:
    row = OPS[name]
    attrs = tuple((attr, AttrVar(attr)) for attr in row.attrs)
    return Rewrite(Apply(name, tuple(Var(p) for p in _PARAMS[: len(row.params)]), attrs))


def _tensor(name: str) -> Condition:
    return all_of(has(name), of_tensors(name))


RULE = Rule(
    code="LF230",
    name="python-branch",
    catalogue=("B30",),
    summary="reports `if` on the value of a tensor in a Keras loss",
    rewrites=tuple(map(_any, _OPS)),
    contract=Diagnosis(),
    scope=Scope.PART,
    when=all_of(in_keras_loss, decides, any_of(_tensor("x"), _tensor("y"))),
    message="Python decides by a tensor here: in model.fit this raises, or takes one way for ever",
    why=(
        "Keras 3 traces the loss once, with symbolic values, and does not convert `if` for it: "
        'fit raises "Using a symbolic tf.Tensor as a Python bool". Run eagerly, one decision '
        "is made for the whole batch. where chooses entry by entry, and cond for the batch."
    ),
    before="if tf.reduce_mean(y_pred) > 0.5: loss = 2.0 * loss",
    after="",
    fix_safety="Nothing is changed: what each way assigns is for the author to join by where.",
    when_not="On shapes, flags and settings, which Python knows: those are left alone.",
    source="TensorFlow guide, Better performance with tf.function; Keras documentation, Losses",
    symptoms=("raises",),
    domains={"x": Domain(0.0, 1.0), "y": Domain(0.0, 1.0)},
)
