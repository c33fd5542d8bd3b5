"""tf.clip_by_value(p, ...) as a statement: the result goes nowhere."""

from __future__ import annotations

from lossfix.graph.vocabulary import OPS
from lossfix.rules.contracts import Diagnosis
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import Apply, AttrVar, Var
from lossfix.rules.usage import is_discarded

_OPS = (
    "abs cast clip expand_dims flatten l2_normalize log maximum minimum nan_to_num reshape sigmoid "
    "softmax sqrt square squeeze stop_gradient transpose where"
).split()


def _any(name: str) -> Rewrite:
    row = OPS[name]
    attrs = tuple((attr, AttrVar(attr)) for attr in row.attrs)
    return Rewrite(Apply(name, tuple(Var(param) for param in row.params), attrs))


RULE = Rule(
    code="LF426",
    name="discarded-result",
    catalogue=("D26", "A77"),
    summary="reports an op whose result is not assigned to anything",
    rewrites=tuple(map(_any, _OPS)),
    contract=Diagnosis(),
    scope=Scope.PART,
    when=is_discarded,
    message="the result of this op is thrown away: it does not change its argument",
    why=(
        "Ops return a new tensor and leave the old one as it is. A clip that stands alone guards "
        "nothing: the logarithm below it still meets 0 and is -inf."
    ),
    before="tf.clip_by_value(p, 1e-15, 1.0)",
    after="",
    fix_safety="Nothing is changed: assign the result to the name that is used below.",
    when_not="Never; what is only there to be traced can be printed or asserted.",
    source="TensorFlow guide, Introduction to tensors",
    symptoms=("nan", "value"),
    domains={param: Domain(0.1, 5.0) for name in _OPS for param in OPS[name].params},
)
