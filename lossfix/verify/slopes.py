"""The derivative that a loss has in truth, by differences of its value.

It stands in for a gradient that the framework does not give: `tf.round` has the gradient None and
the derivative 0, and a NumPy call has the gradient None and a derivative like any other.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from lossfix.verify.bench import Bench
from lossfix.verify.conventions import LABEL
from lossfix.verify.numerics import Array
from lossfix.verify.plain import plain_draw
from lossfix.verify.regimes import Draw, typical
from lossfix.verify.results import Result, RunError
from lossfix.verify.trends import Trend

DRAWS = 3
DIRECTIONS = 3
STEPS = (2.0**-17, 2.0**-18)  # of directions whose entries are about 1, in float64
_AGREE = 1e-3


def given_gradient(bench: Bench, seed: int) -> Trend:
    """Whether a gradient where the original gives none is the original's derivative."""
    rng = np.random.default_rng((seed, 13))
    for draw in typical(bench.plan, "float32", seed, DRAWS):
        before, after = (_run(bench, which, draw.values) for which in ("before", "after"))
        if before is None or after is None:
            continue
        for name in bench.differentiated:
            new = after.gradients.get(name)
            if before.gradients.get(name) is not None or new is None or not np.any(new):
                continue
            found = _compared(bench, draw, name, new, rng)
            if found:
                return Trend(found, evidence=plain_draw(draw))
    return Trend()


def own_gradient(bench: Bench, seed: int) -> Trend:
    """Whether the new loss's gradient is the derivative of its own value, where the original's is.

    A loss whose gradient is a surrogate on purpose must say so by its contract. A fused cross
    entropy takes its labels to sum to 1: where that alone is it, nothing is said against it.
    """
    for draw, direction, new in _not_its_own(bench, seed):
        old = _both(bench, "before", draw, direction)
        if old is not None and _agree(old):
            return _of_another(draw, new)
    return Trend()


def mended_gradient(bench: Bench, seed: int, *, alone: bool = False) -> Trend:
    """Whether a gradient where the original's is never finite is the new loss's own.

    There is nothing else that it can be held against, and with `alone` it is nowhere held against
    the original's. An original that cuts gradients on purpose says nothing of this.
    """
    if _cuts(bench.loaded["before"].slice.text):
        return Trend()
    for draw, _, new in _not_its_own(bench, seed):
        old = _run(bench, "before", draw.values)
        if alone or (old is not None and not np.isfinite(old.flat_gradient()).any()):
            return _of_another(draw, new)
    return Trend()


def _not_its_own(
    bench: Bench, seed: int
) -> Iterator[tuple[Draw, Mapping[str, Array], tuple[float, float]]]:
    """The draws at which the new gradient is not the derivative of the new value."""
    rng = np.random.default_rng((seed, 17))
    for draw in typical(bench.plan, "float32", seed, DRAWS):
        direction = {
            n: rng.choice([-1.0, 1.0], np.shape(draw.values[n])) for n in bench.differentiated
        }
        new = _both(bench, "after", draw, direction)
        if new is None or _agree(new):
            continue
        summing = _summing_to_one(bench, draw)
        shared = _both(bench, "after", summing, direction) if summing is not None else None
        if shared is None or not _agree(shared):
            yield draw, direction, new


def _of_another(draw: Draw, new: tuple[float, float]) -> Trend:
    return Trend(
        f"the gradient of the new loss is not its own: {new[0]:.6g} along a direction in "
        f"which its value rises by {new[1]:.6g}",
        evidence=plain_draw(draw),
    )


_CUTS = frozenset({"stop_gradient", "custom_gradient"})


def _cuts(text: str) -> bool:
    """Whether a text has a gradient that is not the derivative of its value on purpose."""
    return any(
        getattr(node, "attr", None) in _CUTS or getattr(node, "id", None) in _CUTS
        for node in ast.walk(ast.parse(text))
    )


def _agree(pair: tuple[float, float]) -> bool:
    return abs(pair[0] - pair[1]) <= _AGREE * max(map(abs, pair)) + 1e-9


def _summing_to_one(bench: Bench, draw: Draw) -> Draw | None:
    """The draw with rows of labels that sum to 1; None where no label is a row of numbers."""
    rows = [t for t in bench.plan.tensors if t.role == LABEL and t.dtype == "float" and t.shape]
    if not rows:
        return None
    values = dict(draw.values)
    for tensor in rows:
        sizes = np.abs(np.asarray(values[tensor.name], np.float64)) + 1e-3
        values[tensor.name] = sizes / sizes.sum(axis=-1, keepdims=True)
    return replace(draw, values=values)


def _both(
    bench: Bench, which: str, draw: Draw, direction: Mapping[str, Array]
) -> tuple[float, float] | None:
    """The gradient along a direction, and the derivative; None where one is not known."""
    here = _run(bench, which, draw.values)
    true = derivative(bench, which, draw.values, direction)
    if here is None or not here.finite or true is None:
        return None
    parts = ((g, direction[n]) for n, g in here.gradients.items() if g is not None)
    return sum(float(np.sum(g * d)) for g, d in parts), true


def _compared(
    bench: Bench, draw: Draw, name: str, gradient: Array, rng: np.random.Generator
) -> str:
    """Empty where the gradient is the derivative along some direction, or nothing is decided."""
    told = ""
    for _ in range(DIRECTIONS):
        direction = rng.choice([-1.0, 1.0], np.shape(draw.values[name]))
        true = derivative(bench, "before", draw.values, {name: direction})
        along = float(np.sum(gradient * direction))
        if true is None:
            continue
        if abs(along - true) <= _AGREE * max(abs(along), abs(true), 1e-3 * _size(gradient)):
            return ""
        told = told or (
            f"the gradient for {name} is not the original's: the framework gives None there, and "
            f"along a direction the original rises by {true:.6g} and the new gradient says "
            f"{along:.6g}"
        )
    return told


def derivative(
    bench: Bench, which: str, values: Mapping[str, object], direction: Mapping[str, Array]
) -> float | None:
    """The derivative of the sum of a loss along a direction; None where two steps disagree."""
    found = []
    for step in STEPS:
        ends = []
        for side in (step, -step):
            moved = {n: np.asarray(values[n], np.float64) + side * d for n, d in direction.items()}
            result = _run(bench, which, {**values, **moved})
            if result is None or not np.isfinite(result.value).all():
                return None
            ends.append(float(result.value.sum()))
        found.append((ends[0] - ends[1]) / (2.0 * step))
    if abs(found[0] - found[1]) > 1e-4 * max(abs(found[0]), abs(found[1])) + 1e-9:
        return None
    return found[1]


def _size(array: Array) -> float:
    return float(np.sum(np.abs(array)))


def _run(bench: Bench, which: str, values: Mapping[str, object]) -> Result | None:
    try:
        return bench.run(which, "eager", "float64", values)
    except RunError:
        return None
