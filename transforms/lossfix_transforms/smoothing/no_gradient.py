"""Ops for which no framework has a gradient, one table."""

from __future__ import annotations

from lossfix.graph.vocabulary import OPS
from lossfix.rules.conditions import all_of, carries
from lossfix.rules.contracts import Diagnosis
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import Apply, AttrVar, Var
from lossfix.rules.usage import is_counted

_OPS = (
    "argsort",
    "bincount",
    "count_nonzero",
    "digitize",
    "edit_distance",
    "histogram",
    "searchsorted",
    "top_classes",
)


def _any(name: str) -> Rewrite:
    row = OPS[name]
    attrs = tuple((attr, AttrVar(attr)) for attr in row.attrs)
    return Rewrite(Apply(name, tuple(Var(param) for param in row.params), attrs))


RULE = Rule(
    code="LF223",
    name="no-gradient",
    catalogue=("B21", "B23", "B24", "B28"),
    summary="reports ranks, histograms, counts and edit distances of predictions in a loss",
    rewrites=tuple(map(_any, _OPS)),
    contract=Diagnosis(),
    scope=Scope.LOSS,
    when=all_of(carries, is_counted),
    message="this op has no gradient: nothing that goes through it trains",
    why=(
        "Ranks, bins, counts and edits are whole numbers that jump. Smooth stand-ins: for ranks "
        "0.5 + sum_j sigmoid(k * (x_i - x_j)); for a bin sigmoid(k * (x - left)) - "
        "sigmoid(k * (x - right)), summed; for a count of nonzeros sum(1 - exp(-(k * x) ** 2)); "
        "for edit distances a CTC or soft dynamic-time-warping loss."
    ),
    before="tf.histogram_fixed_width(y_pred, [0.0, 1.0])",
    after="",
    fix_safety="Nothing is changed: each stand-in is another objective, which the author chooses.",
    when_not=(
        "On labels, as an index into something else, or as a divisor that counts terms: those "
        "need no gradient, and are left alone."
    ),
    source="Blondel et al. 2020, arXiv 2002.08871; Avi-Aharon et al. 2020, arXiv 2004.14024; "
    "Cuturi, Blondel 2017, arXiv 1703.01541",
    domains={param: Domain(0.0, 5.0, integer=True) for name in _OPS for param in OPS[name].params},
)
