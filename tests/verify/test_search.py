"""The search for a bad point, and the draws beside a loss's own numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from losses import program

from lossfix.verify import Hints, Program
from lossfix.verify.disagree import disagreements, told
from lossfix.verify.inputs import Plan, plans
from lossfix.verify.instrument import Site, instrument
from lossfix.verify.literals import beside, literals_in
from lossfix.verify.load import load
from lossfix.verify.regimes import Draw, draws
from lossfix.verify.results import Result
from lossfix.verify.search import Probed, searched
from lossfix.verify.shapes import COLUMN, EMPTY, other_shapes


def probed(loss: Program, folder: Path) -> tuple[Probed, Plan]:
    from lossfix.verify.frameworks.watch import watch

    sites: list[Site] = []

    def change(text: str) -> str:
        new, found = instrument(text)
        sites.extend(found)
        return new

    loaded = load(loss, str(folder), change)
    plan = next(iter(plans(loaded.signature, Hints(), ())))
    return Probed(loaded, tuple(sites), watch), plan


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("denominator", "distance"),
    [
        ("(y_pred * y_pred - y_pred - 1)", lambda x: x * x - x - 1),
        ("(tf.reduce_sum(tf.exp(y_pred), -1, keepdims=True) - 7)",
         lambda x: np.exp(x).sum(-1) - 7),
    ],
)  # fmt: skip
def test_a_pole_that_no_regime_has(denominator, distance, tmp_path):
    loss, plan = probed(program(f"return tf.reduce_mean(y_true / {denominator})"), tmp_path)
    (found,) = [d for d in searched([loss], plan, 0) if "towards 0" in d.regime]
    reached = np.abs(distance(found.values["y_pred"]))
    assert np.median(reached) < 1e-2
    assert np.min(reached) < 1e-6


def test_numbers_of_a_text_are_tried_and_common_ones_are_not():
    text = "def f(p):\n    return tf.maximum(p, 1e-7) * 2.0 + 0.3 * p - 1\n"
    assert literals_in([text]) == (1e-7, 0.3)
    assert {1e-7, -1e-7, 1 - 1e-7} <= set(beside(1e-7))


def plan() -> Plan:
    def loss(y_true, y_pred): ...

    import inspect

    return next(iter(plans(inspect.signature(loss), Hints(), ())))


def test_other_shapes_are_one_row_none_and_a_column():
    first = draws(plan(), "float32", 0)[0]
    shapes = {d.regime: [v.shape for v in d.values.values()] for d in other_shapes(plan(), first)}
    assert shapes == {"one row": [(1, 10)] * 2, EMPTY: [(0, 10)] * 2, COLUMN: [(8,), (8, 1)]}


def test_float16_is_given_what_it_can_square():
    for each in draws(plan(), "float16", 0):
        assert np.max(np.abs(each.values["y_pred"])) <= 64.0


def test_modes_that_disagree():
    draw = Draw("zeros", "float32", {})
    typical = Draw("typical", "float32", {})
    fine = Result(np.asarray(1.0), {"p": np.zeros(1)})
    nan = Result(np.asarray(1.0), {"p": np.full(1, np.nan)})
    off = Result(np.asarray(1.5), {"p": np.zeros(1)})
    results = {"eager": [fine, fine], "xla": [nan, off]}
    found = [d for t in ("float32", "bfloat16") for d in disagreements([draw, typical], t, results)]
    gradient, value = sorted(told(found))
    assert value == (
        "the original's value in float32, bfloat16 differs between eager and xla "
        "(regimes: typical)"
    )
    assert gradient.startswith(
        "the original's gradient in float32, bfloat16 is finite in eager and not in xla (regimes: "
        "zeros); "
        "Keras compiles by XLA where there is a GPU"
    )
