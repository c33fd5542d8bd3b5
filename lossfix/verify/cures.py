"""The cure: an input at which the original is bad, and the loss with one finding mended is not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lossfix.rules.contracts import Meaning
from lossfix.verify.bench import Reference, arrays
from lossfix.verify.numerics import Array
from lossfix.verify.regimes import FAR, WEAK, Draw, draws, row
from lossfix.verify.results import Result
from lossfix.verify.watched import LOST, Answer, Runs, Search, confirmed, true_is_finite

_RIGHT = 2.0**-18  # of a number: what the mended version may be off
_DEAF = 0.5  # of the gradient that the loss has without its guard


def cured(search: Search, runs: Runs) -> Answer | None:
    """An input at which the original is bad, and the version with this finding mended is not."""
    if "after" not in search.bench.loaded:
        return None
    for look in (_inaccurate, _infinite, _deaf, _by_row):
        answer = look(search)
        if answer is not None:
            return answer
    return None


def _infinite(search: Search) -> Answer | None:
    """Not finite in some context, where the mended version is."""
    for mode, dtype in (("eager", "float32"), ("xla", "float32"), ("eager", "bfloat16")):
        made = search.made
        if dtype != "float32":
            made = tuple(draws(search.plan, dtype, search.options.seed))
        for draw in made:
            before = search.bench.try_run("before", mode, dtype, draw)
            if before is None or before.finite:
                continue
            after = search.bench.try_run("after", mode, dtype, draw)
            if after is None or (draw.regime in FAR and not true_is_finite(search, draw)):
                continue
            for name, old in arrays(before).items():
                new = arrays(after).get(name)
                if new is None or new.shape != old.shape:
                    continue
                if np.any(~np.isfinite(old) & np.isfinite(new)):
                    bad = "NaN" if np.isnan(old).any() else "infinite"
                    reason = f"{_of(name)} is {bad}, and finite with this mended"
                    return confirmed(draw, reason, mode, dtype)
    return None


def _inaccurate(search: Search) -> Answer | None:
    """Wrong against the original in float64, where the mended version is right."""
    for draw in search.made:
        if draw.regime in WEAK - {"minute"}:
            continue
        before = search.bench.try_run("before", "eager", "float32", draw)
        after = search.bench.try_run("after", "eager", "float32", draw)
        reference = _oracle(search, draw)
        if before is None or after is None or reference is None:
            continue
        for name, true, old, new in _triples(reference, before, after):
            size, top = np.abs(true), float(np.max(np.abs(true), initial=0.0))
            with np.errstate(all="ignore"):
                error, left = np.abs(old - true), np.abs(new - true)
                judged = np.isfinite(true) & np.isfinite(old) & np.isfinite(new)
                judged &= size > 1e-6 * top
                judged &= error > 8.0 * reference.spread[name]
                wrong = judged & (error > LOST * size) & (left <= _RIGHT * size)
            if wrong.any():
                at = tuple(int(i) for i in np.argwhere(wrong)[0])
                reason = (
                    f"{_of(name)} is {old[at]:.6g} in float32 and {true[at]:.6g} in float64; "
                    f"{new[at]:.6g} with this mended"
                )
                return confirmed(draw, reason)
    return None


def _oracle(search: Search, draw: Draw) -> Reference | None:
    reference = search.bench.reference(draw)
    return reference if reference is not None and reference.wide else None


def _triples(
    reference: Reference, before: Result, after: Result
) -> Iterator[tuple[str, Array, Array, Array]]:
    old, new = arrays(before), arrays(after)
    for name, true in arrays(reference.result).items():
        if name in old and name in new and true.shape == old[name].shape == new[name].shape:
            yield name, true, old[name], new[name]


def _deaf(search: Search) -> Answer | None:
    """A guard that takes most of the gradient away, over the reals: the loss is deaf there."""
    if not isinstance(search.contract, Meaning) or search.contract.by_row:
        return None
    for draw in search.made:
        if draw.regime in WEAK:
            continue
        before = search.bench.try_run("before", "eager", "float64", draw)
        after = search.bench.try_run("after", "eager", "float64", draw)
        if before is None or after is None or not (before.finite and after.finite):
            continue
        for name, old in arrays(before).items():
            new = arrays(after).get(name)
            if name == "value" or new is None or new.shape != old.shape or not new.size:
                continue
            top = float(np.max(np.abs(new)))
            wrong = (np.abs(new) > 0.1 * top) & (np.abs(old) < _DEAF * np.abs(new))
            if wrong.any():
                at = tuple(int(i) for i in np.argwhere(wrong)[0])
                reason = (
                    f"{_of(name)} is {old[at]:.6g}, and {new[at]:.6g} with this mended: "
                    "most of it is lost to the guard"
                )
                return confirmed(draw, reason, dtype="float64")
    return None


def _by_row(search: Search) -> Answer | None:
    """Rows that are mixed with each other, or weighted together and not one by one."""
    if not isinstance(search.contract, Meaning) or not search.contract.by_row:
        return None
    for draw in search.made:
        before = search.bench.try_run("before", "eager", "float32", draw)
        after = search.bench.try_run("after", "eager", "float32", draw)
        count = min((t.shape[0] for t in search.plan.tensors if t.shape), default=0)
        parts = [row(draw, search.plan, index, draw.regime) for index in range(count)]
        if before is None or after is None or count < 2 or None in parts:
            continue
        if before.value.ndim == 0 and after.value.shape == (count,):
            weights = np.linspace(0.0, 2.0, count)
            asked = float(np.mean(weights * after.value))
            given = float(np.mean(weights) * before.value)
            if abs(asked - given) > 1e-3 * abs(asked):
                shown = ", ".join(f"{w:.3g}" for w in weights[:4])
                reason = f"with sample_weight [{shown}, ...] it is {given:.6g} and not {asked:.6g}"
                return confirmed(draw, reason)
            continue
        alone = [search.bench.try_run("before", "eager", "float32", p) for p in parts if p]
        values = [float(one.value.mean()) for one in alone if one is not None]
        if len(values) == count and np.isfinite(values).all():
            mean, whole = float(np.mean(values)), float(before.value.mean())
            if abs(mean - whole) > 1e-3 * max(abs(mean), abs(whole)):
                reason = f"on the batch it is {whole:.6g}, and {mean:.6g} row by row"
                return confirmed(draw, reason)
    return None


def _of(name: str) -> str:
    return "the value" if name == "value" else f"the gradient for {name}"
