"""The birth of what goes wrong: in the text of a finding, or somewhere else."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from lossfix.verify.bench import Reference, arrays, differentiated
from lossfix.verify.instrument import Site
from lossfix.verify.numerics import FORMATS, Array
from lossfix.verify.regimes import FAR, ORDINARY, WEAK, Draw, regime_named, row
from lossfix.verify.regimes import draw as draw_regime
from lossfix.verify.watched import (
    BAD,
    LOST,
    WORDS,
    Answer,
    Runs,
    Search,
    confirmed,
    kind_of,
    operands_of,
    true_is_finite,
    worst_of,
)

_KEPT = 2.0**-19  # of a number: an error that an operand may have


def born(search: Search, runs: Runs) -> Answer | None:
    """A NaN or an infinity of the loss that is born in the finding's text."""
    for draw, run in runs:
        total = worst_of(run)
        if total == "ok" or (draw.regime in FAR and not true_is_finite(search, draw)):
            continue
        if _birth(search, run, search.inside)[0] is not None and _goes(search, draw, run):
            return _shown_birth(search, draw, run)
    return None


def _goes(search: Search, draw: Draw, run: Any) -> bool:
    """Whether mending the finding takes this away, or what is left has another birth place."""
    if "after" not in search.bench.loaded:
        return True
    after = search.bench.try_run("after", "eager", "float32", draw)
    outside = frozenset(range(len(search.sites))) - search.inside
    return after is None or after.finite or _birth(search, run, outside)[0] is not None


def _shown_birth(search: Search, draw: Draw, run: Any) -> Answer:
    """The birth at one row of the draw, where one row shows it."""
    rows = min((t.shape[0] for t in search.plan.tensors if t.shape), default=0)
    for index in range(rows if rows > 1 else 0):
        alone = row(draw, search.plan, index, draw.regime)
        again = search.watched_at(alone) if alone is not None else None
        if alone is None or again is None or worst_of(again) == "ok":
            continue
        if _birth(search, again, search.inside)[0] is not None and _goes(search, alone, again):
            draw, run = alone, again
            break
    site, how = _birth(search, run, search.inside)
    assert site is not None
    total = worst_of(run)
    article = "an" if total.startswith("i") else "a"
    return confirmed(draw, f"the loss has {article} {total}; {how} (line {site.line}, {site.code})")


def _birth(search: Search, run: Any, where: frozenset[int]) -> tuple[Site | None, str]:
    """The site among some where a number that is not finite is born, and how."""
    operands = operands_of(search, run)
    users: defaultdict[int, set[int]] = defaultdict(set)  # of a tensor, by its key
    for index, read in enumerate(operands):
        for operand in read:
            users[run.records[operand].key].add(index)
    for index, record in enumerate(run.records):
        site = search.sites[record.site]
        if record.site not in where or not site.op:
            continue
        values = [run.records[operand] for operand in operands[index]]
        forward = kind_of(record.array)
        if forward in BAD and not any(kind_of(operand.array) in BAD for operand in values):
            return site, f"{WORDS[forward]} is born here, of finite numbers"
        if kind_of(record.below) in (*BAD, "none"):
            continue
        for operand in values:
            worst = kind_of(operand.below)
            others = users[operand.key] - {index}
            if worst in BAD and not any(kind_of(run.records[o].below) in BAD for o in others):
                return site, f"the derivative here is {WORDS[worst]}"
    return None, ""


# a gradient that is lost


def lost(search: Search, runs: Runs) -> Answer | None:
    """A value in the finding's text that moves with the predictions and has no derivative."""
    ordinary = [draw for draw, _ in runs if draw.regime in ORDINARY]
    seen = [(d, r) for d in ordinary if (r := search.watched_at(d, above=True)) is not None]
    if not seen:
        return None
    draw, run = seen[0]
    moves = _moves(search, draw, run)
    for index, record in enumerate(run.records):
        site = search.sites[record.site]
        if record.site not in search.inside or not site.op or not moves[index]:
            continue
        kinds = {_kind_above(r, record.site) for _, r in seen}
        if kinds <= {"none", "zero"} and _reaches(search, draw, run, index):
            none = "no gradient passes" if "none" in kinds else "a gradient of 0 comes from"
            reason = f"{none} {site.op}, and the loss depends on it (line {site.line}, {site.code})"
            return confirmed(draw, reason)
    return None


def _kind_above(run: Any, site: int) -> str:
    """What becomes of the gradient of a site's value: "ok" where any record has one."""
    kinds = {
        kind_of(gradient)
        for record in run.records
        if record.site == site
        for gradient in (record.above.values() or (None,))
    }
    return next((k for k in ("ok", "nan", "inf", "zero") if k in kinds), "none")


def _moves(search: Search, draw: Draw, run: Any) -> list[bool]:
    """Which records change with the predictions: seen by running with other predictions."""
    moved = [False] * len(run.records)
    names = differentiated(search.plan)
    for regime in ("typical", "saturated"):
        other = draw_regime(
            search.plan, regime_named(regime), "float32", search.options.seed + 1
        ).values
        values = {**draw.values, **{name: other[name] for name in names}}
        again = search.watched_at(Draw("other", "float32", values))
        if again is None or [r.site for r in again.records] != [r.site for r in run.records]:
            continue
        moved = [
            m or not _same(a.array, b.array)
            for m, a, b in zip(moved, run.records, again.records, strict=True)
        ]
    return moved


def _same(a: Array | None, b: Array | None) -> bool:
    return a is not None and b is not None and np.array_equal(a, b, equal_nan=True)


def _reaches(search: Search, draw: Draw, run: Any, index: int) -> bool:
    bumped = search.watched_at(draw, bump=index)
    return bumped is None or not np.array_equal(bumped.value, run.value, equal_nan=True)


# digits that are lost


def rounded(search: Search, runs: Runs) -> Answer | None:
    """Digits of the loss that are lost in the finding's text: its operands still have theirs.

    Against the same loss in float64. After Benz, Hildebrandt, Hack: A dynamic program analysis to
    find floating-point accuracy problems, PLDI 2012, doi 10.1145/2254064.2254118.
    """
    for draw, run in runs:
        reference = search.bench.reference(draw) if draw.regime not in WEAK else None
        if reference is None or not reference.wide or not _is_wrong(run, reference):
            continue
        wide = search.wide_at(draw)
        if wide is None or [r.site for r in wide.records] != [r.site for r in run.records]:
            continue
        errors = [
            _relative(a.array, b.array) for a, b in zip(run.records, wide.records, strict=True)
        ]
        operands = operands_of(search, run)
        for index, record in enumerate(run.records):
            site = search.sites[record.site]
            kept = all(errors[operand] < _KEPT for operand in operands[index])
            if record.site in search.inside and site.op and kept and errors[index] > LOST:
                what = f"{errors[index]:.1%} of {site.op} is an error"
                return confirmed(draw, f"{what}, of exact numbers (line {site.line}, {site.code})")
    return None


def _is_wrong(run: Any, reference: Reference) -> bool:
    """Whether the loss itself is off by more than its inputs' own last digit explains."""
    names = {"value": run.value, **run.gradients}
    for name, true in arrays(reference.result).items():
        got = names.get(name)
        if got is None or got.shape != true.shape:
            continue
        top = float(np.max(np.abs(true), initial=0.0))
        with np.errstate(all="ignore"):
            error = np.abs(got - true)
            wrong = (error > LOST * np.abs(true)) & (error > 8.0 * reference.spread[name])
        if np.any(wrong & (np.abs(true) > 1e-6 * top) & np.isfinite(error)):
            return True
    return False


def _relative(got: Array | None, true: Array | None) -> float:
    """The largest relative error; infinite where they cannot be compared."""
    if got is None or true is None or got.shape != true.shape:
        return float("inf")
    with np.errstate(all="ignore"):
        # what underflows has no digits to lose
        same = (got == true) | (np.abs(true) < FORMATS["float32"].smallest_normal)
        error = np.where(same, 0.0, np.abs(got - true) / np.abs(true))
    return float(np.max(error, initial=0.0)) if not np.isnan(error).any() else float("inf")
