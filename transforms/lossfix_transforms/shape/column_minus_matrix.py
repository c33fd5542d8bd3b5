"""y[:, 0] - p, mean(y, axis=-1) * p: (n,) against (n, 1) broadcasts to (n, n)."""

from __future__ import annotations

from collections.abc import Iterator

from lossfix.rules.conditions import one_rank_more
from lossfix.rules.contracts import Meaning
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import Apply, AttrVar, Term, Var, ops

x, y = Var("x"), Var("y")
index = AttrVar("index")
_column, _kept = ops.column(x, index=index), ops.column_kept(x, index=index)
_OPS = ("mul", "div")
_REDUCED = tuple(
    (reduce(x, axis=-1), reduce(x, axis=-1, keepdims=True)) for reduce in (ops.sum, ops.mean)
)


def _either_way(name: str, lost: Term, kept: Term) -> Iterator[Rewrite]:
    for before, after in (((lost, y), (kept, y)), ((y, lost), (y, kept))):
        yield Rewrite(Apply(name, before), Apply(name, after), as_written=True)


RULE = Rule(
    code="LF401",
    name="column-minus-matrix",
    catalogue=("D01", "D02"),
    summary="y[:, i] - p becomes y[:, i:i + 1] - p, and so for products and reductions",
    rewrites=(
        Rewrite(_column - y, _kept - y),
        *(each for name in _OPS for each in _either_way(name, _column, _kept)),
        *(Rewrite(lost - y, kept - y) for lost, kept in _REDUCED),
    ),
    contract=Meaning(
        changes="each row with itself instead of with every row",
        keeps="nothing where the batch has more than one row",
    ),
    scope=Scope.LOSS,
    when=one_rank_more("y", "x"),
    message="one side has lost an axis: (n,) against (n, 1) broadcasts to (n, n)",
    why=(
        "Every row is compared with every other row. A perfect prediction of [1, 2, 3, 4] "
        "has a loss of 2.5 instead of 0, and its gradient pulls all predictions to their "
        "mean."
    ),
    before="y_true[:, 0] - y_pred",
    after="y_true[:, 0:1] - y_pred",
    fix_safety="The loss changes, as a bug fix does: compare both on your data before you train.",
    when_not=(
        "When comparing each row with every other one is what you want: write it with "
        "expand_dims, so that it shows."
    ),
    source="tensorflow issue 30040",
    symptoms=("value",),
    domains={"x": Domain(-5.0, 5.0), "y": Domain(0.5, 5.0, shape=(2, 1))},
)
