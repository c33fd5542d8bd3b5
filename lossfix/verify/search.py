"""A search for inputs at which a loss breaks, that follows gradients towards its bad points.

Each operation that has a bad point - a logarithm at 0, a denominator of 0, an exponential where it
overflows - is led there by Newton's method on its operand, whose gradient the framework gives.
After GRIST: Yan et al., Exposing numerical bugs in deep learning via gradient back-propagation,
ESEC/FSE 2021, doi 10.1145/3468264.3468612.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from lossfix.verify.conventions import PREDICTION
from lossfix.verify.inputs import Plan, Tensor
from lossfix.verify.instrument import Site
from lossfix.verify.load import Loaded
from lossfix.verify.numerics import Array, held
from lossfix.verify.regimes import Draw, draw, fit, regime_named
from lossfix.verify.results import RunError

STEPS = 6
MOST = 8  # operands that are followed in one loss
_STARTS = ("typical reals", "typical")

# operation -> whether its last operand is the one that matters, and that operand's bad points
_BAD: Final[Mapping[str, tuple[bool, tuple[float, ...]]]] = {
    "log": (False, (0.0,)),
    "log1p": (False, (-1.0,)),
    "sqrt": (False, (0.0,)),
    "rsqrt": (False, (0.0,)),
    "reciprocal": (False, (0.0,)),
    "norm": (False, (0.0,)),
    "reduce_std": (False, (0.0,)),
    "l2_normalize": (False, (0.0,)),
    "acos": (False, (1.0, -1.0)),
    "asin": (False, (1.0, -1.0)),
    "arccos": (False, (1.0, -1.0)),
    "arcsin": (False, (1.0, -1.0)),
    "atanh": (False, (1.0, -1.0)),
    "pow": (False, (0.0,)),
    "**": (False, (0.0,)),
    "exp": (False, (88.75,)),
    "/": (True, (0.0,)),
    "divide": (True, (0.0,)),
    "truediv": (True, (0.0,)),
    "divide_no_nan": (True, (0.0,)),
    "xlogy": (True, (0.0,)),
    "xdivy": (True, (0.0,)),
}


@dataclass(frozen=True)
class Probed:
    """An instrumented loss, its sites, and what runs it with every value watched."""

    loaded: Loaded
    sites: tuple[Site, ...]
    watch: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class _Goal:
    operand: int  # the site whose value is led
    point: float
    name: str


def searched(losses: Iterable[Probed], plan: Plan, seed: int) -> list[Draw]:
    """Draws of float32, each with an operand at its bad point or as near as was come."""
    found: dict[str, Draw] = {}
    start = _start(plan, seed)
    if start is None:
        return []
    for loss in losses:
        for goal in _goals(loss, plan, start)[:MOST]:
            if goal.name not in found:
                led = _led(loss, plan, start, goal)
                if led is not None:
                    found[goal.name] = led
    return list(found.values())


def _start(plan: Plan, seed: int) -> Draw | None:
    kinds = {t.kind for t in plan.tensors if t.role == PREDICTION}
    for name in _STARTS:
        if all(kind in regime_named(name).kinds for kind in kinds):
            return draw(plan, regime_named(name), "float32", seed)
    return None


def _goals(loss: Probed, plan: Plan, start: Draw) -> list[_Goal]:
    run = _run(loss, plan, start, frozenset())
    if run is None:
        return []
    recorded = {record.site for record in run.records}
    floats = {record.site for record in run.records if record.below is not None}
    goals: dict[tuple[int, float], _Goal] = {}
    for number, site in enumerate(loss.sites):
        if site.op not in _BAD or number not in recorded:
            continue
        last, points = _BAD[site.op]
        operands = [r for r in site.reads if r in floats]
        if not operands:
            continue
        operand = operands[-1 if last else 0]
        for point in points:
            code = loss.sites[operand].code
            goals[operand, point] = _Goal(operand, point, f"{code[:40]} towards {point:g}")
    return list(goals.values())


def _led(loss: Probed, plan: Plan, start: Draw, goal: _Goal) -> Draw | None:
    """Where Newton's method leads; None where the operand does not depend on the predictions."""
    here, best, reached = start, None, np.inf
    for _ in range(STEPS):
        run = _run(loss, plan, here, frozenset({goal.operand}))
        record = next((r for r in run.records if r.site == goal.operand), None) if run else None
        if record is None or record.array is None or not record.above:
            break
        distance = float(np.max(np.abs(record.array - goal.point), initial=0.0))
        if not np.isfinite(distance):
            break
        if distance < reached:
            best, reached = here, distance
        values = dict(here.values)
        moved = False
        for tensor in _predictions(plan):
            gradient = record.above.get(tensor.name)
            step = None if gradient is None else _newton(record.array - goal.point, gradient)
            if step is not None and np.any(step):
                old = np.asarray(values[tensor.name], dtype=np.float64)
                values[tensor.name] = _kept(tensor, old - step)
                moved = True
        if not moved:
            break
        here = Draw(f"search: {goal.name}", "float32", values)
    return best if best is not start else None


def _newton(off: Array, gradient: Array) -> Array | None:
    """The smallest step of the inputs that takes each entry of the operand to its bad point.

    `gradient` is that of the sum of the operand's entries; an entry is taken to depend on the
    inputs that it stands in line with: the same ones, its row's, or all.
    """
    shape = gradient.shape
    if off.shape != shape:
        if off.ndim > gradient.ndim or off.shape != shape[: off.ndim]:
            off = off if off.ndim == gradient.ndim else np.full((), np.max(np.abs(off), initial=0))
        off = off.reshape(off.shape + (1,) * (gradient.ndim - off.ndim))
    try:
        wide = np.broadcast_to(off, shape)
    except ValueError:
        return None
    axes = tuple(i for i in range(len(shape)) if i >= off.ndim or off.shape[i] != shape[i])
    with np.errstate(all="ignore"):
        size = np.sum(np.square(gradient), axis=axes, keepdims=True)
        step = wide * gradient / size
    return np.where(np.isfinite(step), step, 0.0)


def _predictions(plan: Plan) -> Iterator[Tensor]:
    return (t for t in plan.tensors if t.role == PREDICTION and t.dtype == "float")


def _kept(tensor: Tensor, values: Array) -> Array:
    if tensor.kind == "probability":
        values = np.clip(values, 0.0, 1.0)
    return fit(tensor, held(np.clip(values, -1e6, 1e6), "float32"), "float32")


def _run(loss: Probed, plan: Plan, at: Draw, above: frozenset[int]) -> Any:
    names = tuple(t.name for t in _predictions(plan))
    try:
        return loss.watch(loss.loaded.function, plan.settings, at.values, names, above=above)
    except RunError:
        return None
