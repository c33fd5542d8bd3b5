"""Tolerances that come from the dtype and the conditioning, never from a bare constant."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from lossfix.verify.bench import Reference, arrays
from lossfix.verify.numerics import FORMATS, Array
from lossfix.verify.regimes import CLOSE, ORDINARY, SUBNORMAL, WEAK, Draw, is_far
from lossfix.verify.results import Result

Mask = NDArray[np.bool_]

# float32's noise over float64's, for the same algorithm at the same point
_NARROWER = 2.0**-29
_TRUE_POLES = 20.0  # beyond it 1 - sigmoid(x) is soon 0 in float64, and its logarithm infinite
_POOR = 0.02  # of the largest entry of a gradient
_MENDED = 8.0  # tolerances that a value was off before it can be said to be mended
_SATURATED = 2.0**-6  # relative noise above which float64's own noise cannot be told from it


@dataclass(frozen=True)
class Observation:
    """The pair at one draw in one context."""

    mode: str
    dtype: str
    draw: Draw
    before: Result
    after: Result
    reference: Reference | None
    spared: tuple[Result, ...] = ()  # the original at this draw in the other modes


class Break(Enum):
    """In which way a number broke a contract."""

    NAN = "NaN"
    INFINITE = "infinite"
    NUMBER = "another number"
    GONE = "none"  # a gradient
    SHAPE = "another shape"

    @property
    def finite(self) -> bool:
        return self not in (Break.NAN, Break.INFINITE)


@dataclass(frozen=True, slots=True)
class Failure:
    """What broke the contract: which array ("value" or a parameter) and how, and in a sentence."""

    what: str
    kind: Break
    message: str


def tolerance(reference: Reference, name: str, dtype: str) -> Array:
    """How far from the reference a correct result may be, per element. Infinite where undecided."""
    exact = arrays(reference.result)[name]
    spread, noise = reference.spread[name], reference.noise[name]
    least = least_tolerance(reference, name, dtype)
    with np.errstate(all="ignore"):
        size, top = _size(exact)
        saturated = ~(noise <= _SATURATED * size + 16.0 * FORMATS["float32"].eps * top)
        doubt = np.where(saturated, 1e-3 * size, 64.0 * _NARROWER * noise)
        if dtype == "float64":
            # a spread that large is a jump, such as a kink's two sides, and not a slope
            jump = spread > 1e-3 * np.maximum(size, 1e-3 * top)
            near = np.where(jump, 8.0 * spread, 64.0 * _NARROWER * spread)
            return least + near + doubt
        if not reference.wide:
            doubt = np.sqrt(FORMATS[dtype].eps) * (size + top)
        return least + 8.0 * spread + doubt


def least_tolerance(reference: Reference, name: str, dtype: str) -> Array:
    """The part of the tolerance that the number format alone gives."""
    eps = FORMATS[dtype].eps
    with np.errstate(all="ignore"):
        size, top = _size(arrays(reference.result)[name])
        floor = 4.0 * eps * max(top, 1.0)
        if dtype == "float64":
            return 1e-9 * size + 1e-12 * top + floor
        return 32.0 * eps * size + floor


def _size(exact: Array) -> tuple[Array, float]:
    size = np.abs(exact)
    return size, float(np.max(size[np.isfinite(size)], initial=0.0))


def own_error(seen: Observation, name: str) -> Array:
    """The original's own error in this dtype: the worst of all modes, at the draw and beside it."""
    assert seen.reference is not None
    error = _error_here(seen, name)
    if seen.dtype == "float64":
        return error
    noise = seen.reference.noise[name]
    return np.maximum(error, np.where(np.isfinite(noise), noise, 0.0))


def _error_here(seen: Observation, name: str) -> Array:
    """The worst of all modes at the draw itself."""
    assert seen.reference is not None
    exact = arrays(seen.reference.result)[name]
    error = np.zeros_like(exact)
    for result in (seen.before, *seen.spared):
        other = arrays(result).get(name)
        if other is not None and other.shape == exact.shape:
            with np.errstate(all="ignore"):
                distance = np.abs(other - exact)
            error = np.maximum(error, np.where(np.isfinite(distance), distance, 0.0))
    return error


def lost(seen: Observation) -> Failure | None:
    """A number that was finite and is not any more, or a gradient that is gone."""
    before, after = arrays(seen.before), arrays(seen.after)
    exact = arrays(seen.reference.result) if seen.reference else {}
    for name, old in before.items():
        new = after.get(name)
        if new is None:
            if np.any(old[np.isfinite(old)] != 0.0):
                return Failure(
                    name, Break.GONE, f"the gradient for {name} is None and was not before"
                )
            continue
        if new.shape != old.shape:
            return Failure(name, Break.SHAPE, _shapes(name, old, new))
        worse = np.isfinite(old) & ~np.isfinite(new)
        true = exact.get(name)
        if true is not None and true.shape == new.shape:
            # infinite where the true number is too large for the dtype is no loss
            huge = ~np.isfinite(true) | (np.abs(true) > FORMATS[seen.dtype].largest)
            worse &= ~(huge & np.isinf(new))
        if worse.any():
            kind = not_finite(new[worse])
            return Failure(name, kind, f"{_of(name)} is {kind.value} where it was finite")
    return None


def differs(seen: Observation, *, by_convention: bool = False) -> Failure | None:
    """A number away from the reference by more than the tolerance and the original's own error.

    Only where the reference is finite; regimes of tiny numbers are not judged this way. With
    `by_convention` the original's singular set in this dtype is left to convention: a 0 is right
    there, and anything that is finite is beside ordinary inputs.
    """
    if seen.reference is None or seen.draw.regime in WEAK:
        return None
    if not seen.reference.wide and seen.draw.regime not in ORDINARY:
        return None
    exact, after = arrays(seen.reference.result), arrays(seen.after)
    before = arrays(seen.before)
    for name, true in exact.items():
        new = after.get(name)
        if new is None or name not in before:
            continue
        if new.shape != true.shape:
            return Failure(name, Break.SHAPE, _shapes(name, true, new))
        judged = np.isfinite(true) & np.isfinite(new)
        judged &= np.abs(true) <= FORMATS[seen.dtype].largest
        with np.errstate(all="ignore"):
            wrong = judged & (np.abs(new - true) > _surely_allowed(seen, name))
            if wrong.any():  # only now is it worth to look at what is around the draw
                allowed = np.maximum(
                    tolerance(seen.reference, name, seen.dtype), 4.0 * own_error(seen, name)
                )
                wrong &= np.abs(new - true) > allowed
        if by_convention and before[name].shape == new.shape:
            wrong &= np.isfinite(before[name]) | ((new != 0.0) & (seen.draw.regime in ORDINARY))
        if wrong.any():
            at = _worst(np.abs(new - true), wrong)
            return Failure(
                name,
                Break.NUMBER,
                f"{_of(name)} is {new[at]:.9g} where the float64 original gives {true[at]:.9g}",
            )
    return None


def _surely_allowed(seen: Observation, name: str) -> Array:
    """What is allowed whatever the original does around the draw."""
    assert seen.reference is not None
    least = least_tolerance(seen.reference, name, seen.dtype)
    return np.maximum(least, 4.0 * _error_here(seen, name))


def mended(seen: Observation) -> set[str]:
    """Which of "value" and "gradient" had a number that was not finite and now is."""
    before, after = arrays(seen.before), arrays(seen.after)
    return {
        "value" if name == "value" else "gradient"
        for name, old in before.items()
        if name in after and after[name].shape == old.shape
        if np.any(~np.isfinite(old) & np.isfinite(after[name]))
    }


def half_mended(seen: Observation) -> Failure | None:
    """A gradient that is still not finite where the value, which was not, now is."""
    if seen.reference is None or not seen.reference.wide or seen.draw.regime == SUBNORMAL:
        return None
    true, old, new = seen.reference.result.value, seen.before.value, seen.after.value
    if new.shape != old.shape or not np.any(np.isfinite(true) & ~np.isfinite(old)):
        return None
    if not np.all(np.isfinite(new) | ~np.isfinite(true)):
        return None
    return next((f for f in unmended(seen) if f.what != "value"), None)


def patched(seen: Observation) -> Failure | None:
    """A gradient that is NaN where the value, which was not finite, was made so."""
    old, new = seen.before.value, seen.after.value
    if new.shape != old.shape or seen.draw.regime == SUBNORMAL:
        return None
    if not np.any(~np.isfinite(old)) or not np.isfinite(new).all():
        return None
    for name, gradient in seen.after.gradients.items():
        if gradient is not None and np.isnan(gradient).any():
            message = f"the gradient for {name} is still NaN, and the value was patched"
            return Failure(name, Break.NAN, message)
    return None


def half_accurate(seen: Observation) -> Failure | None:
    """A gradient with less than two digits where the value, which had none, is right."""
    if seen.reference is None or not seen.reference.wide or seen.draw.regime in WEAK:
        return None
    if seen.dtype == "float64" or not seen.reference.result.finite:
        return None
    if not (seen.before.finite and seen.after.finite):
        return None
    true = seen.reference.result
    if seen.before.value.shape != true.value.shape or seen.after.value.shape != true.value.shape:
        return None
    error = np.abs(seen.before.value - true.value)
    if not np.any(error > _MENDED * least_tolerance(seen.reference, "value", seen.dtype)):
        return None
    allowed = tolerance(seen.reference, "value", seen.dtype)
    was = error > _MENDED * allowed
    wrong = np.abs(seen.after.value - true.value) > allowed
    if not was.any() or wrong.any():
        return None
    for name, exact in arrays(true).items():
        new = arrays(seen.after).get(name)
        if name == "value" or new is None or new.shape != exact.shape:
            continue
        top = float(np.max(np.abs(exact), initial=0.0))
        allowed = tolerance(seen.reference, name, seen.dtype) + _POOR * top
        off = np.abs(new - exact) > allowed
        if off.any():
            at = _worst(np.abs(new - exact), off)
            return Failure(
                name,
                Break.NUMBER,
                f"{_of(name)} is {new[at]:.9g} where the float64 original gives {exact[at]:.9g}; "
                "the value alone is mended",
            )
    return None


def pole_hidden(seen: Observation) -> Failure | None:
    """A number in the place of one that is truly infinite: a convention, and not the same loss."""
    if seen.reference is None or not seen.reference.wide or is_far(seen.draw):
        return None
    if seen.draw.regime == CLOSE:  # a difference that vanishes in one format is a number in another
        return None
    reach = max(float(np.max(np.abs(v), initial=0.0)) for v in seen.draw.values.values())
    if reach > _TRUE_POLES:
        return None
    after = arrays(seen.after)
    for name, true in arrays(seen.reference.result).items():
        new, old = after.get(name), arrays(seen.before).get(name)
        if new is None or old is None or new.shape != true.shape or old.shape != true.shape:
            continue
        hidden = np.isinf(true) & np.isinf(old) & np.isfinite(new)
        if hidden.any():
            return Failure(
                name,
                Break.NUMBER,
                f"{_of(name)} is {new[hidden][0]:.9g} where it is infinite: that is a guard",
            )
    return None


def unmended(seen: Observation) -> list[Failure]:
    """Numbers that are still not finite although the true ones are, and fit the dtype."""
    found: list[Failure] = []
    if seen.reference is None or not seen.reference.wide:
        return found
    exact, after = arrays(seen.reference.result), arrays(seen.after)
    for name, true in exact.items():
        new = after.get(name)
        if new is None or new.shape != true.shape:
            continue
        # a number near the dtype's end may overflow on the way to a finite result
        roomy = np.abs(true) < np.sqrt(FORMATS[seen.dtype].largest)
        bad = np.isfinite(true) & roomy & ~np.isfinite(new)
        if bad.any():
            kind = not_finite(new[bad])
            message = f"{_of(name)} is still {kind.value} and the true one is finite"
            found.append(Failure(name, kind, message))
    return found


def singular(seen: Observation) -> bool:
    """Whether the original, here or in float64, is not finite."""
    true = seen.reference is None or seen.reference.result.finite
    return not (seen.before.finite and true)


def cosine(a: Array, b: Array) -> float | None:
    """The cosine between two gradients; None where one is zero, missing or not finite."""
    if a.shape != b.shape or not a.size:
        return None
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return None
    a, b = a / max(np.abs(a).max(), 1e-300), b / max(np.abs(b).max(), 1e-300)
    sizes = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    return float(a @ b) / sizes if sizes > 0 else None


def _of(name: str) -> str:
    return "the value" if name == "value" else f"the gradient for {name}"


def not_finite(numbers: Array) -> Break:
    """Which of the two a set of numbers that are not finite is."""
    return Break.NAN if np.isnan(numbers).any() else Break.INFINITE


def _shapes(name: str, old: Array, new: Array) -> str:
    return f"{_of(name)} has shape {new.shape} and had {old.shape}"


def _worst(error: Array, wrong: Mask) -> tuple[int, ...]:
    flat = int(np.argmax(np.where(wrong, error, -1.0)))
    return tuple(int(i) for i in np.unravel_index(flat, error.shape))
