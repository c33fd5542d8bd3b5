"""The verdict on one pair: every context, every regime, and the contract's own questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

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
from lossfix.verify.bench import Bench
from lossfix.verify.bits import WorstBits
from lossfix.verify.checks import Check, check_of, still_open
from lossfix.verify.compare import Failure, Observation, cosine, lost, mended, unmended
from lossfix.verify.disagree import Disagreement, disagreements, told
from lossfix.verify.ends import of_another_loss, overflows_backwards, within
from lossfix.verify.modes import between_modes
from lossfix.verify.numerics import NARROW
from lossfix.verify.plain import plain
from lossfix.verify.regimes import ORDINARY, SUBNORMAL, WEAK, Draw, draws, is_far
from lossfix.verify.remarks import remarks
from lossfix.verify.request import Hints, Options
from lossfix.verify.results import Result, RunError
from lossfix.verify.shapes import COLUMN, EMPTY, other_shapes
from lossfix.verify.shrink import counterexample, shrink
from lossfix.verify.slopes import given_gradient, mended_gradient, own_gradient
from lossfix.verify.trends import Trend, kept, limit, live_fraction, rank
from lossfix.verify.true_errors import true_errors
from lossfix.verify.verdict import Context, Outcome, Verdict

OTHER_SHAPES = frozenset({"one row", EMPTY, COLUMN})
_POLE = 1e4  # by which a value grows towards a pole, and not towards a logarithm's
_LIVE = 0.05  # of ordinary predictions must get a gradient from a relaxation


@dataclass
class _Record:
    """What is gathered while the contexts run."""

    contexts: list[Context] = field(default_factory=list)
    failures: list[tuple[Observation, Failure]] = field(default_factory=list)
    convicted: bool = False  # by the oracle
    raised: str = ""  # the new loss raises where the original ran
    open: dict[tuple[str, str], tuple[Observation, Failure]] = field(default_factory=dict)
    mended: set[tuple[str, str]] = field(default_factory=set)  # dtype and kind
    unmended: list[tuple[Observation, Failure]] = field(default_factory=list)
    gradients: set[str] = field(default_factory=set)
    cosine: float | None = None
    wide: bool = True
    sizes: dict[str, float] = field(default_factory=dict)  # the original's value, by regime
    steepest: float = 0.0  # the largest gradient of a bounded fix
    closed: bool = False  # a value that was not finite is, in an eager run
    draws: dict[str, list[Draw]] = field(default_factory=dict)  # by dtype
    regimes: dict[str, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    disagreements: list[Disagreement] = field(default_factory=list)
    excused: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)  # regimes


def judge(
    bench: Bench,
    contract: Contract,
    hints: Hints,
    options: Options,
    levels: Sequence[tuple[float, str]],
) -> Verdict:
    """Runs the pair everywhere and judges it; `levels` are the new loss at rising sharpness."""
    check = check_of(contract)
    record = _Record()
    for dtype in options.dtypes:
        if not _enough(record, options):
            _dtype(bench, contract, check, record, dtype, hints, options)
    figures: dict[str, float] = {}
    reason, example = _broken(bench, contract, check, record, options)
    if not reason and isinstance(contract, Monotone) and not hints.at_root:
        reason = "the term is not at the root of the loss, where an increasing function is harmless"
    undecided = ""
    if not reason:
        for trend in _trends(bench, contract, hints, options, levels):
            figures.update(trend.figures)
            if trend.failure and trend.decided:
                reason, example = trend.failure, plain(dict(trend.evidence or {}))
                break
            undecided = undecided or trend.failure
    if isinstance(contract, Exact | Guarded | Bounded) and not options.brief:
        figures.update(true_errors(bench, options, record.notes))
    if isinstance(contract, Bounded):
        figures["largest gradient"] = record.steepest
        record.notes.append(
            f"the largest gradient of the new loss, eagerly in float32, is {record.steepest:.4g}"
        )
    if record.cosine is not None:
        figures["gradient cosine"] = record.cosine
    _describe(bench, contract, record, figures)
    record.notes += [
        f"not held against it: {message} ({dtype}: {', '.join(regimes)}), where that context ends"
        for (message, dtype), regimes in record.excused.items()
    ]
    ran = [c for c in record.contexts if c.outcome is not Outcome.NOT_RUN and c.regimes]
    if reason:
        outcome = Outcome.REFUTED
    elif not ran:
        outcome = Outcome.NOT_RUN
        reason = next((c.reason for c in record.contexts if c.reason), "no regime fits the inputs")
    elif undecided:
        outcome, reason = Outcome.NOT_RUN, undecided
    else:
        outcome = Outcome.VERIFIED
        reason = (
            f"{contract.promise}: held in {len(ran)} contexts over {len(record.regimes)} regimes"
        )
    return Verdict(
        outcome,
        contract.name,
        reason,
        example,
        tuple(record.contexts),
        options.seed,
        device=bench.device,
        figures={k: v for k, v in figures.items() if np.isfinite(v)},
        regimes=tuple(record.regimes),
        notes=tuple(dict.fromkeys(record.notes)),
        disagreements=told(record.disagreements),
    )


def _dtype(
    bench: Bench,
    contract: Contract,
    check: Check,
    record: _Record,
    dtype: str,
    hints: Hints,
    options: Options,
) -> None:
    """All modes of one dtype. The float64 context sees the float32 draws."""
    made = _drawn(bench, record, dtype, hints, options)
    originals: dict[str, list[Result | None]] = {}
    refused: dict[str, str] = {}
    for mode in options.modes:
        originals[mode] = []
        for draw in made:
            if mode in refused:
                break
            if mode != "eager" and draw.regime in OTHER_SHAPES:
                originals[mode].append(None)
                continue
            try:
                originals[mode].append(bench.run("before", mode, dtype, draw.values))
            except RunError as error:
                originals[mode].append(None)
                if not any(originals[mode]):
                    refused[mode] = f"the original: {error}"
    record.disagreements += disagreements(
        made, dtype, {mode: found for mode, found in originals.items() if mode not in refused}
    )
    for mode in options.modes:
        if _enough(record, options):
            return
        if mode in refused:
            record.contexts.append(
                Context(mode, dtype, bench.device, Outcome.NOT_RUN, refused[mode])
            )
            continue
        others = [m for m in options.modes if m != mode and m not in refused]
        spared = [
            tuple(r for m in others if (r := originals[m][i]) is not None) for i in range(len(made))
        ]
        record.contexts.append(
            _context(
                bench, contract, check, record, mode, dtype, made, originals[mode], spared, options
            )
        )


def _enough(record: _Record, options: Options) -> bool:
    """Whether what was found decides, and nobody wants more."""
    return options.brief and bool(record.failures or record.raised)


def _drawn(bench: Bench, record: _Record, dtype: str, hints: Hints, options: Options) -> list[Draw]:
    """The draws that a dtype sees, made once: float64 sees those of float32."""
    drawn = "float32" if dtype == "float64" else dtype
    if drawn not in record.draws:
        made = draws(bench.plan, drawn, options.seed, hints.thresholds)
        if drawn == "float32" and made:
            made += [
                other
                for other in other_shapes(bench.plan, made[0])
                if bench.try_run("before", "eager", drawn, other) is not None
            ]
            made += bench.searched
        record.draws[drawn] = made
    return record.draws[drawn]


def _context(
    bench: Bench,
    contract: Contract,
    check: Check,
    record: _Record,
    mode: str,
    dtype: str,
    made: list[Draw],
    originals: list[Result | None],
    spared: list[tuple[Result, ...]],
    options: Options,
) -> Context:
    compared = 0
    broken: Failure | None = None
    bits = WorstBits()
    for draw, before, beside in zip(made, originals, spared, strict=True):
        if _enough(record, options):
            break
        if before is None:
            continue
        try:
            after = bench.run("after", mode, dtype, draw.values)
        except RunError as error:
            if "AutoGraph did not convert" in str(error):
                reason = f"the new loss: {error}"
                return Context(mode, dtype, bench.device, Outcome.NOT_RUN, reason)
            if draw.regime == EMPTY:
                record.notes.append(f"{EMPTY}: the original runs, the new loss raises {error}")
                continue
            if dtype == "float64":
                reason = f"the new loss: {error}"
                return Context(mode, dtype, bench.device, Outcome.NOT_RUN, reason)
            if draw.regime == COLUMN:
                record.notes.append(f"{COLUMN}: the original broadcasts, the new loss {error}")
                continue
            record.raised = record.raised or (
                f"the new loss raises in {mode} {dtype} ({draw.regime}): {error}"
            )
            return Context(mode, dtype, bench.device, Outcome.REFUTED, f"raises {error}", compared)
        seen = Observation(mode, dtype, draw, before, after, bench.reference(draw), beside)
        compared += 1
        record.regimes[draw.regime] = None
        _gather(record, contract, seen)
        bits.add(seen)
        failure = _checked(contract, check, seen)
        if failure is not None and _flushed_alone(bench, check, seen):
            record.notes.append(
                "subnormal numbers are flushed to zero by the framework and were kept by what the "
                "original computes outside it; not compared there"
            )
            continue
        if failure is not None and _acquitted(bench, record, check, seen):
            record.notes.append(
                "oracle: mpmath sides with the new loss where the original's float64 run does not "
                f"({seen.draw.regime})"
            )
            continue
        if failure is not None and _context_ends(bench, contract, check, seen, failure):
            record.excused.setdefault((failure.message, dtype), {})[draw.regime] = None
            continue
        if failure is not None:
            broken = broken or failure
            record.failures.append((seen, failure))
    outcome = Outcome.REFUTED if broken else Outcome.VERIFIED
    reason = broken.message if broken else ""
    return Context(mode, dtype, bench.device, outcome, reason, compared, *bits.worst())


def _checked(contract: Contract, check: Check, seen: Observation) -> Failure | None:
    """The check of a contract, as far as it speaks of inputs of this shape."""
    same_loss = isinstance(contract, Exact | Guarded | Bounded)
    if seen.draw.regime == EMPTY:  # the mean of nothing is NaN
        return lost(seen) if same_loss else None
    if seen.draw.regime == COLUMN and (not same_loss or _broadcasts_alike(seen)):
        return None
    return check(seen)


def _context_ends(
    bench: Bench, contract: Contract, check: Check, seen: Observation, failure: Failure
) -> bool:
    """Whether nothing breaks the contract but what the context cannot hold."""
    if of_another_loss(bench, contract, seen, failure):
        return True
    if overflows_backwards(bench, seen, failure):
        return True
    spared = within(seen)
    return spared is not None and _checked(contract, check, spared) is None


def _broadcasts_alike(seen: Observation) -> bool:
    """Whether the two are one loss there, but for what a single run says of rounding."""
    old, new = seen.before.value, seen.after.value
    return old.shape == new.shape and bool(np.allclose(new, old, rtol=1e-2, equal_nan=True))


def _acquitted(bench: Bench, record: _Record, check: Check, seen: Observation) -> bool:
    """Whether the true numbers bear the new loss out, and it was the float64 run that was off.

    Once they convict it, no other place can mend that, and nothing more is worked out.
    """
    if record.convicted or seen.reference is None or seen.draw.regime in OTHER_SHAPES:
        return False
    true = bench.truth(seen.draw)
    if true is None or not true.finite:
        return False
    again = check(replace(seen, reference=replace(seen.reference, result=true)))
    record.convicted = again is not None
    return again is None


def _flushed_alone(bench: Bench, check: Check, seen: Observation) -> bool:
    """Whether all that differs is that the original keeps subnormal numbers."""
    if seen.draw.regime != SUBNORMAL:
        return False
    flushed = Draw(
        seen.draw.regime, seen.draw.dtype, {k: _flush(v) for k, v in seen.draw.values.items()}
    )
    before = bench.try_run("before", seen.mode, seen.dtype, flushed)
    if before is None:
        return False
    again = replace(seen, draw=flushed, before=before, reference=bench.reference(flushed))
    return check(again) is None


def _flush(values: Any) -> Any:
    if not np.issubdtype(np.asarray(values).dtype, np.floating):
        return values
    return np.where(np.abs(values) < np.finfo(np.float32).tiny, np.zeros_like(values), values)


def _gather(record: _Record, contract: Contract, seen: Observation) -> None:
    if seen.draw.regime == EMPTY:
        return
    record.mended |= {(seen.dtype, kind) for kind in mended(seen)}
    for kind in ("value", "gradient"):
        infinite = still_open(seen, kind)
        if infinite is not None:
            record.open.setdefault((seen.dtype, kind), (seen, infinite))
    if (seen.mode, seen.dtype) == ("eager", "float32"):
        record.notes.extend(remarks(contract, seen))
        record.sizes[seen.draw.regime] = float(np.max(np.abs(seen.before.value), initial=0.0))
        if isinstance(contract, Bounded) and not is_far(seen.draw):
            steep = float(np.max(np.abs(seen.after.flat_gradient()), initial=0.0))
            record.steepest = max(record.steepest, steep if np.isfinite(steep) else 0.0)
        record.closed = record.closed or (not is_far(seen.draw) and "value" in mended(seen))
    record.unmended.extend((seen, failure) for failure in unmended(seen))
    if seen.reference is not None and not seen.reference.wide:
        record.wide = False
    old = [n for n, g in seen.before.gradients.items() if g is not None]
    new = [n for n, g in seen.after.gradients.items() if g is not None]
    record.gradients.update(set(new) - set(old))
    if seen.draw.regime in ORDINARY and seen.dtype not in NARROW:
        near = cosine(seen.before.flat_gradient(), seen.after.flat_gradient())
        if near is not None:
            record.cosine = near if record.cosine is None else min(record.cosine, near)


def _broken(
    bench: Bench, contract: Contract, check: Check, record: _Record, options: Options
) -> tuple[str, dict[str, Any] | None]:
    """Why the contract is broken, with the smallest counterexample, or ""."""
    if record.raised:
        return record.raised, None
    found = list(record.failures)
    if record.unmended and isinstance(contract, Exact | Guarded | Bounded):
        seen, failure = record.unmended[0]
        record.notes.append(
            f"some place of the loss is as unstable as before: {failure.message} "
            f"({seen.mode} {seen.dtype}, {seen.draw.regime})"
        )
    if isinstance(contract, Guarded | Bounded) and not found:
        for (dtype, kind), (seen, failure) in record.open.items():
            where = f"({seen.mode} {dtype}, {seen.draw.regime})"
            wider = "float32" if dtype == "float64" else dtype
            if record.mended & {(dtype, kind), (wider, kind)}:
                record.notes.append(
                    f"{failure.message}, as the original's {where}; other places of that kind are "
                    "mended"
                )
            elif dtype in NARROW and isinstance(contract, Bounded):
                record.notes.append(
                    f"{failure.message}, as the original's {where}: the guard is below the "
                    f"precision of {dtype}"
                )
            else:
                found.append((seen, failure))
                check = partial(still_open, kind=kind)
                break
    if not found:
        return "", None
    # an eager failure in float64 or float32 is the easiest to reproduce
    order = {"eager": 0, "graph": 1, "xla": 2}
    seen, failure = min(found, key=lambda f: (f[0].dtype in NARROW, order.get(f[0].mode, 3)))
    if not options.brief:
        seen, failure = shrink(bench, check, seen, failure)
    where = f"{seen.mode} {seen.dtype}, regime {seen.draw.regime}"
    return f"{failure.message} ({where})", counterexample(seen, failure)


def _trends(
    bench: Bench,
    contract: Contract,
    hints: Hints,
    options: Options,
    levels: Sequence[tuple[float, str]],
) -> list[Trend]:
    if isinstance(contract, Monotone):
        return [rank(bench, options.seed)]
    if isinstance(contract, Exact | Guarded):
        return [given_gradient(bench, options.seed), mended_gradient(bench, options.seed)]
    if isinstance(contract, Bounded):
        return [given_gradient(bench, options.seed), own_gradient(bench, options.seed)]
    if isinstance(contract, Relaxed) and contract.sharpness is not None:
        if len(levels) < 3:
            return [
                own_gradient(bench, options.seed),
                Trend("the limit was not checked: the new loss shows no sharpness", False),
            ]
        return [
            own_gradient(bench, options.seed),
            between_modes(bench, levels, options.seed),
            limit(bench, levels, options.seed, hints.thresholds),
            _alive(bench, options, hints),
        ]
    if isinstance(contract, StraightThrough):
        return [kept(bench, options.seed, whole=True)]
    if isinstance(contract, Meaning) and contract.same_value:
        return [mended_gradient(bench, options.seed, alone=True)]
    own = own_gradient(bench, options.seed)
    if isinstance(contract, Meaning):
        return [kept(bench, options.seed, by_row=contract.by_row), own]
    return [own]


def _alive(bench: Bench, options: Options, hints: Hints) -> Trend:
    """Gradient at the threshold, and over enough of the predictions to learn from."""
    for draw in draws(bench.plan, "float32", options.seed, hints.thresholds):
        if draw.regime.startswith("threshold"):
            after = bench.try_run("after", "eager", "float32", draw)
            if after is not None and not np.any(after.flat_gradient() != 0.0):
                return Trend(f"the gradient of the new loss is zero at the {draw.regime}")
    share = live_fraction(bench, options.seed)
    if share is None:
        return Trend()
    figures = {"share of predictions with a gradient": share}
    if share < _LIVE:
        return Trend(
            f"only {share:.1%} of ordinary predictions get a gradient: the sharpness is too high",
            figures=figures,
        )
    return Trend(figures=figures)


def _describe(bench: Bench, contract: Contract, record: _Record, figures: dict[str, float]) -> None:
    """Notes on what differs by design, and on what the evidence leans on."""
    if not record.wide:
        record.notes.append(
            "the original does not run in float64; the two were compared with each other only, "
            "in ordinary regimes"
        )
    ordinary = record.sizes.get("typical", 0.0)
    if isinstance(contract, Guarded) and record.closed and np.isfinite(ordinary):
        beside = max((record.sizes.get(r, 0.0) for r in WEAK), default=0.0)
        if beside > _POLE * ordinary > 0.0:
            record.notes.append(
                "the value jumps on the singular set: it is finite there by convention and grows "
                f"beyond all bounds beside it ({beside:.3g}), so a pole is not seen any more"
            )
    for name in sorted(record.gradients):
        record.notes.append(f"the original gives no gradient for {name}; the new loss does")
    if not isinstance(contract, Meaning | StraightThrough):
        return
    for draw in draws(bench.plan, "float32", 0)[:1]:
        before = bench.try_run("before", "eager", "float32", draw)
        after = bench.try_run("after", "eager", "float32", draw)
        if before is None or after is None:
            continue
        if before.value.shape != after.value.shape:
            record.notes.append(
                f"the result's shape changes from {before.value.shape} to {after.value.shape}"
            )
            same = np.isclose(after.value.mean(), before.value.mean(), rtol=1e-5, atol=1e-7)
            record.notes.append(
                "the mean of the new result is "
                + ("" if same else "not ")
                + "the old one's, so without sample weights training "
                + ("stays as it was" if same else "changes")
            )
        figures["value before"] = float(before.value.mean())
        figures["value after"] = float(after.value.mean())
