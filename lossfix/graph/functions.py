"""Functions of values: how an op of the vocabulary moves intervals, by a table.

Libraries are taken to be off by some units in the last place, and to sum in pairs; a tensor to
have at least one element and at most 2 ** 31.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lossfix.graph.formats import FLOAT32, Format
from lossfix.graph.intervals import (
    ANYTHING,
    UNIT,
    UNKNOWN,
    Interval,
    absolute,
    add,
    clip,
    corners,
    div,
    divide_no_nan,
    ends,
    floordiv,
    hull,
    loosened,
    made,
    maximum,
    minimum,
    mod,
    mul,
    neg,
    point,
    rounded,
    sign,
    square,
    stepped,
    sub,
)
from lossfix.graph.truths import apart, cast, greater, greater_equal, one_value, truth, truths

_INF = math.inf
_COUNT = 2.0**31  # the most elements of a tensor
_LOG_COUNT = 22.0
_POWER_ULPS = 128.0  # exp(y * log(x)) is off by the size of y * log(x)
_SUM_ULPS = 64.0
COUNTING = Interval(0.0, _INF, False, True)
LENGTH = Interval(1.0, _INF, False, True)

Transfer = Callable[..., Interval]
"""Intervals of the arguments, then the format, to the interval of the result."""


def _monotone(
    x: Interval,
    fmt: Format,
    function: Callable[[float], float],
    least: float = -_INF,
    most: float = _INF,
) -> Interval:
    """An increasing function, that libraries keep within [least, most]."""
    low, high = ends(x, fmt)
    found = loosened(Interval(function(low), function(high)), fmt)
    limits = function(x.low), function(x.high)
    return made(limits, (max(found.low, least), min(found.high, most)), fmt, x.nan)


def exp(x: Interval, fmt: Format) -> Interval:
    return _monotone(x, fmt, _exp, 0.0 if x.low < 0.0 else 1.0, 1.0 if x.high <= 0.0 else _INF)


def _exp(value: float) -> float:
    return math.exp(value) if value < 700.0 else _INF


def expm1(x: Interval, fmt: Format) -> Interval:
    return _monotone(x, fmt, lambda v: math.expm1(v) if v < 700.0 else _INF, -1.0)


def log(x: Interval, fmt: Format) -> Interval:
    if x.high < 0.0 or (x.high == 0.0 and x.high_open):
        return ANYTHING
    domain = maximum(x, point(0.0))
    nan = x.nan or x.low < 0.0
    return replace(_monotone(domain, fmt, _log), nan=nan)


def _log(value: float) -> float:
    return math.log(value) if value > 0.0 else -_INF


def log1p(x: Interval, fmt: Format) -> Interval:
    if x.high < -1.0:
        return ANYTHING
    found = _monotone(maximum(x, point(-1.0)), fmt, _log1p)
    return replace(found, nan=x.nan or x.low < -1.0)


def _log1p(value: float) -> float:
    return math.log1p(value) if value > -1.0 else -_INF


def sqrt(x: Interval, fmt: Format) -> Interval:
    """Rounded correctly by every library."""
    if x.high < 0.0 or (x.high == 0.0 and x.high_open):
        return ANYTHING
    domain = maximum(x, point(0.0))
    low, high = ends(domain, fmt)
    limits = math.sqrt(domain.low), math.sqrt(domain.high)
    return made(limits, (math.sqrt(low), math.sqrt(high)), fmt, x.nan or x.low < 0.0)


def sigmoid(x: Interval, fmt: Format) -> Interval:
    return _monotone(x, fmt, _sigmoid, 0.0, 1.0)


def _sigmoid(value: float) -> float:
    if value < -700.0:
        return 0.0
    return 1.0 / (1.0 + math.exp(-value)) if value < 700.0 else 1.0


def tanh(x: Interval, fmt: Format) -> Interval:
    return _monotone(x, fmt, math.tanh, -1.0, 1.0)


def erf(x: Interval, fmt: Format) -> Interval:
    return _monotone(x, fmt, math.erf, -1.0, 1.0)


def sinh(x: Interval, fmt: Format) -> Interval:
    return _monotone(x, fmt, _sinh)


def _sinh(value: float) -> float:
    return math.sinh(value) if abs(value) < 700.0 else math.copysign(_INF, value)


def cosh(x: Interval, fmt: Format) -> Interval:
    return _monotone(absolute(x), fmt, lambda v: math.cosh(v) if v < 700.0 else _INF, 1.0)


def atanh(x: Interval, fmt: Format) -> Interval:
    if x.low <= -1.0 or x.high >= 1.0:
        return ANYTHING
    return _monotone(x, fmt, math.atanh)


def softplus(x: Interval, fmt: Format) -> Interval:
    return _monotone(x, fmt, _softplus, 0.0)


def _softplus(value: float) -> float:
    if math.isinf(value):
        return max(value, 0.0)
    return max(value, 0.0) + math.log1p(math.exp(-abs(value)))


def log_sigmoid(x: Interval, fmt: Format) -> Interval:
    return neg(softplus(neg(x), fmt))


def power(x: Interval, y: Interval, fmt: Format) -> Interval:
    """x ** y; NaN for a negative x where y is not known to be a whole number."""
    if x.low >= 0.0:
        return loosened(corners(x, y, fmt, _pow), fmt, _POWER_ULPS)
    if y.low != y.high or not y.low.is_integer():
        return ANYTHING
    if y.low < 0.0:
        return div(point(1.0), power(x, neg(y), fmt), fmt)
    if y.low % 2.0 == 0.0:
        return power(absolute(x), y, fmt)
    below = neg(power(maximum(neg(x), point(0.0)), y, fmt))
    return hull(below, power(maximum(x, point(0.0)), y, fmt))


def _pow(base: float, exponent: float) -> float:
    try:
        return float(base**exponent)
    except (OverflowError, ZeroDivisionError):
        return _INF


def fused(function: Transfer) -> Transfer:
    """Several steps in one: in 16 bits, each of them is rounded or the last one alone."""

    def transfer(*given: Any) -> Interval:
        *args, fmt = given
        stepwise = function(*args, fmt)
        if fmt.precision >= FLOAT32.precision:
            return stepwise
        return hull(rounded(function(*args, FLOAT32), fmt), stepwise)

    return transfer


# reductions


def total(x: Interval, fmt: Format) -> Interval:
    """A sum of some of the values, one at least; of positive ones it is no less than each."""
    most = fmt.largest / _COUNT
    low = (x.low, x.low_open) if x.low >= 0.0 else (-_INF, -x.low <= most)
    high = (x.high, x.high_open) if x.high <= 0.0 else (_INF, x.high <= most)
    found = Interval(low[0], high[0], low[1], high[1], x.nan)
    return replace(found, nan=x.nan or (found.holds(_INF) and found.holds(-_INF)))


def mean(x: Interval, fmt: Format) -> Interval:
    """Between the ends, but for rounding; the sum before the division may overflow."""
    summed = total(x, FLOAT32 if fmt.precision < FLOAT32.precision else fmt)
    loose = loosened(x, fmt, _SUM_ULPS)
    low_open, high_open = x.low_open and x.low == 0.0, x.high_open and x.high == 0.0
    low, high = (-_INF if summed.holds(-_INF) else loose.low), loose.high
    high = _INF if summed.holds(_INF) else high
    return Interval(low, high, low_open, high_open, summed.nan)


def product(x: Interval, fmt: Format) -> Interval:
    size = absolute(x)
    low = x.low if x.low >= 1.0 else 0.0
    found = Interval(low, 1.0 if size.high <= 1.0 else _INF)
    found = hull(found, x) if x.low >= 0.0 else hull(found, neg(found))
    return replace(found, nan=x.nan or (size.high > 1.0 > size.low))


def logsumexp(x: Interval, fmt: Format) -> Interval:
    """At least the maximum, and at most the logarithm of the count above it."""
    return made((x.low, x.high), (ends(x, fmt)[0], ends(x, fmt)[1] + _LOG_COUNT), fmt, x.nan)


def softmax(x: Interval, fmt: Format) -> Interval:
    """In [0, 1]; above 0 where no logit lies far below another."""
    low, high = ends(x, fmt)
    above = _exp(low - high) / _COUNT >= fmt.tiny if not x.may_overflow else False
    return Interval(0.0, 1.0, above, nan=x.nan or x.may_overflow)


def log_softmax(x: Interval, fmt: Format) -> Interval:
    low, high = ends(x, fmt)
    least = low - high - _LOG_COUNT if x.bounded else -_INF
    return made((least, 0.0), (least, 0.0), fmt, x.nan or x.may_overflow)


def spread(x: Interval, fmt: Format) -> Interval:
    """A variance: 0 where all values are equal, a quarter of the squared width at most."""
    if not x.bounded:
        return Interval(0.0, _INF, nan=True)
    off = max(abs(x.low), abs(x.high)) * 2.0 * _SUM_ULPS * min(fmt.unit, FLOAT32.unit)
    high = square(point((x.high - x.low) / 2.0 + off), fmt).high  # the mean is off by so much
    return Interval(0.0, high, nan=mean(x, fmt).nan or mean(x, fmt).may_overflow)


def norm(x: Interval, fmt: Format) -> Interval:
    return loosened(sqrt(total(square(x, fmt), fmt), fmt), fmt, _SUM_ULPS)


def unit_vector(x: Interval, fmt: Format) -> Interval:
    """x / norm(x): past 1 by rounding, which is what an arc cosine trips over."""
    most = 1.0 + 8.0 * fmt.unit
    low = 0.0 if x.low >= 0.0 else -most
    return Interval(low, 0.0 if x.high <= 0.0 else most, nan=x.nan or x.may_overflow)


def logaddexp(x: Interval, y: Interval, fmt: Format) -> Interval:
    larger = maximum(x, y)
    low, high = ends(larger, fmt)
    return made((larger.low, larger.high), (low, high + 1.0), fmt, larger.nan)


def xlogy(x: Interval, y: Interval, fmt: Format) -> Interval:
    """x * log(y), and 0 where x is 0."""
    logs = log(y, fmt)
    found = hull(mul(x, logs, fmt), point(0.0)) if x.holds(0.0) else mul(x, logs, fmt)
    nan = x.nan or logs.nan or (x.may_overflow and logs.holds(0.0))
    return replace(found, nan=nan)


def multiply_no_nan(x: Interval, y: Interval, fmt: Format) -> Interval:
    """x * y, and 0 where y is 0."""
    found = mul(x, y, fmt)
    nan = x.nan or y.nan or (x.holds(0.0) and y.may_overflow)
    return replace(hull(found, point(0.0)) if y.holds(0.0) else found, nan=nan)


def _same(x: Interval, *_: object) -> Interval:
    return x


def _sure(found: Interval) -> Transfer:
    return lambda *args: found


TRANSFER: Mapping[str, Transfer] = {
    "add": add,
    "sub": sub,
    "neg": lambda x, fmt: neg(x),
    "mul": mul,
    "div": div,
    "pow": power,
    "mod": mod,
    "floordiv": floordiv,
    "divide_no_nan": divide_no_nan,
    "multiply_no_nan": multiply_no_nan,
    "xlogy": fused(xlogy),
    "logaddexp": logaddexp,
    "square": square,
    "sqrt": sqrt,
    "abs": lambda x, fmt: absolute(x),
    "sign": lambda x, fmt: sign(x),
    "exp": exp,
    "expm1": expm1,
    "log": log,
    "log1p": log1p,
    "sigmoid": sigmoid,
    "log_sigmoid": log_sigmoid,
    "softplus": softplus,
    "tanh": tanh,
    "erf": erf,
    "erfc": lambda x, fmt: Interval(0.0, 2.0, nan=x.nan),
    "sinh": sinh,
    "cosh": cosh,
    "atanh": atanh,
    "atan2": lambda y, x, fmt: Interval(-3.2, 3.2, nan=x.nan or y.nan),
    "relu": lambda x, fmt: maximum(x, point(0.0)),
    "sin": lambda x, fmt: Interval(-1.0, 1.0, nan=x.nan or x.may_overflow),
    "cos": lambda x, fmt: Interval(-1.0, 1.0, nan=x.nan or x.may_overflow),
    "maximum": lambda x, y, fmt: maximum(x, y),
    "minimum": lambda x, y, fmt: minimum(x, y),
    "clip": lambda x, low, high, fmt: clip(x, low, high),
    "round": lambda x, fmt: stepped(x, round),
    "floor": lambda x, fmt: stepped(x, math.floor),
    "ceil": lambda x, fmt: stepped(x, math.ceil),
    "sum": total,
    "cumsum": total,
    "mean": mean,
    "max": _same,
    "min": _same,
    "prod": product,
    "cumprod": product,
    "logsumexp": logsumexp,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "variance": fused(spread),
    "std": fused(lambda x, fmt: sqrt(spread(x, fmt), fmt)),
    "norm": fused(norm),
    "euclidean_norm": fused(norm),
    "l2_normalize": unit_vector,
    "matmul": lambda x, y, fmt: total(mul(x, y, fmt), fmt),
    "greater": greater,
    "greater_equal": greater_equal,
    "less": lambda x, y, fmt: greater(y, x, fmt),
    "less_equal": lambda x, y, fmt: greater_equal(y, x, fmt),
    "equal": lambda x, y, fmt: truth(one_value(x, y), apart(x, y, fmt)),
    "not_equal": lambda x, y, fmt: truth(apart(x, y, fmt), one_value(x, y)),
    "logical_and": lambda x, y, fmt: minimum(truths(x), truths(y)),
    "logical_or": lambda x, y, fmt: maximum(truths(x), truths(y)),
    "logical_not": lambda x, fmt: sub(point(1.0), truths(x), fmt),
    "any": lambda x, fmt: truths(x),
    "all": lambda x, fmt: truths(x),
    "is_nan": _sure(UNIT),
    "is_finite": _sure(UNIT),
    "is_inf": _sure(UNIT),
    "one_hot": _sure(UNIT),
    "argmax": _sure(COUNTING),
    "argmin": _sure(COUNTING),
    "argsort": _sure(COUNTING),
    **dict.fromkeys(
        "count_nonzero bincount searchsorted digitize histogram edit_distance".split(),
        _sure(COUNTING),
    ),
    "top_classes": _sure(UNIT),
    **dict.fromkeys(
        "softmax_xent sparse_softmax_xent sigmoid_xent".split(),
        _sure(Interval(0.0, _INF)),
    ),
    "unique": _same,
    "straight_through": _same,
    "ones_like": _sure(point(1.0)),
    "zeros_like": _sure(point(0.0)),
    **dict.fromkeys(
        "column column_kept reshape squeeze expand_dims transpose flatten identity stop_gradient "
        "gather gather_nd boolean_mask take take_along_axis tile to_numpy to_float".split(),
        _same,
    ),
    "to_int": lambda x, fmt: cast(x, "int64", fmt, fmt),
    **dict.fromkeys(
        "binary_crossentropy categorical_crossentropy sparse_categorical_crossentropy "
        "mean_binary_crossentropy mean_categorical_crossentropy "
        "mean_sparse_categorical_crossentropy".split(),
        _sure(Interval(0.0, _INF)),
    ),
    **dict.fromkeys(
        "binary_accuracy categorical_accuracy sparse_categorical_accuracy "
        "top_k_categorical_accuracy sparse_top_k_categorical_accuracy".split(),
        _sure(UNIT),
    ),
    "variable": _sure(UNKNOWN),  # what it begins with is not what training leaves in it
}
"""How each op moves intervals; `cast` and `where` depend on more than intervals."""


def apply(op: str, args: Sequence[Interval], fmt: Format) -> Interval:
    """The interval of an op on intervals; anything where the table has no such op."""
    transfer = TRANSFER.get(op.removeprefix("np_"))
    return ANYTHING if transfer is None else transfer(*args, fmt)
