"""x / sum(x, axis=-1): the axis that was summed is gone, and the wrong one broadcasts."""

from __future__ import annotations

import operator
from collections.abc import Callable

from lossfix.rules.conditions import all_of, rank_is
from lossfix.rules.contracts import Meaning
from lossfix.rules.pattern import Match, Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import AttrVar, Term, Var, ops

x = Var("x")
axis = AttrVar("last_axis")
_TOTALS = (ops.sum, ops.max, ops.norm, ops.std)
_CENTRES = (ops.mean, ops.max, ops.min, ops.logsumexp)


def _kept(combine: Callable[[Term, Term], Term], reduce: Callable[..., Term]) -> Rewrite:
    lost = reduce(x, axis=axis)
    return Rewrite(
        combine(x, lost),
        combine(x, reduce(x, axis=axis, keepdims=True)),
        meant=combine(x, ops.expand_dims(lost, axis=axis)),
    )


def _is_last(match: Match) -> bool:
    return match.attrs["last_axis"] in (-1, 1)


RULE = Rule(
    code="LF408",
    name="missing-keepdims",
    catalogue=("D08",),
    summary="x / sum(x, axis=-1) and its like keep the axis that they reduce",
    rewrites=(
        *(_kept(operator.truediv, f) for f in _TOTALS),
        *(_kept(operator.sub, f) for f in _CENTRES),
    ),
    contract=Meaning(
        changes="each row is divided by its own total, or has its own centre taken away",
        keeps="nothing; where rows and columns differ in number it raised before",
    ),
    scope=Scope.PART,
    when=all_of(rank_is("x", 0), _is_last),
    message="a reduction without keepdims broadcasts along the wrong axis here",
    why=(
        "(n, m) against (n,) is an error, except where n equals m: then every column is "
        "divided by the total of a row. Rows of a softmax written like this summed to 1.33, "
        "0.60 and 2.53 instead of 1."
    ),
    before="y_pred / tf.reduce_sum(y_pred, axis=-1)",
    after="y_pred / tf.reduce_sum(y_pred, axis=-1, keepdims=True)",
    fix_safety="The loss changes, as a bug fix does; where the shapes did not fit, it raised.",
    when_not="For a value of one axis alone, where the total is one number.",
    source="NumPy documentation, Broadcasting",
    symptoms=("value", "raises"),
    domains={"x": Domain(0.1, 5.0, shape=(3, 3))},
)
