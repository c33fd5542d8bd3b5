"""Intervals: open and closed ends, infinities and NaN, and the formats that round them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossfix.graph import functions as f
from lossfix.graph import intervals as iv
from lossfix.graph.formats import BFLOAT16, FLOAT16, FLOAT32, FLOAT64
from lossfix.graph.intervals import POSITIVE, UNIT, UNKNOWN, Interval, point

INF = math.inf


def test_an_open_end_is_not_held_and_a_closed_one_is():
    assert Interval(0.0, 1.0).holds(0.0)
    assert not Interval(0.0, 1.0, low_open=True).holds(0.0)
    assert not UNKNOWN.holds(INF)
    assert Interval(0.0, INF).holds(INF)


def test_nan_is_held_where_the_interval_says_so():
    assert not UNIT.holds(math.nan)
    assert Interval(0.0, 1.0, nan=True).holds(math.nan)


def test_the_hull_of_two_fills_the_gap_and_keeps_what_is_open_in_both():
    assert iv.hull(point(0.0), Interval(1.0, 2.0, False, True)) == Interval(0.0, 2.0, False, True)
    assert iv.hull(Interval(0.0, 1.0, True), UNIT) == UNIT
    assert iv.hull(UNIT, Interval(0.0, 1.0, nan=True)).nan


@pytest.mark.parametrize(
    ("fmt", "written", "held"),
    [
        (FLOAT32, 1 - 1e-8, 1.0),
        (FLOAT32, 1 - 1e-7, 0.9999998807907104),
        (FLOAT32, 1e-10 + 1, 1.0),
        (FLOAT32, 3.5e38, INF),
        (BFLOAT16, 1 - 1e-3, 1.0),
        (BFLOAT16, 1 - 4e-3, 0.99609375),
        (FLOAT16, 1 - 1e-4, 1.0),
        (FLOAT16, 1 - 1e-3, 0.9990234375),
        (FLOAT16, 1e-8, 0.0),
        (FLOAT16, 1e-7, 1.1920928955078125e-07),
        (FLOAT16, 65520.0, INF),
        (FLOAT16, 65519.0, 65504.0),
        (FLOAT64, 1 - 1e-8, 1 - 1e-8),
    ],
)
def test_a_number_as_a_format_holds_it(fmt, written, held):
    assert iv.constant(written, fmt) == point(held)


@given(st.floats(allow_nan=False))
def test_rounding_agrees_with_numpy(value):
    with np.errstate(over="ignore"):
        assert FLOAT32.nearest(value) == float(np.float32(value))
        assert FLOAT16.nearest(value) == float(np.float16(value))


@given(st.floats(allow_nan=False, allow_infinity=False, width=32, allow_subnormal=False))
def test_the_next_number_agrees_with_numpy(value):
    with np.errstate(over="ignore"):
        if value != 0.0:
            assert FLOAT32.after(value) == float(np.nextafter(np.float32(value), np.float32(INF)))
            assert FLOAT32.before(value) == float(np.nextafter(np.float32(value), -np.float32(INF)))


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (f.exp(UNKNOWN, FLOAT32), Interval(0.0, INF)),  # underflows and overflows
        (f.exp(Interval(-INF, 0.0, True), FLOAT32), UNIT),
        (f.exp(point(88.72), FLOAT32).may_overflow, False),
        (f.exp(point(88.73), FLOAT32), point(INF)),
        (f.exp(point(11.09), FLOAT16).may_overflow, False),
        (f.exp(point(11.1), FLOAT16), point(INF)),
        (f.log(UNIT, FLOAT32), Interval(-INF, 0.0)),
        (f.log(POSITIVE, FLOAT32), UNKNOWN),  # of a positive number it is finite
        (f.log(Interval(-1.0, 1.0), FLOAT32), Interval(-INF, 0.0, nan=True)),
        (f.sqrt(Interval(-1.0, 4.0), FLOAT32), Interval(0.0, 2.0, nan=True)),
        (f.sigmoid(UNKNOWN, FLOAT32), UNIT),
        (f.tanh(UNKNOWN, FLOAT32), Interval(-1.0, 1.0)),
        (iv.add(UNIT, point(1e-10), FLOAT32).holds(0.0), False),
        (iv.add(Interval(0.0, INF), POSITIVE, FLOAT32), Interval(0.0, INF, True)),
        (iv.sub(point(1.0), Interval(0.0, 1.0, True), FLOAT32), UNIT),  # 1 - 1e-9 is 1
        (iv.sub(Interval(0.0, INF), Interval(0.0, INF), FLOAT32).nan, True),  # inf - inf
        (iv.mul(POSITIVE, POSITIVE, FLOAT32), Interval(0.0, INF)),  # underflows
        (iv.mul(point(2.0), POSITIVE, FLOAT32), Interval(0.0, INF, True)),
        (iv.mul(UNIT, Interval(0.0, INF), FLOAT32).nan, True),  # 0 * inf
        (iv.square(UNKNOWN, FLOAT32), Interval(0.0, INF)),
        (iv.div(point(1.0), UNIT, FLOAT32), Interval(1.0, INF)),
        (iv.div(UNIT, UNIT, FLOAT32), Interval(0.0, INF, nan=True)),  # 0 / 0
        (iv.divide_no_nan(UNIT, UNIT, FLOAT32).nan, False),
        (f.power(UNKNOWN, point(4.0), FLOAT32), Interval(0.0, INF)),
        (f.power(UNIT, POSITIVE, FLOAT32), UNIT),
        (f.power(UNKNOWN, point(0.3), FLOAT32).nan, True),
        (f.total(UNIT, FLOAT32), Interval(0.0, INF, False, True)),
        (f.total(Interval(0.5, 1.0), FLOAT32).low, 0.5),  # one element at least
        (f.mean(UNIT, FLOAT32), UNIT),
        (f.product(UNIT, FLOAT32), UNIT),
        (f.softmax(UNKNOWN, FLOAT32), UNIT),
        (f.softmax(Interval(-5.0, 5.0), FLOAT32), Interval(0.0, 1.0, True)),
        (f.norm(UNKNOWN, FLOAT32), Interval(0.0, INF)),
        (iv.stepped(Interval(0.0, 1.0, False, True), math.floor), point(0.0)),
        (iv.sign(POSITIVE), point(1.0)),
    ],
)
def test_what_an_operation_makes_of_intervals(found, told):
    assert found == told
