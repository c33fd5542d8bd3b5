"""Where a context ends: what it cannot hold is noted, and is not held against a new loss.

An observation is looked at again with the numbers left out that the context cannot give to
anybody. In a format narrower than float32 those are:

- what is not finite where the original's is not either, and the loss over the reals has a number;
- a number, beside ordinary inputs, where the original has none: it may be poor, and is no worse;
- what is not finite where the value over the reals is beyond the format's largest number.

And compiled by XLA, in any format:

- what an exponential makes of inputs whose ulp is a unit or more: XLA may round k * x - max(k * x)
  once, and what is left there of the rounding of max(k * x) is no 0;
- inputs that differ by less than the smallest normal number: XLA takes such a difference for 0 in
  one place of a loss and not in another.

All else counts: a new loss that loses what the original had breaks its contract.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from lossfix.rules.contracts import Contract, Meaning, Monotone
from lossfix.verify.bench import Bench, Reference, arrays
from lossfix.verify.compare import Break, Failure, Mask, Observation
from lossfix.verify.numerics import FORMATS, NARROW, Array, ulp
from lossfix.verify.regimes import CLOSE, ORDINARY, Draw
from lossfix.verify.results import Result

_GENTLE = 2.0**-12  # a loss scale at which adjoints are held that overflow float16


def within(seen: Observation) -> Observation | None:
    """The observation with the true numbers for all that its context cannot hold, if any is."""
    wide = seen.reference is not None and seen.reference.wide
    true = arrays(seen.reference.result) if seen.reference is not None and wide else {}
    old = arrays(seen.before)
    spared: dict[str, Array] = {}
    for name, new in arrays(seen.after).items():
        exact = true.get(name, np.full(new.shape, np.nan))
        was = old.get(name, np.zeros(new.shape))
        if new.shape == exact.shape == was.shape:
            left_out = _left_out(seen, new, exact, was)
            if left_out.any():
                number = np.where(np.isfinite(exact), exact, 0.0)
                spared[name] = np.where(left_out, number, new)
    return replace(seen, after=_with(seen.after, spared)) if spared else None


def _left_out(seen: Observation, new: Array, exact: Array, was: Array) -> Mask:
    none = ~np.isfinite(new)
    left_out: Mask = np.zeros(new.shape, dtype=np.bool_)
    if seen.dtype in NARROW:
        regular = np.isfinite(exact) & ~np.isfinite(was)
        left_out |= regular & (none | (seen.draw.regime not in ORDINARY))
        if seen.reference is not None and _beyond_largest(seen.reference, seen.dtype):
            left_out |= none
    if seen.mode == "xla":
        left_out |= _coarse(seen.draw) | ((seen.draw.regime == CLOSE) & np.isfinite(exact))
    return left_out


def _beyond_largest(reference: Reference, dtype: str) -> bool:
    """Whether the value over the reals has no number in the format."""
    return bool(np.any(np.abs(reference.result.value) > FORMATS[dtype].largest))


def _coarse(draw: Draw) -> bool:
    """Whether neighbouring inputs are a unit or more apart."""
    floats = [np.asarray(v, np.float64) for v in draw.values.values() if v.dtype.kind == "f"]
    return any(v.size and float(np.max(ulp(v, draw.dtype))) >= 1.0 for v in floats)


def _with(result: Result, spared: Mapping[str, Array]) -> Result:
    gradients = {n: spared.get(n, g) for n, g in result.gradients.items()}
    return Result(spared.get("value", result.value), gradients)


def of_another_loss(bench: Bench, contract: Contract, seen: Observation, failure: Failure) -> bool:
    """Whether the format alone is too narrow for a loss that is meant to have other values.

    What it computes on the way is its own, and cannot be held against what the original computes.
    """
    if not isinstance(contract, Meaning | Monotone):
        return False
    if failure.kind not in (Break.NAN, Break.INFINITE):
        return False
    if seen.dtype not in NARROW or seen.draw.regime in ORDINARY:
        return False
    wide = bench.try_run("after", "eager", "float64", seen.draw)
    return wide is not None and wide.finite


def overflows_backwards(bench: Bench, seen: Observation, failure: Failure) -> bool:
    """Whether a gradient that the original lacks is finite at a smaller loss scale.

    What overflows in a narrow format on the way back is then not the new term, but what the rest
    of the loss hands down to it.
    """
    if seen.dtype not in NARROW or failure.kind not in (Break.NAN, Break.INFINITE):
        return False
    if seen.before.gradients.get(failure.what) is not None or failure.what == "value":
        return False
    gentle = bench.run_as(_gently, "after", seen.mode, seen.dtype, seen.draw)
    return gentle is not None and gentle.finite


def _gently(function: Callable[..., Any]) -> Callable[..., Any]:
    def scaled(**inputs: Any) -> Any:
        return function(**inputs) * _GENTLE

    return scaled
