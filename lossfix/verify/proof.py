"""Proving a rule: its replacement against its pattern, over the reals, on the whole domain.

What the framework does with the numbers is the second level's business; here it is the mathematics
that is checked: value and gradient, each by the rule's own contract.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np
from mpmath import mp
from numpy.typing import NDArray

from lossfix.rules.contracts import (
    IDENTITY,
    Bounded,
    Contract,
    Diagnosis,
    Exact,
    Guarded,
    Meaning,
    Monotone,
    Relaxed,
    StraightThrough,
)
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule
from lossfix.rules.terms import Apply, AttrVar, Sharpness, Term, Var, subterms, variables
from lossfix.verify.reals import Real, Sample, UnknownOpError, agree, evaluate

PRECISION = 500  # digits in which flaws are looked for
DIGITS = 25  # in which two equal real numbers must agree
RANDOM = 12  # random samples a rewrite, beside those at the ends of its domain
SHARPENED = (1.0, 10.0, 100.0, 1000.0)  # multiples of the default sharpness
OFF = 0.05  # how far off a threshold a relaxation is compared with the step
_AXES: Mapping[str, tuple[Any, ...]] = {
    "axis": (-1, 0, None),
    "one_axis": (-1, 0),
    "keepdims": (False, True),
    "dtype": ("float32",),
    "integer": ("int32",),
    "index": (0, 1),
    "ord": ("euclidean",),
    "shape": ((3, 2), (-1,)),
    "place": (0, -1),
    "last": (-1,),
    "last_axis": (-1, 1),
    "depth": (3,),
    "copies": ((1, 1),),
}


@dataclass(frozen=True, slots=True)
class Flaw:
    """One way in which a rule is wrong, with the sample that shows it."""

    rule: str
    rewrite: int
    kind: str  # "structure", "value", "gradient", "limit", "gate", "order", "surrogate"
    message: str


def prove(rule: Rule) -> tuple[Flaw, ...]:
    """Every flaw found in a rule and its kernels; none means that each contract holds."""
    with mp.workdps(PRECISION):
        return tuple(flaw for each in _kernels(rule) for flaw in _flaws(each))


def _kernels(rule: Rule) -> Iterator[Rule]:
    yield rule
    for kernel in rule.kernels:
        yield rule.with_kernel(kernel.name)


def _flaws(rule: Rule) -> Iterator[Flaw]:
    for index, rewrite in enumerate(rule.rewrites):
        if rewrite.after is None:
            continue
        structural = _structure(rule, rewrite, rewrite.after)
        if structural:
            yield Flaw(rule.code, index, "structure", structural)
            continue
        try:
            found = _broken(rule, rewrite, rewrite.after)
        except UnknownOpError as error:
            found = ("structure", str(error))
        except ValueError as error:  # of shapes that do not broadcast
            found = ("structure", f"it cannot be evaluated: {error}")
        if found is not None:
            yield Flaw(rule.code, index, *found)


def _structure(rule: Rule, rewrite: Rewrite, after: Term) -> str:
    unbound = set(variables(after)) - set(variables(rewrite.before))
    if unbound:
        return f"the replacement uses {sorted(unbound)}, which the pattern does not bind"
    loose = _attributes(after) - _attributes(rewrite.before)
    if loose:
        return f"the replacement uses the attributes {sorted(loose)}, which the pattern lacks"
    bare = set(variables(rewrite.before)) - set(rule.domains)
    if bare:
        return f"{sorted(bare)} has no domain"
    sharp = any(isinstance(part, Sharpness) for part in subterms(after))
    contract = rule.contract
    steered = isinstance(contract, (Relaxed, StraightThrough)) and contract.sharpness is not None
    if (sharp and not steered) or (isinstance(contract, Relaxed) and steered and not sharp):
        return "a sharpness belongs to a contract that has one, and to no other"
    return ""


def _attributes(term: Term) -> set[str]:
    return {
        value.name
        for part in subterms(term)
        if isinstance(part, Apply)
        for _, value in part.attrs
        if isinstance(value, AttrVar)
    }


# samples


def samples(rule: Rule, rewrite: Rewrite) -> Iterator[Sample]:
    """The ends of the domains, the points that they crowd, and random ones in between."""
    names = variables(rewrite.before)
    rng = np.random.default_rng(7)
    for attrs in _attr_choices(rewrite.before):
        for fill in ("low", "high", "near", "beside"):
            values = {n: _filled(rule.domains[n], fill, rng) for n in names}
            yield Sample(values, attrs)
        for number in range(RANDOM):
            yield Sample({n: _random(rule.domains[n], number, rng) for n in names}, attrs)


def _attr_choices(term: Term) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{}]
    for name in sorted(_attributes(term)):
        choices = _AXES.get(name, (None,))
        found = [{**one, name: choice} for one in found for choice in choices]
    return found


def _filled(domain: Domain, fill: str, rng: np.random.Generator) -> NDArray[np.float64]:
    points = domain.near or (domain.low, domain.high)
    if fill == "low":
        return np.full(domain.shape, domain.low)
    if fill == "high":
        return np.full(domain.shape, domain.high)
    base = rng.choice(points, domain.shape)
    if fill == "beside":
        steps = rng.choice([-1e-3, -1e-9, 0.0, 1e-9, 1e-3], domain.shape)
        base = np.clip(base + steps, domain.low, domain.high)
    return np.asarray(np.rint(base) if domain.integer else base, dtype=np.float64)


def _random(domain: Domain, number: int, rng: np.random.Generator) -> NDArray[np.float64]:
    low, high = domain.low, domain.high
    if number % 3 == 0:
        values = rng.uniform(low, high, domain.shape)
    elif number % 3 == 1:
        centre = domain.near[0] if domain.near else 0.5 * (max(low, -10) + min(high, 10))
        values = np.clip(rng.normal(centre, 1.0, domain.shape), low, high)
    else:
        size = 10.0 ** rng.uniform(-12, 1, domain.shape)
        values = np.clip(size * rng.choice([-1.0, 1.0], domain.shape), low, high)
    return np.asarray(np.floor(values) if domain.integer else values, dtype=np.float64)


# contracts


def _broken(rule: Rule, rewrite: Rewrite, after: Term) -> tuple[str, str] | None:
    contract = rule.contract
    pairs: list[tuple[Sample, Real, Real]] = []
    compared = 0
    for sample in samples(rule, rewrite):
        before, new = evaluate(rewrite.before, sample), evaluate(after, sample)
        found = _compare(contract, sample, before, new)
        if found is not None:
            return found[0], f"{found[1]} at {_shown(sample)}"
        pairs.append((sample, before, new))
        compared += all(mpmath.isfinite(v) for v in before.value.flat)
    if not compared:
        return "structure", "the pattern has no finite value on its domain"
    if isinstance(contract, Monotone):
        return _order(pairs)
    if isinstance(contract, Relaxed) and contract.sharpness is not None:
        return _limit(rule, rewrite, after, contract.sharpness)
    if isinstance(contract, Meaning):
        if all(_same(b, n) for _, b, n in pairs):
            return "value", "the replacement changes nothing"
        if contract.same_value:
            return next((f for _, b, n in pairs if (f := _value_moved(b, n))), None)
        return _not_as_meant(rewrite, pairs) or _apart(rule, rewrite, after, contract)
    return None


def _value_moved(before: Real, after: Real) -> tuple[str, str] | None:
    old, new = list(before.value.flat), list(after.value.flat)
    if before.value.shape == after.value.shape and agree(old, new, DIGITS):
        return None
    return "value", f"{_first(after)} for {_first(before)}"


def _not_as_meant(
    rewrite: Rewrite, pairs: Sequence[tuple[Sample, Real, Real]]
) -> tuple[str, str] | None:
    """Where the replacement differs from itself in other words."""
    if rewrite.meant is None:
        return None
    for sample, _, new in pairs:
        found = _equal(Exact(), evaluate(rewrite.meant, sample), new)
        if found is not None:
            return found[0], f"{found[1]} at {_shown(sample)}, unlike what is meant"
    return None


def _apart(rule: Rule, rewrite: Rewrite, after: Term, contract: Meaning) -> tuple[str, str] | None:
    """Where both losses should be equal: with the variables in the intervals that are named."""
    names = set(variables(rewrite.before))
    named = {name: (low, high) for name, low, high in contract.equal_on if name in names}
    if not named:
        return None
    domains = {
        name: (
            replace(domain, low=named[name][0], high=named[name][1], near=named[name])
            if name in named
            else domain
        )
        for name, domain in rule.domains.items()
    }
    fixed = {name for name, (low, high) in named.items() if low == high}
    for sample in samples(replace(rule, domains=domains), rewrite):
        old, new = evaluate(rewrite.before, sample), evaluate(after, sample)
        found = _equal(Exact(), _without(old, fixed), _without(new, fixed))
        if found is not None:
            return found[0], f"{found[1]} at {_shown(sample)}"
    return None


def _without(real: Real, names: set[str]) -> Real:
    """A guard that is taken out has no gradient to compare."""
    return replace(real, gradients={n: g for n, g in real.gradients.items() if n not in names})


def _same(before: Real, after: Real) -> bool:
    return before.value.shape == after.value.shape and agree(before.flat(), after.flat(), DIGITS)


def _compare(
    contract: Contract, sample: Sample, before: Real, after: Real
) -> tuple[str, str] | None:
    """What one sample says; None where the contract holds there."""
    if isinstance(contract, (Exact, Guarded)):
        return _equal(contract, before, after)
    if isinstance(contract, Bounded):
        return _near(contract, before, after)
    if isinstance(contract, Monotone):
        return _parallel(before, after)
    if isinstance(contract, StraightThrough):
        return _surrogate(contract, sample, before, after)
    if isinstance(contract, Relaxed) and contract.sharpness is None:
        return _at_whole_numbers(sample, before, after)
    assert isinstance(contract, (Relaxed, Meaning, Diagnosis))
    return None


def _equal(contract: Contract, before: Real, after: Real) -> tuple[str, str] | None:
    if before.value.shape != after.value.shape:
        return "value", f"the shape is {after.value.shape} for {before.value.shape}"
    # a gradient that a step or a conversion lost is none: the value alone can be compared
    pairs = zip(before.value.flat, after.value.flat, strict=True)
    known = [(a, b) for a, b in pairs if mpmath.isfinite(a)]
    whole = len(known) == before.value.size
    if not agree([a for a, _ in known], [b for _, b in known], DIGITS):
        return "value", f"{_first(after)} for {_first(before)}"
    if before.finite and not before.lost and not agree(before.flat(), after.flat(), DIGITS):
        return "gradient", "the gradients differ"
    if isinstance(contract, Guarded) and whole and not after.finite:
        return "gradient", "the new value or gradient is not finite on the singular set"
    return None


def _near(contract: Bounded, before: Real, after: Real) -> tuple[str, str] | None:
    for old, new in zip(before.value.flat, after.value.flat, strict=True):
        scale = abs(old) if contract.relative else 1
        if mpmath.isfinite(old) and not abs(new - old) <= contract.bound * scale:
            return "value", f"moved by {mp.nstr(abs(new - old), 5)}, more than the bound"
    return None


def _parallel(before: Real, after: Real) -> tuple[str, str] | None:
    if before.value.size != 1 or after.value.size != 1:
        return "value", "a monotone loss is one number"
    old = [g for a in before.gradients.values() for g in a]
    new = [g for a in after.gradients.values() for g in a]
    dot = mp.fdot(old, new)
    sizes = mp.sqrt(mp.fdot(old, old) * mp.fdot(new, new))
    if sizes > 0 and dot / sizes < 1 - mp.mpf(10) ** -20:
        return "gradient", f"the cosine of the gradients is {mp.nstr(dot / sizes, 8)}"
    return None


def _order(pairs: Sequence[tuple[Sample, Real, Real]]) -> tuple[str, str] | None:
    """The values rank equally, among samples of one shape and one set of attributes."""
    ranked = sorted(pairs, key=lambda pair: pair[1].value.flat[0])
    for (_, a, x), (sample, b, y) in pairwise(ranked):
        if b.value.flat[0] > a.value.flat[0] and not y.value.flat[0] > x.value.flat[0]:
            return "order", f"it falls where the original rises, at {_shown(sample)}"
    return None


def _surrogate(
    contract: StraightThrough, sample: Sample, before: Real, after: Real
) -> tuple[str, str] | None:
    if not agree(list(before.value.flat), list(after.value.flat), DIGITS):
        return "value", f"the forward value is {_first(after)} for {_first(before)}"
    if not any(g != 0 for a in after.gradients.values() for g in a):
        return "surrogate", "there is no gradient"
    if contract.surrogate == IDENTITY and len(sample.values) == 1:
        declared = evaluate(Var(next(iter(sample.values))), sample).gradients
        if not all(agree(list(declared[n]), list(after.gradients[n]), DIGITS) for n in declared):
            return "surrogate", "the gradient is not the identity's"
    return None


def _at_whole_numbers(sample: Sample, before: Real, after: Real) -> tuple[str, str] | None:
    """A relaxation without a sharpness is equal where every prediction is 0 or 1."""
    is_whole = all(bool(np.all(np.isin(v, (0.0, 1.0)))) for v in sample.values.values())
    if is_whole and not agree(list(before.value.flat), list(after.value.flat), DIGITS):
        return "value", f"{_first(after)} for {_first(before)}"
    if after.lost or (
        not is_whole and not any(g != 0 for a in after.gradients.values() for g in a)
    ):
        return "gradient", "the relaxation has no gradient"
    return None


def _limit(rule: Rule, rewrite: Rewrite, after: Term, sharpness: float) -> tuple[str, str] | None:
    """Off the threshold the error vanishes as k grows; at it there is a gradient."""
    for sample in samples(rule, rewrite):
        errors: list[Any] = []
        for factor in SHARPENED:
            at = Sample(_off_threshold(rule, sample.values), sample.attrs, sharpness * factor)
            old, new = evaluate(rewrite.before, at), evaluate(after, at)
            errors.append(
                max(abs(a - b) for a, b in zip(old.value.flat, new.value.flat, strict=True))
            )
        falling = all(b <= a / 10 for a, b in pairwise(errors))
        if errors[-1] > 1e-8 and not falling:
            kind = "gate" if errors[-1] > errors[0] / 2 else "limit"
            gone = mp.nstr(errors[-1], 5)
            return kind, f"still {gone} away at k = {sharpness * SHARPENED[-1]:g}, {_shown(sample)}"
    return _slope(rule, rewrite, after, sharpness)


def _off_threshold(
    rule: Rule, values: Mapping[str, NDArray[np.float64]]
) -> dict[str, NDArray[np.float64]]:
    """The sample with every value moved away from the points that its domain crowds."""
    moved: dict[str, NDArray[np.float64]] = {}
    for name, value in values.items():
        result = np.array(value, dtype=np.float64)
        domain = rule.domains[name]
        if domain.low < domain.high:
            for point in domain.near:
                side = np.where(result >= point, 1.0, -1.0)
                result = np.where(np.abs(result - point) < OFF, point + OFF * side, result)
        moved[name] = _spread(result) if domain.distinct else result
    return moved


def _at(domain: Domain) -> float:
    """The threshold itself, for what is compared with one or is one."""
    if domain.low == domain.high:
        return domain.low
    return domain.near[0] if domain.near else 1.0


def _spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The entries moved apart, in their order."""
    ranks = np.argsort(np.argsort(values, axis=None), axis=None)
    return np.asarray(values + OFF * ranks.reshape(values.shape))


def _slope(rule: Rule, rewrite: Rewrite, after: Term, sharpness: float) -> tuple[str, str] | None:
    names = variables(rewrite.before)
    for attrs in _attr_choices(rewrite.before)[:1]:
        values = {n: np.full(rule.domains[n].shape, _at(rule.domains[n])) for n in names}
        if "y" in values:
            values["y"] = np.ones(rule.domains["y"].shape)
        values = {n: _spread(v) if rule.domains[n].distinct else v for n, v in values.items()}
        real = evaluate(after, Sample(values, attrs, sharpness))
        if not all(g != 0 for a in (real.gradients["x"],) for g in a):
            return "gradient", "the relaxation has no gradient at the threshold"
    return None


# words


def _first(real: Real) -> str:
    return str(mp.nstr(real.value.flat[0], 8)) if real.value.size else "nothing"


def _shown(sample: Sample) -> str:
    values = [
        f"{n} = {np.array2string(v.ravel()[:6], precision=6)}" for n, v in sample.values.items()
    ]
    attrs = [f"{n} = {v}" for n, v in sample.attrs.items()]
    return ", ".join([*values, *attrs])
