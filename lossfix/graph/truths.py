"""Comparisons as 0 and 1, decided where the ranges decide them; casts to bool and to integers."""

from __future__ import annotations

import re

from lossfix.graph.formats import Format
from lossfix.graph.intervals import UNIT, UNKNOWN, Interval, ends, point, rounded, stepped


def truth(always: bool, never: bool) -> Interval:
    return point(1.0) if always else point(0.0) if never else UNIT


def greater(x: Interval, y: Interval, fmt: Format) -> Interval:
    (low, high), (other_low, other_high) = ends(x, fmt), ends(y, fmt)
    return truth(low > other_high and not (x.nan or y.nan), high <= other_low)


def greater_equal(x: Interval, y: Interval, fmt: Format) -> Interval:
    (low, high), (other_low, other_high) = ends(x, fmt), ends(y, fmt)
    return truth(low >= other_high and not (x.nan or y.nan), high < other_low)


def apart(x: Interval, y: Interval, fmt: Format) -> bool:
    return greater(x, y, fmt).low == 1.0 or greater(y, x, fmt).low == 1.0


def one_value(x: Interval, y: Interval) -> bool:
    return x == y and x.low == x.high and not x.nan


def _to_whole(x: Interval, name: str) -> Interval:
    """Towards 0; what a dtype does not hold becomes whatever the machine makes of it."""
    signed, bits = not name.startswith("u"), int(name.lstrip("uint") or 32)
    most = 2.0 ** (bits - signed) - 1.0
    low, high = (-most, most) if signed else (0.0, most)
    if x.nan or x.low < low or high < x.high:
        return UNKNOWN
    return stepped(x, int)


def truths(x: Interval) -> Interval:
    """What is not 0 is true, NaN too."""
    return truth(not x.holds(0.0), x.low == x.high == 0.0 and not x.nan)


def cast(x: Interval, name: str, source: Format, fmt: Format) -> Interval:
    """A cast to the dtype named: to whole numbers, to truth values, or to the format `fmt`."""
    if not is_whole(name):
        return rounded(x, fmt, source)
    return truths(x) if name.startswith("bool") else _to_whole(x, name)


def is_whole(name: str) -> bool:
    """Whether it is the name of a dtype of whole numbers or truth values."""
    return _WHOLE.fullmatch(name) is not None


_WHOLE = re.compile(r"u?int(8|16|32|64)?|bool(_|ean)?")
