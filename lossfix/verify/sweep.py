"""A walk through the place where the original is worst: what both losses and the truth do there.

One prediction is moved from an ordinary value past the bad one while all others stay ordinary;
where no single one shows anything, all are moved together on a straight line.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossfix.verify.bench import Bench
from lossfix.verify.inputs import Plan
from lossfix.verify.numerics import Array, error_bits, rounded
from lossfix.verify.plain import plain
from lossfix.verify.regimes import WEAK, Draw, draws, regime_named, row
from lossfix.verify.regimes import draw as draw_regime
from lossfix.verify.results import Result

POINTS = 97
_DTYPE = "float32"
_ENTRIES = 12  # predictions that are tried alone
_SECONDS = 4.0  # that the oracle may take; else float64 stands in
_BAD_BITS = 8.0  # of error, from which the original is called bad
_BEYOND = 0.25  # of the way from the ordinary to the bad value, walked on from there
_UNIT_KINDS = frozenset({"probability", "simplex", "binary", "onehot"})


@dataclass(frozen=True)
class _Line:
    """Draws along a line; `xs` are what moves, `slope` is d inputs / d x by name."""

    axis: str
    xs: tuple[float, ...]
    bad: float
    draws: tuple[Draw, ...]
    slope: Mapping[str, Array]


def sweep(bench: Bench, thresholds: Sequence[float], example: Mapping[str, Any] | None) -> Any:
    """What a `Verdict` carries as its curve, as JSON; empty where nothing can be drawn.

    `example` is the verdict's counterexample: the walk goes there.
    """
    ordinary = _one_row(_ordinary(bench), bench.plan)
    places = [_one_row(place, bench.plan) for place in _places(bench, thresholds, example)]
    usable = [place for place in places if _alike(place, ordinary)]
    if bench.try_run("before", "eager", _DTYPE, ordinary) is None or not usable:
        return {}
    place = max(usable, key=lambda draw: _badness(bench, draw)) if example is None else usable[0]
    for line in _lines(bench, ordinary, place):
        name, truths = _truths(bench, line)
        return {
            "axis": line.axis,
            "bad": line.bad,
            "regime": place.regime,
            "dtype": _DTYPE,
            "x": list(line.xs),
            "oracle": name,
            "series": {
                "original": _series(line, [_run(bench, "before", d) for d in line.draws]),
                "rewritten": _series(line, [_run(bench, "after", d) for d in line.draws]),
                "oracle": _series(line, truths),
            },
        }
    return {}


def _ordinary(bench: Bench) -> Draw:
    kinds = {t.kind for t in bench.plan.tensors if t.name in bench.differentiated}
    name = "typical" if kinds & {"any", "range", *_UNIT_KINDS} else "typical reals"
    return draw_regime(bench.plan, regime_named(name), _DTYPE, bench.seed)


def _places(
    bench: Bench, thresholds: Sequence[float], example: Mapping[str, Any] | None
) -> Iterator[Draw]:
    """Where the walk may go: to the counterexample, or to any regime; a threshold comes first."""
    inputs = (example or {}).get("inputs") or {}
    if inputs:
        types = {t.name: np.float64 if t.dtype == "float" else t.dtype for t in bench.plan.tensors}
        if set(types) <= set(inputs):
            values = {name: np.asarray(inputs[name], dtype=types[name]) for name in types}
            yield Draw(str((example or {}).get("regime", "")), _DTYPE, values)
    made = draws(bench.plan, _DTYPE, bench.seed, tuple(thresholds))
    at_threshold = [draw for draw in made if draw.regime.startswith("threshold")]
    yield from at_threshold or [draw for draw in made if draw.regime not in WEAK]


def _one_row(draw: Draw, plan: Plan) -> Draw:
    return row(draw, plan, 0, draw.regime) or draw


def _alike(draw: Draw, other: Draw) -> bool:
    return {k: np.shape(v) for k, v in draw.values.items()} == {
        k: np.shape(v) for k, v in other.values.items()
    }


def _badness(bench: Bench, draw: Draw) -> float:
    """How wrong the original is at a draw, in bits; infinite where it is not finite."""
    found = bench.try_run("before", "eager", _DTYPE, draw)
    if found is None:
        return -1.0
    if not found.finite:
        return np.inf
    true = bench.try_run("before", "eager", "float64", draw)
    if true is None or not true.finite:
        return 0.0
    pairs = [(found.value, true.value)]
    pairs += [(g, t) for g, t in _both(found, true) if g.shape == t.shape]
    return max(error_bits(got, want, _DTYPE) or 0.0 for got, want in pairs)


def _both(found: Result, true: Result) -> Iterator[tuple[Array, Array]]:
    for name, gradient in found.gradients.items():
        wanted = true.gradients.get(name)
        if gradient is not None and wanted is not None:
            yield gradient, wanted


def _lines(bench: Bench, ordinary: Draw, place: Draw) -> Iterator[_Line]:
    """The line of the first prediction that alone is bad, else the one of all together."""
    alone = list(_alone(bench, ordinary, place))
    for line, start in alone:
        if _badness(bench, start) >= _BAD_BITS or place.regime.startswith("threshold"):
            yield line
    yield _together(bench, ordinary, place)
    yield from (line for line, _ in alone)


def _alone(bench: Bench, ordinary: Draw, place: Draw) -> Iterator[tuple[_Line, Draw]]:
    """For each prediction that differs most: its line, and the draw with it alone moved."""
    candidates: list[tuple[float, str, tuple[int, ...]]] = []
    for name in bench.differentiated:
        distance = np.abs(np.asarray(place.values[name]) - np.asarray(ordinary.values[name]))
        candidates += [(float(d), name, index) for index, d in np.ndenumerate(distance) if d > 0]
    candidates.sort(key=lambda each: -each[0])
    for _, name, index in candidates[:_ENTRIES]:
        bad = float(place.values[name][index])
        kind = next(t for t in bench.plan.tensors if t.name == name).kind
        xs = _points(float(ordinary.values[name][index]), bad, kind, place.regime)
        direction = np.zeros(np.shape(ordinary.values[name]))
        direction[index] = 1.0
        base = _with_predictions(place, {n: ordinary.values[n] for n in bench.differentiated})
        made = [_with_predictions(base, {name: _set(base, name, index, x)}) for x in xs]
        where = f"{name}[{', '.join(map(str, index))}]" if index else name
        line = _Line(where, tuple(xs), bad, tuple(made), {name: direction})
        yield line, _with_predictions(base, {name: _set(base, name, index, bad)})


def _together(bench: Bench, ordinary: Draw, place: Draw) -> _Line:
    start = {n: np.asarray(ordinary.values[n], dtype=np.float64) for n in bench.differentiated}
    slope = {n: np.asarray(place.values[n], dtype=np.float64) - start[n] for n in start}
    xs = [float(x) for x in np.linspace(0.0, 1.0, POINTS)]
    made = [
        _with_predictions(place, {n: rounded(start[n] + x * slope[n], _DTYPE) for n in start})
        for x in xs
    ]
    made[-1] = place
    axis = f"all predictions, from ordinary (0) to {place.regime or 'the counterexample'} (1)"
    return _Line(axis, tuple(xs), 1.0, tuple(made), slope)


def _points(ordinary: float, bad: float, kind: str, regime: str) -> list[float]:
    """Numbers of float32 from the ordinary value past the bad one, that one among them."""
    if regime.startswith("threshold"):
        reach = max(0.5, abs(bad))
        low, high = bad - reach, bad + reach
    else:
        low, high = sorted((ordinary, bad + _BEYOND * (bad - ordinary)))
    inside = min(ordinary, bad) >= 0.0 and max(ordinary, bad) <= 1.0
    if kind in _UNIT_KINDS or (kind == "any" and inside):
        low, high = max(low, 0.0), min(high, 1.0)
    spread = rounded(np.linspace(low, high, POINTS), _DTYPE)
    return sorted({*map(float, spread), bad})


def _set(draw: Draw, name: str, index: tuple[int, ...], value: float) -> Array:
    array = np.array(draw.values[name], dtype=np.float64)
    array[index] = value
    return array


def _with_predictions(draw: Draw, predictions: Mapping[str, Any]) -> Draw:
    return Draw(draw.regime, _DTYPE, {**draw.values, **predictions})


def _run(bench: Bench, which: str, draw: Draw) -> Result | None:
    return bench.try_run(which, "eager", _DTYPE, draw)


def _truths(bench: Bench, line: _Line) -> tuple[str, list[Result | None]]:
    """The truth at each point and its name: over the reals where that is quick, else float64."""
    oracle = bench.oracle
    if oracle is not None:
        start = time.monotonic()
        known = oracle.truth(line.draws[0]) is not None
        if known and (time.monotonic() - start) * len(line.draws) < _SECONDS:
            return "mpmath", [oracle.truth(draw) for draw in line.draws]
    return "float64", [bench.try_run("before", "eager", "float64", draw) for draw in line.draws]


def _series(line: _Line, results: Sequence[Result | None]) -> dict[str, Any]:
    """Value, summed where there are several, and its derivative along the line, point by point."""
    values = [None if r is None else float(np.sum(r.value)) for r in results]
    slopes = [None if r is None else _slope(r, line.slope) for r in results]
    return {"value": plain(values), "gradient": plain(slopes)}


def _slope(result: Result, direction: Mapping[str, Array]) -> float | None:
    parts = []
    for name, along in direction.items():
        gradient = result.gradients.get(name)
        if gradient is not None and np.shape(gradient) == np.shape(along):
            moving = along != 0
            parts.append(float(np.sum(gradient[moving] * along[moving])))
    return sum(parts) if parts else None
