"""y[:, 0] - p: (n,) against (n, 1) broadcasts to (n, n)."""

from __future__ import annotations

from lossfix.rules.conditions import one_rank_more
from lossfix.rules.contracts import Meaning
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import AttrVar, Var, ops

x, y = Var("x"), Var("y")
index = AttrVar("index")

RULE = Rule(
    code="LF401",
    name="column-minus-matrix",
    catalogue=(
        "D01",
        "D02",
    ),
    summary="y[:, i] - p becomes y[:, i:i + 1] - p",
    rewrites=(Rewrite(ops.column(x, index=index) - y, ops.column_kept(x, index=index) - y),),
    contract=Meaning(
        changes="the difference of each row with itself instead of with every row",
        keeps="nothing where the batch has more than one row",
    ),
    scope=Scope.LOSS,
    when=one_rank_more("y", "x"),
    message=(
        "one side of this difference has lost an axis: (n,) against (n, 1) broadcasts to " "(n, n)"
    ),
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
    domains={"x": Domain(-5.0, 5.0), "y": Domain(-5.0, 5.0, shape=(2, 1))},
)
