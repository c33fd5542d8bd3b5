"""Inputs of other shapes than the plan's: one row, no row, and a column against a row.

They are run eagerly: a graph would be traced for each of them.
"""

from __future__ import annotations

from dataclasses import replace

from lossfix.verify.conventions import LABEL, PREDICTION
from lossfix.verify.inputs import Plan
from lossfix.verify.regimes import Draw, draw, one_row, regime_named, row

EMPTY = "empty batch"
COLUMN = "a column against a row"


def other_shapes(plan: Plan, source: Draw) -> list[Draw]:
    """What can be made of the plan: one row of `source`, none, and (n,) labels with (n, 1)."""
    made = [one_row(source, plan), _empty(source, plan), _column(source, plan)]
    return [d for d in made if d is not None]


def _empty(source: Draw, plan: Plan) -> Draw | None:
    if row(source, plan, 0, EMPTY) is None:
        return None
    return Draw(EMPTY, source.dtype, {k: v[:0] for k, v in source.values.items()})


def _column(source: Draw, plan: Plan) -> Draw | None:
    """Labels of shape (n,) against predictions of (n, 1): the pair broadcasts to (n, n)."""
    by_role = {t.role: t for t in plan.tensors}
    label, prediction = by_role.get(LABEL), by_role.get(PREDICTION)
    if len(plan.tensors) != 2 or label is None or prediction is None:
        return None
    if label.dtype != "float" or any(t.given or not t.shape for t in plan.tensors):
        return None
    if label.kind not in ("any", "real", "binary", "probability"):
        return None
    count = prediction.shape[0]
    narrow = Plan(
        tuple(replace(t, shape=(count,) if t.role == LABEL else (count, 1)) for t in plan.tensors),
        plan.settings,
    )
    return draw(narrow, replace(regime_named("typical"), name=COLUMN), source.dtype, 0)
