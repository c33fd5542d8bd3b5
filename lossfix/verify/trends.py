"""What a contract asks over many draws: the order of values, and the limit of a relaxation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from lossfix.verify.bench import Bench, arrays
from lossfix.verify.frameworks.shared import without_epsilon
from lossfix.verify.numerics import Array
from lossfix.verify.plain import plain_draw
from lossfix.verify.regimes import Draw, row, typical
from lossfix.verify.results import Result, RunError

RANKED = 48  # draws whose order is compared
LIMIT_DRAWS = 12
KEPT_DRAWS = 6  # on which a meaning contract is held to what it keeps
_WIDE = 1e-9  # relative distance in float64
GROWTH = 4.0  # by which the sharpness grows from level to level


@dataclass(frozen=True)
class Trend:
    """Passed (no failure) or not, with figures; `evidence` goes into the counterexample."""

    failure: str = ""
    decided: bool = True  # False: nothing could be said, and `failure` says why
    figures: Mapping[str, float] = field(default_factory=dict)
    evidence: Mapping[str, Any] | None = None


def rank(bench: Bench, seed: int) -> Trend:
    """Whether the new loss rises wherever the original does, in float64 over many draws."""
    pairs: list[tuple[float, float, Draw]] = []
    for draw in typical(bench.plan, "float32", seed, RANKED):
        before, after = _both(bench, draw)
        if before is None or after is None or before.value.size != 1 or after.value.size != 1:
            continue
        if np.isfinite(before.value).all() and np.isfinite(after.value).all():
            pairs.append((float(before.value.ravel()[0]), float(after.value.ravel()[0]), draw))
    if len(pairs) < 8:
        return Trend("too few finite scalar values to compare their order", decided=False)
    pairs.sort(key=lambda p: p[0])
    scale = max(abs(p[0]) for p in pairs), max(abs(p[1]) for p in pairs)
    for low, high in pairwise(pairs):
        rises = high[0] - low[0] > 1e-9 * scale[0]
        if rises and high[1] - low[1] <= -1e-12 * scale[1]:
            return Trend(
                f"where the original rises from {low[0]:.9g} to {high[0]:.9g}, "
                f"the new loss falls from {low[1]:.9g} to {high[1]:.9g}",
                evidence={
                    "lower": plain_draw(low[2]),
                    "higher": plain_draw(high[2]),
                    "before": [low[0], high[0]],
                    "after": [low[1], high[1]],
                },
            )
    return Trend(figures={"values ranked": float(len(pairs))})


def limit(
    bench: Bench, levels: Sequence[tuple[float, str]], seed: int, thresholds: tuple[float, ...]
) -> Trend:
    """Whether the relaxation tends to the original off the threshold as the sharpness grows.

    `levels` holds sharpnesses, rising by GROWTH, and the bench's names of the losses at them.
    """
    ordinary = typical(bench.plan, "float32", seed, LIMIT_DRAWS, thresholds, ("real labels",))
    known = [(d, _run(bench, "before", d)) for d in ordinary]
    usable = [(d, r.value) for d, r in known if r is not None and np.isfinite(r.value).all()]
    if not usable:
        return Trend("the original is not finite on any ordinary draw", decided=False)
    size = float(np.mean([np.max(np.abs(v), initial=0.0) for _, v in usable]))
    errors: list[tuple[float, float]] = []
    worst: tuple[Draw, Array, Array] | None = None
    for sharpness, name in levels:
        distances: list[float] = []
        worst_here: tuple[float, Draw, Array, Array] | None = None
        for draw, value in usable:
            result = _run(bench, name, draw)
            if result is None or result.value.shape != value.shape:
                break
            distance = float(np.max(np.abs(result.value - value), initial=0.0))
            if not np.isfinite(distance):
                break
            distances.append(distance)
            if worst_here is None or distance > worst_here[0]:
                worst_here = (distance, draw, value, result.value)
        if len(distances) < len(usable) or worst_here is None:
            break
        errors.append((sharpness, float(np.mean(distances))))
        worst = worst_here[1:]
    if len(errors) < 3:
        if len(errors) == len(levels):
            return Trend("the new loss was given at too few sharpnesses", decided=False)
        sharpness = levels[len(errors)][0]
        return Trend(f"the new loss does not run, or is not finite, at sharpness {sharpness:g}")
    return _judge(errors, size, worst)


def _judge(
    errors: Sequence[tuple[float, float]],
    size: float,
    worst: tuple[Draw, Array, Array] | None,
) -> Trend:
    (first_k, first), (last_k, last) = errors[0], errors[-1]
    figures = {
        f"distance at k={k:g}": e for k, e in (errors[0], errors[len(errors) // 2], errors[-1])
    }
    needed = max(first * (last_k / first_k) ** -0.6, 1e-6 * max(size, first, 1e-12))
    tail = [e for _, e in errors[len(errors) // 2 :]]
    rising = any(b > 1.05 * a + 1e-9 * max(size, 1e-12) for a, b in pairwise(tail))
    if last <= needed and not rising:
        return Trend(figures=figures)
    evidence = None
    if worst is not None:
        draw, before, after = worst
        evidence = {
            "inputs": plain_draw(draw)["inputs"],
            "regime": draw.regime,
            "sharpness": last_k,
            "before": before.tolist(),
            "after": after.tolist(),
        }
    return Trend(
        f"the new loss does not tend to the original: it is {first:.6g} away at k={first_k:g} "
        f"and {last:.6g} away at k={last_k:g}",
        figures=figures,
        evidence=evidence,
    )


def live_fraction(bench: Bench, seed: int) -> float | None:
    """The share of ordinary predictions that get a gradient worth a thousandth of the largest.

    Measured over probabilities in float32; None where the predictions are not such.
    """
    total = live = 0
    for draw in typical(bench.plan, "float32", seed, 3):
        if draw.regime != "typical":
            continue
        after = bench.try_run("after", "eager", "float32", draw)
        if after is None:
            continue
        gradient = np.abs(after.flat_gradient())
        if gradient.size and np.isfinite(gradient).all() and gradient.max() > 0:
            total += gradient.size
            live += int(np.sum(gradient > 1e-3 * gradient.max()))
    return live / total if total >= 32 else None


def kept(bench: Bench, seed: int, *, by_row: bool = False, whole: bool = False) -> Trend:
    """Whether the new loss is, in ordinary regimes, what its contract says that it keeps: the twin.

    With `by_row`, the twin of each row alone; with `whole`, at whole numbers. A guard may act on a
    draw, so that they must agree on half of the draws.
    """
    agreed = 0
    apart: list[tuple[Draw, str]] = []
    for draw in typical(bench.plan, "float32", seed, KEPT_DRAWS):
        if whole:
            draw = _rounded_off(bench, draw)
        pieces = _rows(bench, draw) if by_row else [draw]
        pairs = [(p, *_alike(bench, p)) for p in pieces]
        usable = [(p, t, a, e) for p, t, a, e in pairs if t and a and t.finite]
        found = [(p, how) for p, t, a, e in usable if (how := _apart(t, a, e, by_row))]
        if found and not by_row and _same_without_epsilon(bench, draw):
            found = []
        if not found and by_row:
            found = [(draw, how) for how in (_spread_out(bench, draw),) if how]
        apart.extend(found[:1])
        agreed += bool(usable) and not found
    if len(apart) <= agreed:
        return Trend()
    where, how = apart[0]
    return Trend(f"what the fix should keep is not kept: {how}", evidence=plain_draw(where))


def _rounded_off(bench: Bench, draw: Draw) -> Draw:
    rounded = {n: np.round(np.asarray(draw.values[n], np.float64)) for n in bench.differentiated}
    return Draw(draw.regime, draw.dtype, {**draw.values, **rounded})


def _alike(bench: Bench, draw: Draw) -> tuple[Result | None, Result | None, float]:
    """The twin and the new loss in the widest dtype that both run in, and how near they must be."""
    for dtype, near in (("float64", _WIDE), ("float32", 1e-4)):
        twin = bench.try_run("twin", "eager", dtype, draw)
        after = bench.try_run("after", "eager", dtype, draw)
        if twin is not None and after is not None:
            return twin, after, near
    return None, None, 0.0


def _same_without_epsilon(bench: Bench, draw: Draw) -> bool:
    """Whether all that differs is an epsilon inside of Keras, which neither text speaks of."""
    texts = [bench.loaded[which].text for which in ("twin", "after")]
    if any("epsilon" in text or "keras" not in text for text in texts):
        return False
    twin, after = (
        bench.run_as(without_epsilon, which, "eager", "float64", draw)
        for which in ("twin", "after")
    )
    return twin is not None and after is not None and not _apart(twin, after, _WIDE, False)


def _rows(bench: Bench, draw: Draw) -> list[Draw]:
    rows = min((t.shape[0] for t in bench.plan.tensors if t.shape), default=0)
    return [r for i in range(rows) if (r := row(draw, bench.plan, i, draw.regime)) is not None]


def _spread_out(bench: Bench, draw: Draw) -> str:
    """How a result is neither one number nor one a row, where the original is one number."""
    twin, after = _run(bench, "twin", draw), _run(bench, "after", draw)
    if twin is None or after is None or twin.value.ndim or after.value.ndim < 2:
        return ""
    return f"the result has shape {after.value.shape}, neither one number nor one a row"


def _apart(twin: Result, after: Result, near: float, by_row: bool) -> str:
    """How two results differ; a row alone may or may not have an axis of its own."""
    if twin.value.shape != after.value.shape and not (
        by_row and twin.value.size == after.value.size == 1
    ):
        return f"the value has shape {after.value.shape} and had {twin.value.shape}"
    for name, true in arrays(twin).items():
        new = arrays(after).get(name)
        if new is None:
            return f"the gradient for {name} is None"
        true, new = (true.ravel(), new.ravel()) if name == "value" else (true, new)
        top = float(np.max(np.abs(true), initial=0.0))
        wrong = ~(np.abs(new - true) <= near * (np.abs(true) + 0.1 * top) + 1e-15)
        if wrong.any():
            what = "the value" if name == "value" else f"the gradient for {name}"
            return f"{what} is {new[wrong][0]:.9g} and not {true[wrong][0]:.9g}"
    return ""


def _both(bench: Bench, draw: Draw) -> tuple[Result | None, Result | None]:
    return _run(bench, "before", draw), _run(bench, "after", draw)


def _run(bench: Bench, which: str, draw: Draw) -> Result | None:
    for dtype in ("float64", "float32"):
        try:
            return bench.run(which, "eager", dtype, draw.values)
        except RunError:
            continue
    return None
