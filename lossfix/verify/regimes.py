"""The regimes that inputs are drawn in: the places where losses break, and ordinary ones.

Each draw has the plan's shapes, so that one trace serves all regimes; only "one row" has a batch
of one. Draws are rounded to the dtype under test before anything sees them, so that the float64
reference sees the same real numbers.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lossfix.verify.conventions import LABEL, PREDICTION, WEIGHT
from lossfix.verify.inputs import Plan, Tensor
from lossfix.verify.literals import beside
from lossfix.verify.numerics import FORMATS, Array, held, neighbour, rounded

Values = dict[str, NDArray[np.generic]]
Rng = np.random.Generator

_UNIT = ("any", "probability", "simplex", "range")
_REAL = ("any", "real", "range")

# what a regime may be used for: compared number by number, or for its finiteness alone
SUBNORMAL = "subnormal"
HUGE = "huge"
CLOSE = "close together"  # nearly equal, and so small that squares of it vanish
WEAK = frozenset({"minute", "tiny", SUBNORMAL})
FAR = frozenset({"large", "very large", HUGE, "offset", "tiny", SUBNORMAL})
ORDINARY = ("typical", "typical reals", "simplex")


@dataclass(frozen=True)
class Draw:
    """One set of inputs: float64 arrays that `dtype` holds exactly, and integer arrays."""

    regime: str
    dtype: str
    values: Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class Regime:
    name: str
    kinds: tuple[str, ...]  # kinds of predictions that it exists for
    prediction: Callable[[Rng, tuple[int, ...], str], Array]
    label: str = "binary"  # "binary", "onehot", "real", "zeros", "ones"
    weight: str = "positive"  # "binary", "zeros"


def _uniform(low: float, high: float) -> Callable[[Rng, tuple[int, ...], str], Array]:
    return lambda rng, shape, dtype: rng.uniform(low, high, shape)


def _normal(scale: float) -> Callable[[Rng, tuple[int, ...], str], Array]:
    return lambda rng, shape, dtype: np.asarray(rng.normal(0.0, scale, shape))


def _magnitudes(low: float, high: float, signed: bool) -> Callable[..., Array]:
    def draw(rng: Rng, shape: tuple[int, ...], dtype: str) -> Array:
        size = np.exp(rng.uniform(np.log(low), np.log(high), shape))
        return size * np.where(rng.random(shape) < 0.5, -1.0, 1.0) if signed else size

    return draw


def _softmax(rng: Rng, shape: tuple[int, ...], dtype: str) -> Array:
    if not shape:
        return np.asarray(0.5)
    powers = np.exp(rng.normal(0.0, 2.0, shape))
    return np.asarray(powers / powers.sum(-1, keepdims=True))


def _shares(rng: Rng, shape: tuple[int, ...], dtype: str) -> Array:
    """Rows that sum to 1 exactly: whole multiples of the dtype's eps."""
    if not shape:
        return np.asarray(1.0)
    whole = round(1.0 / FORMATS[dtype].eps)
    parts = np.floor(_softmax(rng, shape, dtype) * whole)
    parts[..., 0] += whole - parts.sum(-1)
    return np.asarray(parts / whole)


def _near_one(rng: Rng, shape: tuple[int, ...], dtype: str) -> Array:
    return 1.0 - np.exp(rng.uniform(np.log(FORMATS[dtype].eps / 2), np.log(1e-2), shape))


def _offset(rng: Rng, shape: tuple[int, ...], dtype: str) -> Array:
    """Far from 0 and close to each other: differences of squares cancel."""
    return 1000.0 + np.asarray(rng.normal(0.0, 1.0, shape))


def _bits(rng: Rng, shape: tuple[int, ...], dtype: str) -> Array:
    return (rng.random(shape) < 0.5).astype(np.float64)


def _ties(rng: Rng, shape: tuple[int, ...], dtype: str) -> Array:
    return np.asarray(rng.choice([0.25, 0.5], shape))


def _constant(value: float) -> Callable[[Rng, tuple[int, ...], str], Array]:
    return lambda rng, shape, dtype: np.full(shape, value)


def _subnormal(rng: Rng, shape: tuple[int, ...], dtype: str) -> Array:
    return rng.uniform(0.1, 0.9, shape) * FORMATS[dtype].smallest_normal


REGIMES: tuple[Regime, ...] = (
    Regime("typical", _UNIT, _uniform(0.05, 0.95)),
    Regime("typical reals", _REAL, _normal(2.0), "onehot"),
    Regime("simplex", _UNIT, _softmax, "onehot", "binary"),
    Regime("real labels", _REAL, _normal(1.5), "real"),
    Regime("negative", ("any", "real"), _uniform(-4.0, -0.1), "onehot"),
    Regime("moderate", _REAL, _uniform(-20.0, 20.0), "onehot"),
    Regime("large", _REAL, _uniform(-100.0, 100.0)),
    Regime("very large", _REAL, _uniform(-400.0, 400.0), "onehot"),
    Regime(HUGE, ("any", "real"), _magnitudes(1e6, 1e9, True)),
    Regime("offset", ("any", "real"), _offset),
    Regime("saturated", _UNIT, _bits, weight="binary"),
    Regime("near one", _UNIT, _near_one),
    Regime("small", (*_REAL, "probability"), _magnitudes(1e-6, 1e-2, False)),
    Regime("small both signs", ("any", "real"), _magnitudes(1e-6, 1e-2, True)),
    Regime("minute", (*_REAL, "probability"), _magnitudes(1e-10, 1e-7, False)),
    Regime("ties", (*_UNIT, "real"), _ties),
    Regime("zeros", (*_UNIT, "real"), _constant(0.0)),
    Regime("all zeros", (*_UNIT, "real"), _constant(0.0), "zeros", "zeros"),
    Regime("no positives", (*_UNIT, "real"), _uniform(0.05, 0.95), "zeros"),
    Regime("all positives", (*_UNIT, "real"), _uniform(0.05, 0.95), "ones"),
    Regime("tiny", (*_UNIT, "real"), _magnitudes(1e-30, 1e-20, False)),
    Regime(SUBNORMAL, (*_UNIT, "real"), _subnormal),
)


def is_far(draw: Draw) -> bool:
    """Whether overflow may be the true answer: exp(12) has none in float16."""
    return draw.regime in FAR or (draw.dtype == "float16" and draw.regime == "moderate")


def draws(plan: Plan, dtype: str, seed: int, thresholds: tuple[float, ...] = ()) -> list[Draw]:
    """One draw a regime, the same ones for the same seed."""
    predictions = [t for t in plan.tensors if t.role == PREDICTION]
    found: list[Draw] = []
    for regime in REGIMES:
        if all(_suits(t, regime) for t in predictions):
            found.append(draw(plan, regime, dtype, seed))
    if found and any(t.role == LABEL and t.shape == predictions[0].shape for t in plan.tensors):
        found.append(_perfect(plan, found[0], dtype))
    if found:
        found += _close_together(plan, found[0], dtype)
    for number, literal in enumerate(plan.literals):
        found += _at_points(plan, dtype, seed + number, f"beside {literal:g}", beside(literal))
    for number, threshold in enumerate(thresholds):
        found.append(_at_threshold(plan, dtype, seed + number, threshold))
    return found


def _suits(tensor: Tensor, regime: Regime) -> bool:
    """Whether a regime can be drawn for a tensor; what has values of its own fits them all."""
    return tensor.kind in regime.kinds or (tensor.given and tensor.kind in _OWN_VALUES)


_OWN_VALUES = frozenset({"binary", "onehot", "simplex", "index", "positive"})


def typical(
    plan: Plan,
    dtype: str,
    seed: int,
    count: int,
    thresholds: tuple[float, ...] = (),
    more: tuple[str, ...] = (),
) -> list[Draw]:
    """`count` ordinary draws, some of them around the thresholds, or of `more` regimes."""
    predictions = [t for t in plan.tensors if t.role == PREDICTION]
    usable = [
        r
        for r in (*REGIMES, *(_around(t) for t in thresholds))
        if (r.name in (*ORDINARY, *more) or r.name.startswith("around"))
        and all(_suits(t, r) for t in predictions)
    ]
    return [
        draw(plan, usable[i % len(usable)], dtype, seed + 101 * i)
        for i in range(count if usable else 0)
    ]


def _around(threshold: float) -> Regime:
    reach = max(abs(threshold), 0.5)
    spread = _uniform(threshold - reach, threshold + reach)
    return Regime(f"around {threshold:g}", (*_UNIT, "real"), spread)


def one_row(source: Draw, plan: Plan) -> Draw | None:
    """The first row of a draw, or None where the tensors have no batch axis in common."""
    return row(source, plan, 0, "one row")


def row(source: Draw, plan: Plan, index: int, regime: str) -> Draw | None:
    sizes = {t.shape[0] for t in plan.tensors if t.shape}
    if len(sizes) != 1 or not all(t.shape for t in plan.tensors):
        return None
    values = {k: v[index : index + 1] for k, v in source.values.items()}
    return Draw(regime, source.dtype, values)


def regime_named(name: str) -> Regime:
    return next(r for r in REGIMES if r.name == name)


def draw(plan: Plan, regime: Regime, dtype: str, seed: int) -> Draw:
    """Inputs of one regime. The stream depends on seed, regime and tensor, and on nothing else."""
    values: Values = {}
    for tensor in plan.tensors:
        stream = zlib.crc32(f"{regime.name}/{tensor.name}".encode())
        rng = np.random.default_rng((seed, stream))
        values[tensor.name] = _tensor(tensor, regime, rng, dtype)
    return Draw(regime.name, dtype, values)


def _tensor(tensor: Tensor, regime: Regime, rng: Rng, dtype: str) -> NDArray[np.generic]:
    shape = tensor.shape
    if tensor.kind == "index" or tensor.dtype != "float":
        low = int(tensor.low) if np.isfinite(tensor.low) else 0
        high = max(tensor.classes, low + 1)
        numbers = rng.integers(low, high, shape)
        if regime.label in ("zeros", "ones") and tensor.role == LABEL:
            numbers = np.full(shape, low if regime.label == "zeros" else high - 1)
        if tensor.dtype == "float":
            return np.asarray(numbers, dtype=np.float64)
        return np.asarray(numbers, dtype=np.dtype(tensor.dtype))
    if tensor.role == LABEL:
        values = _label(tensor, regime, rng, dtype)
    elif tensor.role == WEIGHT or tensor.kind == "positive":
        values = _WEIGHTS[regime.weight](rng, shape)
    elif tensor.kind in ("binary", "onehot", "simplex"):
        values = _label(tensor, regime, rng, dtype)
    else:
        values = regime.prediction(rng, shape, dtype)
        # squares and small multiples of what a loss is given must fit, or every loss overflows
        reach = np.sqrt(FORMATS[dtype].largest) / 4.0
        values = np.clip(values, -reach, reach)
    return fit(tensor, held(np.asarray(values, dtype=np.float64), dtype), dtype)


_WEIGHTS: Mapping[str, Callable[[Rng, tuple[int, ...]], Array]] = {
    "positive": lambda rng, shape: rng.uniform(0.1, 2.0, shape),
    "binary": lambda rng, shape: _bits(rng, shape, ""),
    "zeros": lambda rng, shape: np.zeros(shape),
}


def fit(tensor: Tensor, values: Array, dtype: str) -> Array:
    """`values` moved into the range that the user gave."""
    if tensor.kind != "range":
        return values
    low, high = tensor.low, tensor.high
    inside = (values >= low) & (values <= high)
    if not inside.all() and np.isfinite(low) and np.isfinite(high):
        span = np.abs(np.sin(values * 12.9898)) * (high - low) + low
        # far values go to the ends, which is where a range's trouble is
        ends = np.where(values > high, high, low)
        spread = np.where(np.abs(values) > 10.0 * max(abs(low), abs(high), 1.0), ends, span)
        values = np.where(inside, values, spread)
    values = rounded(np.clip(values, low, high), dtype)
    if tensor.open_ends:
        one = np.ones_like(values)
        values = np.where(values <= low, neighbour(rounded(low * one, dtype), dtype, one), values)
        values = np.where(
            values >= high, neighbour(rounded(high * one, dtype), dtype, -one), values
        )
    return values


def _label(tensor: Tensor, regime: Regime, rng: Rng, dtype: str) -> Array:
    shape, style = tensor.shape, regime.label
    if tensor.kind == "range":
        return rng.uniform(max(tensor.low, -1e3), min(tensor.high, 1e3), shape)
    if tensor.kind == "simplex":
        return _shares(rng, shape, dtype)
    if tensor.kind == "real":
        return np.zeros(shape) if style == "zeros" else np.asarray(rng.normal(0.0, 1.5, shape))
    if tensor.kind == "onehot":
        style = "onehot"
    elif tensor.kind == "probability" and style in ("real", "binary"):
        return rng.uniform(0.02, 0.98, shape)
    elif tensor.kind == "binary" and style in ("real", "onehot"):
        style = "binary"
    if style == "real":
        return np.asarray(rng.normal(0.0, 1.5, shape))
    if style == "zeros":
        return np.zeros(shape)
    if style == "ones":
        return np.ones(shape)
    if style == "onehot" and shape and shape[-1] > 1:
        return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]
    return _bits(rng, shape, dtype)


def _perfect(plan: Plan, source: Draw, dtype: str) -> Draw:
    label = next(t for t in plan.tensors if t.role == LABEL)
    target = np.asarray(source.values[label.name], dtype=np.float64)
    values = {
        t.name: (
            fit(t, target.copy(), dtype)
            if t.role == PREDICTION and t.shape == label.shape and t.dtype == "float"
            else source.values[t.name]
        )
        for t in plan.tensors
    }
    return Draw("perfect", dtype, values)


def _at_threshold(plan: Plan, dtype: str, seed: int, threshold: float) -> Draw:
    """Predictions exactly at the threshold, one ulp to each side, and a little off."""
    at = float(rounded(np.asarray(threshold, dtype=np.float64), dtype))
    below, above = (float(neighbour(np.asarray([at]), dtype, np.asarray([s]))[0]) for s in (-1, 1))
    step = 0.05 * max(abs(at), 0.1)
    points = np.asarray([at, below, above, at - step, at + step])
    return _cycled(plan, dtype, seed, f"threshold {threshold:g}", points)


def _at_points(
    plan: Plan, dtype: str, seed: int, name: str, points: tuple[float, ...]
) -> list[Draw]:
    """Predictions at the points that their kinds have; none where there are none."""
    kinds = {t.kind for t in plan.tensors if t.role == PREDICTION and t.dtype == "float"}
    signed = bool(kinds) and kinds <= set(_REAL)
    usable = [p for p in points if signed or 0 <= p <= 1]
    if not usable or not kinds <= {*_UNIT, "real"}:
        return []
    order = np.random.default_rng((seed, 11)).permutation(len(usable))
    at = held(np.asarray(usable, dtype=np.float64)[order], dtype)
    return [_cycled(plan, dtype, seed, name, at[at != 0.0])] if np.any(at != 0.0) else []


def _cycled(plan: Plan, dtype: str, seed: int, name: str, points: Array) -> Draw:
    """Typical inputs with predictions that run through the points."""
    base = draw(plan, REGIMES[0], dtype, seed)
    values = dict(base.values)
    for tensor in plan.tensors:
        if tensor.role == PREDICTION and tensor.dtype == "float":
            size = int(np.prod(tensor.shape))
            cycled = points[np.arange(size) % len(points)].reshape(tensor.shape)
            values[tensor.name] = fit(tensor, rounded(cycled, dtype), dtype)
    return Draw(name, dtype, values)


def _close_together(plan: Plan, base: Draw, dtype: str) -> list[Draw]:
    """All tensors nearly equal, and far below 1: what subtracts their logarithms cancels.

    Every entry is the same, so that no mean hides an error.
    """
    floats = [t for t in plan.tensors if t.dtype == "float" and t.role in (PREDICTION, LABEL)]
    if len(floats) < 2 or any(t.kind not in ("any", "probability", "range") for t in floats):
        return []
    form = FORMATS[dtype]
    low = form.smallest_normal * 2.0 ** (form.bits / 4)
    values = dict(base.values)
    for number, tensor in enumerate(floats):
        size = held(np.full(tensor.shape, low * (1.0 + 40 * number * form.eps)), dtype)
        values[tensor.name] = fit(tensor, size, dtype)
    return [Draw(CLOSE, dtype, values)]
