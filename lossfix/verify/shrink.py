"""Making a counterexample small: one row if one row does, and plain numbers wherever they do."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lossfix.verify.bench import Bench
from lossfix.verify.checks import Check
from lossfix.verify.compare import Failure, Observation
from lossfix.verify.conventions import PREDICTION
from lossfix.verify.inputs import Plan
from lossfix.verify.plain import plain_draw, plain_result
from lossfix.verify.regimes import Draw, row
from lossfix.verify.results import RunError

SECONDS = 6.0
ENTRIES = 80
_PLAIN: Mapping[str, tuple[float, ...]] = {
    "any": (0.0, 0.5),
    "real": (0.0, 0.5),
    "probability": (0.0, 0.5),
    "range": (0.0, 0.5),
    "binary": (0.0,),
    "index": (0.0,),
    "positive": (0.5,),
}


def observe(bench: Bench, mode: str, dtype: str, draw: Draw) -> Observation:
    """Runs the pair at `draw`; raises RunError."""
    before = bench.run("before", mode, dtype, draw.values)
    after = bench.run("after", mode, dtype, draw.values)
    return Observation(mode, dtype, draw, before, after, bench.reference(draw))


def shrink(
    bench: Bench, check: Check, seen: Observation, failure: Failure
) -> tuple[Observation, Failure]:
    """A smaller observation that fails in the same array, or the given one."""
    deadline = time.monotonic() + SECONDS
    best = (seen, failure)

    def attempt(draw: Draw) -> bool:
        nonlocal best
        if time.monotonic() > deadline:
            return False
        try:
            found = observe(bench, seen.mode, seen.dtype, draw)
        except RunError:
            return False
        if _finite(best[0]) and not _finite(found):
            return False  # zeros that break the original too would only blur what is shown
        broken = check(found)
        if broken is None or broken.what != failure.what:
            return False
        best = (found, broken)
        return True

    rows = min((t.shape[0] for t in bench.plan.tensors if t.shape), default=1)
    for index in range(rows):
        one = row(seen.draw, bench.plan, index, seen.draw.regime) if rows > 1 else None
        if one is not None and attempt(one):
            break
    _zero(best[0].draw, bench.plan, attempt)
    return best


def _finite(seen: Observation) -> bool:
    return seen.reference is None or seen.reference.result.finite


def _zero(start: Draw, plan: Plan, attempt: Callable[[Draw], bool]) -> None:
    """Plain numbers in the place of others, where the tensor's kind holds them."""
    draw = start
    tries = 0
    for tensor in sorted(plan.tensors, key=lambda t: t.role != PREDICTION):
        for index in range(int(np.size(draw.values[tensor.name]))):
            for plain in _PLAIN.get(tensor.kind, ()):
                array = np.array(draw.values[tensor.name])
                if tries >= ENTRIES or array.reshape(-1)[index] in (0.0, plain):
                    break
                if not tensor.low <= plain <= tensor.high:
                    continue
                tries += 1
                array.reshape(-1)[index] = plain
                smaller = Draw(draw.regime, draw.dtype, {**draw.values, tensor.name: array})
                if attempt(smaller):
                    draw = smaller
                    break


def counterexample(seen: Observation, failure: Failure) -> dict[str, Any]:
    """The observation as JSON can hold it."""
    reference = seen.reference.result if seen.reference else None
    return {
        **plain_draw(seen.draw),
        "mode": seen.mode,
        "dtype": seen.dtype,
        "what": failure.what,
        "message": failure.message,
        "before": plain_result(seen.before),
        "after": plain_result(seen.after),
        "reference": plain_result(reference),
    }
