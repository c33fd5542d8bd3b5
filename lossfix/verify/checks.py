"""What each contract asks of the pair at one draw in one context.

A check returns the Failure that breaks the contract, or None. What can only be said over many
draws is in `checks_over_draws`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lossfix.rules.contracts import (
    Bounded,
    Contract,
    Exact,
    Guarded,
    Meaning,
    Monotone,
    Relaxed,
    StraightThrough,
)
from lossfix.verify.bench import arrays
from lossfix.verify.compare import (
    Break,
    Failure,
    Observation,
    cosine,
    differs,
    half_accurate,
    half_mended,
    lost,
    not_finite,
    patched,
    pole_hidden,
    singular,
    tolerance,
)
from lossfix.verify.numerics import FORMATS, ulp
from lossfix.verify.regimes import CLOSE, ORDINARY, is_far

Check = Callable[[Observation], Failure | None]

COSINE = 1.0 - 1e-6
_COSINES = {"float64": COSINE, "float32": 1.0 - 1e-4, "bfloat16": 0.98, "float16": 0.995}
_ZERO = "the gradient of the new loss is zero everywhere"
_SIDES = ("saturated",)


def check_of(contract: Contract) -> Check:
    """The per-draw check of a contract."""
    if isinstance(contract, Bounded):
        return lambda seen: bounded(seen, contract)
    if isinstance(contract, Relaxed):
        return lambda seen: relaxed(seen, contract)
    if isinstance(contract, Meaning):
        return lambda seen: meaning(seen, contract)
    return _CHECKS[type(contract)]


def exact(seen: Observation) -> Failure | None:
    """No worse where the original was fine, and near the float64 original.

    What was mended is mended in value and gradient, and a pole is still one.
    """
    return (
        lost(seen)
        or differs(seen)
        or half_mended(seen)
        or patched(seen)
        or half_accurate(seen)
        or pole_hidden(seen)
    )


def guarded(seen: Observation) -> Failure | None:
    """As exact off the singular set; not NaN on it."""
    # squares that underflow put an input on the singular set that is only near it
    failure = lost(seen) or differs(seen, by_convention=True) or half_mended(seen)
    return failure or _nan_on_singular_set(seen)


def _nan_on_singular_set(seen: Observation) -> Failure | None:
    return next((f for f in _open(seen) if f.kind is Break.NAN), None)


def still_open(seen: Observation, kind: str) -> Failure | None:
    """A "value" or "gradient" that is infinite on the singular set.

    It may be a pole of the loss itself, beside the set: then other places are mended.
    """
    return next((f for f in _open(seen) if (f.what == "value") == (kind == "value")), None)


def bounded(seen: Observation, contract: Bounded) -> Failure | None:
    """The value within the bound wherever the original is finite."""
    if seen.after.value.shape != seen.before.value.shape:
        return Failure("value", Break.SHAPE, _shapes(seen))
    old, new = seen.before.value, seen.after.value
    with np.errstate(all="ignore"):
        limit = contract.bound * (np.abs(old) if contract.relative else 1.0)
        slack = 16.0 * FORMATS[seen.dtype].eps * np.maximum(np.abs(old), 1.0)
        moved = np.abs(new - old)
        wrong = np.isfinite(old) & np.isfinite(new) & (moved > limit + slack)
        reference = seen.reference
        if wrong.any() and reference is not None and reference.result.value.shape == old.shape:
            wrong &= moved > limit + tolerance(reference, "value", seen.dtype)
    if wrong.any():
        far = float(np.max(moved[wrong]))
        bound = f"{contract.bound:g}" + (" of it" if contract.relative else "")
        return Failure("value", Break.NUMBER, f"the value moved by {far:.6g}, more than {bound}")
    return lost(seen) or _nan_on_singular_set(seen)


def monotone(seen: Observation) -> Failure | None:
    """A scalar whose gradient is parallel to the original's."""
    if seen.before.value.ndim or seen.after.value.ndim:
        return Failure(
            "value",
            Break.SHAPE,
            "the result is not a scalar, so the order of its values decides nothing: "
            f"shapes {seen.before.value.shape} and {seen.after.value.shape}",
        )
    gone = lost(seen)
    if gone is not None:
        return gone
    if seen.draw.regime not in ORDINARY and seen.dtype != "float64":
        return None
    near = cosine(seen.before.flat_gradient(), seen.after.flat_gradient())
    if near is not None and near < _COSINES[seen.dtype] and _sharp(seen):
        message = f"the gradients are not parallel: their cosine is {near:.9g}"
        return Failure("gradient", Break.NUMBER, message)
    return None


def relaxed(seen: Observation, contract: Relaxed) -> Failure | None:
    """No NaN, a gradient in ordinary regimes; without a sharpness, equal at exactly 0 and 1."""
    failure = _finite_after(seen)
    if failure is not None:
        return failure
    if seen.after.value.shape != seen.before.value.shape:
        return Failure("value", Break.SHAPE, _shapes(seen))
    if seen.draw.regime in ORDINARY and not np.any(seen.after.flat_gradient() != 0.0):
        return Failure("gradient", Break.NUMBER, _ZERO)
    if contract.sharpness is None and seen.draw.regime in _SIDES:
        return _same_value(seen)
    return None


def straight_through(seen: Observation) -> Failure | None:
    """The same forward value to an ulp, and a gradient."""
    if seen.after.value.shape != seen.before.value.shape:
        return Failure("value", Break.SHAPE, _shapes(seen))
    failure = _same_value(seen) or _finite_after(seen)
    if failure is not None:
        return failure
    if seen.draw.regime in ORDINARY and not np.any(seen.after.flat_gradient() != 0.0):
        return Failure("gradient", Break.NUMBER, _ZERO)
    return None


def meaning(seen: Observation, contract: Meaning) -> Failure | None:
    """The new loss runs, and is NaN nowhere that the old one was not; it may keep the value."""
    if contract.same_value and seen.after.value.shape != seen.before.value.shape:
        return Failure("value", Break.SHAPE, _shapes(seen))
    return _finite_after(seen) or (_same_value(seen) if contract.same_value else None)


def _same_value(seen: Observation) -> Failure | None:
    old, new = seen.before.value, seen.after.value
    if seen.reference is not None:
        # a sum of many equal terms may round differently: an ulp for each doubling of their number
        terms = max([1, *(g.size for g in seen.before.gradients.values() if g is not None)])
        terms = max([terms, *(np.size(v) for v in seen.draw.values.values())])
    else:
        terms = 1
    with np.errstate(all="ignore"):
        allowed = ulp(old, seen.dtype) * (1.0 + np.log2(terms))
        wrong = np.isfinite(old) & ~(np.abs(new - old) <= allowed)
    if wrong.any():
        message = f"the value is {new[wrong][0]:.9g} and was {old[wrong][0]:.9g}"
        return Failure("value", Break.NUMBER, message)
    return None


def _finite_after(seen: Observation) -> Failure | None:
    """Fails where the new loss is not finite and the old one, gradient or none, was."""
    bad = _not_finite(seen, "where the original had none")
    if bad is None:
        return None
    if bad.what == "value":
        return bad if np.isfinite(seen.before.value).all() else None
    return bad if seen.before.finite else None


def _not_finite(seen: Observation, where: str) -> Failure | None:
    if not np.isfinite(seen.after.value).all():
        kind = not_finite(seen.after.value)
        return Failure("value", kind, f"the value is {kind.value} {where}")
    for name, gradient in seen.after.gradients.items():
        if gradient is not None and not np.isfinite(gradient).all():
            kind = not_finite(gradient)
            return Failure(name, kind, f"the gradient for {name} is {kind.value} {where}")
    return None


def _open(seen: Observation) -> list[Failure]:
    """What is not finite on the singular set, unless the true number overflows the dtype."""
    found: list[Failure] = []
    if not singular(seen) or is_far(seen.draw) or seen.draw.regime == CLOSE:
        return found
    true = arrays(seen.reference.result) if seen.reference else {}
    for name, new in arrays(seen.after).items():
        bad = ~np.isfinite(new)
        if name in true and true[name].shape == new.shape:
            room = np.sqrt(FORMATS[seen.dtype].largest)
            bad &= ~np.isfinite(true[name]) | (np.abs(true[name]) < room)
        if bad.any():
            what = "the value" if name == "value" else f"the gradient for {name}"
            kind = not_finite(new[bad])
            found.append(Failure(name, kind, f"{what} is {kind.value} on the singular set"))
    return found


def _sharp(seen: Observation) -> bool:
    """Whether the original's gradient is steady enough here for its direction to mean something."""
    if seen.reference is None:
        return True
    for name, gradient in seen.reference.result.gradients.items():
        if gradient is None or name not in seen.reference.spread:
            continue
        top = float(np.max(np.abs(gradient), initial=0.0))
        if not np.all(seen.reference.spread[name] <= 1e-3 * top):
            return False
    return True


def _shapes(seen: Observation) -> str:
    return f"the value has shape {seen.after.value.shape} and had {seen.before.value.shape}"


_CHECKS: dict[type[Contract], Check] = {
    Exact: exact,
    Guarded: guarded,
    Monotone: monotone,
    StraightThrough: straight_through,
}
