"""Intervals: what a value can be, and how arithmetic in a floating-point format moves it.

Every function is sound: for arguments within the given intervals, what the format computes lies
within the result, and is NaN only where the result says so. Ends of the result are numbers of the
format; so exp of (-inf, inf), which is (0, inf) over the reals, is [0, inf] here: it underflows
and overflows. An open infinite end stands for "finite, of unknown
size". The number 0 has no sign, or a positive one.

Moore, Kearfott, Cloud: Introduction to Interval Analysis, 2009, doi 10.1137/1.9780898717716;
Higham: Accuracy and Stability of Numerical Algorithms, 2002, doi 10.1137/1.9780898718027.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from lossfix.graph.formats import BFLOAT16, FLOAT32, Format

_INF = math.inf
_ULPS = 8.0  # how far a library's exp or log may be off, in units in the last place


@dataclass(frozen=True, slots=True)
class Interval:
    """All numbers between two ends, each with or without the end itself, and perhaps NaN."""

    low: float
    high: float
    low_open: bool = False
    high_open: bool = False
    nan: bool = False

    def holds(self, point: float) -> bool:
        """Whether the value can be `point`; NaN is a point too."""
        if math.isnan(point):
            return self.nan
        above = self.low < point or (self.low == point and not self.low_open)
        return above and (point < self.high or (self.high == point and not self.high_open))

    @property
    def unknown(self) -> bool:
        """Neither end is known."""
        return self.low == -_INF and self.high == _INF

    @property
    def bounded(self) -> bool:
        """Both ends are finite numbers."""
        return self.low > -_INF and self.high < _INF

    @property
    def may_overflow(self) -> bool:
        """The value can be an infinity."""
        return self.holds(_INF) or self.holds(-_INF)


UNKNOWN = Interval(-_INF, _INF, True, True)  # any finite number
ANYTHING = Interval(-_INF, _INF, nan=True)
POSITIVE = Interval(0.0, _INF, True, True)
NONNEGATIVE = Interval(0.0, _INF, False, True)
UNIT = Interval(0.0, 1.0)


def point(value: float) -> Interval:
    return Interval(value, value)


def hull(first: Interval, *others: Interval) -> Interval:
    """The smallest interval that has all of them within."""
    low, low_open = min((x.low, x.low_open) for x in (first, *others))
    high, high_closed = max((x.high, not x.high_open) for x in (first, *others))
    return Interval(low, high, low_open, not high_closed, any(x.nan for x in (first, *others)))


union = hull
"""The union of intervals as an interval: gaps are filled."""


def ends(x: Interval, fmt: Format) -> tuple[float, float]:
    """The least and the greatest number of the format within."""
    low, high = x.low, x.high
    if x.low_open:
        low = -fmt.largest if low == -_INF else _above(low, fmt)
    if x.high_open:
        high = fmt.largest if high == _INF else -_above(-high, fmt)
    return (low, high) if low <= high else (x.low, x.high)


def _above(value: float, fmt: Format) -> float:
    """The least number of the format that is more than `value`."""
    held = fmt.nearest(value)
    return held if held > value else fmt.after(held)


def made(
    limits: tuple[float, float], found: tuple[float, float], fmt: Format, nan: bool
) -> Interval:
    """A rounded result: `found` its least and greatest value, `limits` where the reals end.

    An end at 0 or infinity that no value of the format comes to is open.
    """
    low, high = _held(found[0], found[1], fmt)
    low_open = limits[0] in (0.0, -_INF) and low > limits[0]
    high_open = limits[1] in (0.0, _INF) and high < limits[1]
    low, high = limits[0] if low_open else low, limits[1] if high_open else high
    if low > high:
        return replace(ANYTHING, nan=nan)
    return Interval(low + 0.0, high + 0.0, low_open, high_open, nan)


def _held(low: float, high: float, fmt: Format) -> tuple[float, float]:
    """The ends rounded; one that is flushed to 0 on some machines comes to 0."""
    low, high = fmt.nearest(low), fmt.nearest(high)
    return 0.0 if 0.0 < low < fmt.tiny else low, 0.0 if -fmt.tiny < high < 0.0 else high


def constant(value: float, fmt: Format = FLOAT32) -> Interval:
    """A number of the text, as the format holds it."""
    if math.isnan(value):
        return ANYTHING
    low, high = _held(value, value, fmt)
    return Interval(low, high)


def rounded(x: Interval, fmt: Format, source: Format = FLOAT32) -> Interval:
    """A value of the format `source`, cast to another; an open end stays where nothing is lost."""
    low, high = _held(x.low, x.high, fmt)
    kept = {0.0: source.tiny >= fmt.tiny, _INF: source.largest <= fmt.largest}
    low_open = x.low_open and low == x.low and kept.get(abs(low), False)
    high_open = x.high_open and high == x.high and kept.get(abs(high), False)
    return Interval(low, high, low_open, high_open, x.nan)


def loosened(x: Interval, fmt: Format, ulps: float = _ULPS) -> Interval:
    """Room for the rounding errors of a library function or of a sum, `ulps` at each end.

    The formats of 16 bits are computed in float32 and rounded once.
    """
    by = ulps * 2.0 * min(fmt.unit, FLOAT32.unit)

    def moved(end: float, sense: float) -> float:
        if end == 0.0 or math.isinf(end) or BFLOAT16.nearest(end) == end:
            return end  # 0, 1, a half: libraries have these right
        return end + sense * abs(end) * by

    return replace(x, low=moved(x.low, -1.0), high=moved(x.high, 1.0))


# exact operations: nothing is rounded, so open ends stay open


def neg(x: Interval) -> Interval:
    return Interval(0.0 - x.high, 0.0 - x.low, x.high_open, x.low_open, x.nan)


def absolute(x: Interval) -> Interval:
    if x.low >= 0.0:
        return x
    if x.high <= 0.0:
        return neg(x)
    above = max((x.high, not x.high_open), (-x.low, not x.low_open))
    return Interval(0.0, above[0], False, not above[1], x.nan)


def maximum(x: Interval, y: Interval) -> Interval:
    low, low_open = max((x.low, x.low_open), (y.low, y.low_open))
    high, closed = max((x.high, not x.high_open), (y.high, not y.high_open))
    return Interval(low, high, low_open, not closed, x.nan or y.nan)


def minimum(x: Interval, y: Interval) -> Interval:
    return neg(maximum(neg(x), neg(y)))


def clip(x: Interval, low: Interval, high: Interval) -> Interval:
    """min(max(x, low), high), as TensorFlow and NumPy have it."""
    return minimum(maximum(x, low), high)


def sign(x: Interval) -> Interval:
    low = -1.0 if x.low < 0.0 else 1.0 if x.low > 0.0 or x.low_open else 0.0
    high = 1.0 if x.high > 0.0 else -1.0 if x.high < 0.0 or x.high_open else 0.0
    return Interval(low, max(low, high), nan=x.nan)


def stepped(x: Interval, function: Callable[[float], int]) -> Interval:
    """floor, ceil, round and trunc, by `function`."""
    low, high = (float(function(e)) if math.isfinite(e) else e for e in (x.low, x.high))
    if x.high_open and x.high == high and math.isfinite(high) and function in (math.floor, int):
        high = max(low, high - 1.0 if function is math.floor or high > 0.0 else high)
    low_open = x.low_open and math.isinf(x.low)
    return Interval(low + 0.0, high + 0.0, low_open, x.high_open and math.isinf(x.high), x.nan)


# rounded operations


def corners(x: Interval, y: Interval, fmt: Format, op: Callable[[float, float], float]) -> Interval:
    """An operation that is monotone in each argument is extreme where both are."""
    limits = [_number(op(a, b)) for a in (x.low, x.high) for b in (y.low, y.high)]
    found = [_number(op(a, b)) for a in ends(x, fmt) for b in ends(y, fmt)]
    nan = x.nan or y.nan
    return made((min(limits), max(limits)), (min(found), max(found)), fmt, nan)


def _number(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def add(x: Interval, y: Interval, fmt: Format) -> Interval:
    nan = (x.holds(_INF) and y.holds(-_INF)) or (x.holds(-_INF) and y.holds(_INF))
    if nan:
        return ANYTHING
    (low, high), (other_low, other_high) = ends(x, fmt), ends(y, fmt)
    limits = _number(x.low + y.low), _number(x.high + y.high)
    return made(limits, (low + other_low, high + other_high), fmt, x.nan or y.nan)


def sub(x: Interval, y: Interval, fmt: Format) -> Interval:
    return add(x, neg(y), fmt)


def mul(x: Interval, y: Interval, fmt: Format) -> Interval:
    found = corners(x, y, fmt, lambda a, b: a * b)
    nan = (x.holds(0.0) and y.may_overflow) or (y.holds(0.0) and x.may_overflow)
    return replace(found, nan=found.nan or nan)


def square(x: Interval, fmt: Format) -> Interval:
    size = absolute(x)
    low, high = ends(size, fmt)
    return made((size.low * size.low, size.high * size.high), (low * low, high * high), fmt, x.nan)


def div(x: Interval, y: Interval, fmt: Format) -> Interval:
    nan = x.nan or y.nan or (x.may_overflow and y.may_overflow)
    if not y.holds(0.0):
        return replace(corners(x, y, fmt, _over), nan=nan)
    nan = nan or x.holds(0.0)
    if y.low < 0.0 or (y.high == 0.0 and x.low <= 0.0 <= x.high):
        return replace(ANYTHING, nan=nan)
    pole = point(_INF if x.low >= 0.0 else -_INF)
    if y.high == 0.0:
        return replace(pole, nan=nan)
    beside = corners(x, replace(y, low_open=True), fmt, _over)
    poles = [point(math.copysign(_INF, end)) for end in (x.low, x.high) if end != 0.0]
    return replace(hull(beside, *poles), nan=nan)


def _over(value: float, by: float) -> float:
    """value / by where `by` comes to 0 from above, if at all."""
    if math.isinf(value) and math.isinf(by):
        return 0.0
    if by == 0.0:
        return 0.0 if value == 0.0 else math.copysign(_INF, value)
    return value / by


def divide_no_nan(x: Interval, y: Interval, fmt: Format) -> Interval:
    """x / y, and 0 where y is 0."""
    if y.low == y.high == 0.0:
        return Interval(0.0, 0.0, nan=y.nan)
    if not y.holds(0.0):
        return div(x, y, fmt)
    nan = x.nan or y.nan or (x.may_overflow and y.may_overflow)
    parts = [point(0.0)]
    if y.high > 0.0:
        parts.append(div(x, Interval(0.0, y.high, True, y.high_open), fmt))
    if y.low < 0.0:
        parts.append(div(x, Interval(y.low, 0.0, y.low_open, True), fmt))
    return replace(hull(*parts), nan=nan)


def mod(x: Interval, y: Interval, fmt: Format) -> Interval:
    """The remainder that has the divisor's sign."""
    nan = x.nan or y.nan or x.may_overflow or y.holds(0.0)
    low, high = min(y.low, 0.0), max(y.high, 0.0)
    return Interval(low, high, y.low_open and low < 0.0, y.high_open and high > 0.0, nan)


def floordiv(x: Interval, y: Interval, fmt: Format) -> Interval:
    found = stepped(div(x, y, fmt), math.floor)
    low = found.low if x.low >= 0.0 <= y.low and found.low == 0.0 else found.low - 1.0
    nan = found.nan or x.may_overflow or y.holds(0.0)
    return replace(found, low=low, nan=nan)
