"""The search for a witness of a finding: the worker's side of `confirm_finding`.

Two kinds of evidence. The *birth*: the original is run with every expression watched, and the NaN,
the infinity or the lost gradient is born in the finding's own text. The *cure*: the original is bad
at an input and the version with this one finding mended is not.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lossfix.rules.contracts import Contract, Meaning
from lossfix.verify.bench import Bench, NoInputsError, Reference, arrays, differentiated, find_plan
from lossfix.verify.inputs import InputError, Plan
from lossfix.verify.instrument import Site, instrument, pass_through
from lossfix.verify.load import Loaded, LoadError, load
from lossfix.verify.numerics import Array
from lossfix.verify.plain import plain
from lossfix.verify.regimes import FAR, ORDINARY, WEAK, Draw, draws, regime_named, row
from lossfix.verify.regimes import draw as draw_regime
from lossfix.verify.request import (
    Options,
    Program,
    contract_from_json,
    hints_from_json,
    options_from_json,
)
from lossfix.verify.results import Result, RunError
from lossfix.verify.search import Probed, searched
from lossfix.verify.wide import load_wide

Answer = dict[str, Any]

LOST = 2.0**-12  # of a number, in float32: half of its bits
_RIGHT = 2.0**-18  # of a number: what the mended version may be off
_DEAF = 0.5  # of the gradient that the loss has without its guard


@dataclass(frozen=True)
class _Search:
    """All that the search for one finding's witness needs."""

    bench: Bench
    watched: Loaded
    sites: tuple[Site, ...]
    inside: frozenset[int]  # the sites in the finding's text
    watch: Callable[..., Any]
    contract: Contract
    options: Options
    made: tuple[Draw, ...]

    @property
    def plan(self) -> Plan:
        return self.bench.plan

    def watched_at(self, draw: Draw, **how: Any) -> Any:
        """The original at a draw with every value seen; None where it does not run."""
        with contextlib.suppress(RunError):
            return self.watch(
                self.watched.function,
                self.plan.settings,
                draw.values,
                differentiated(self.plan),
                **how,
            )
        return None


def confirm(request: Mapping[str, Any], scratch: str, device: str) -> Answer:
    """The fields of a Confirmation, for a request as `confirm_finding` sends it."""
    from lossfix.verify.frameworks.tensorflow import Runner
    from lossfix.verify.frameworks.watch import watch

    before = Program(**request["before"])
    hints, options = hints_from_json(request["hints"]), options_from_json(request["options"])
    found: list[tuple[Site, ...]] = []

    def change(text: str) -> str:
        new, sites = instrument(text)
        found.append(sites)
        return new

    pass_through()
    try:
        loaded = {"before": load(before, scratch)}
        plan = find_plan(loaded["before"], Runner, hints, options)
        watched = load(before, scratch, change)
    except (LoadError, NoInputsError, InputError) as error:
        return {"status": "not run", "reason": str(error)}
    with contextlib.suppress(LoadError):
        if request["after"]:
            loaded["after"] = load(replace(before, text=request["after"]), scratch)
    with contextlib.suppress(LoadError):
        if request["twin"]:
            loaded["twin"] = load(replace(before, text=request["twin"]), scratch)
    for name, text in (("before", before.text), ("after", request["after"])):
        if name in loaded:
            load_wide(loaded, name, replace(before, text=text), scratch)
    bench = Bench(loaded, Runner, plan, device, options.seed)
    led = searched([Probed(watched, found[0], watch)], plan, options.seed)
    made = [*draws(plan, "float32", options.seed, hints.thresholds), *led]
    lines = request["lines"]
    sites = tuple(replace(s, line=lines.get(str(s.line), s.line)) for s in found[0])
    spans, operands = request["spans"], request["operands"]
    inside = frozenset(
        number
        for number, site in enumerate(found[0])
        if _in_spans(site, spans) and not _in_spans(site, operands)
    )
    contract = contract_from_json(request["contract"])
    search = _Search(bench, watched, sites, inside, watch, contract, options, tuple(made))
    return _searched(search)


def _in_spans(site: Site, spans: Sequence[Sequence[int]]) -> bool:
    start, end = (site.line, site.column + 1), (site.end[0], site.end[1] + 1)
    return any((a, b) <= start and end <= (c, d) for a, b, c, d in spans)


def _searched(search: _Search) -> Answer:
    runs = _runs(search)
    if not runs:
        return {"status": "not run", "reason": "the loss ran in no regime"}
    if _reached(search, runs):
        return _looked(search, runs)
    for flip in _flips(search):
        with flip as (other, how):
            runs = _runs(other)
            if _reached(other, runs):
                answer = _looked(other, runs)
                return {**answer, "reason": f"with {how}: {answer['reason']}"}
    reason = "the loss was run, and never came to this code: some setting leads elsewhere"
    return {"status": "not run", "reason": f"{reason} ({plan_text(search.plan)})"}


def _runs(search: _Search) -> list[tuple[Draw, Any]]:
    return [(d, r) for d in search.made if (r := search.watched_at(d)) is not None]


def _reached(search: _Search, runs: Sequence[tuple[Draw, Any]]) -> bool:
    return any(record.site in search.inside for _, run in runs for record in run.records)


def _looked(search: _Search, runs: Sequence[tuple[Draw, Any]]) -> Answer:
    by_row = isinstance(search.contract, Meaning) and search.contract.by_row
    for look in (_cured,) if by_row else (_born, _lost, _cured):
        answer = look(search, runs)
        if answer is not None:
            return answer
    tried = ", ".join(dict.fromkeys(draw.regime for draw, _ in runs))
    what = "value and gradient were finite and right wherever they should be"
    return {
        "status": "not reproduced",
        "reason": f"{what}; tried {plan_text(search.plan)} in the regimes {tried}",
    }


def _flips(search: _Search) -> Iterator[contextlib.AbstractContextManager[tuple[_Search, str]]]:
    """The loss with one flag the other way round: an argument's default, or an attribute."""
    for name, parameter in search.bench.loaded["before"].signature.parameters.items():
        if isinstance(parameter.default, bool) and name not in search.plan.settings:
            yield _with_setting(search, name, not parameter.default)
    owner = getattr(search.bench.loaded["before"].function, "__self__", None)
    for name, value in vars(owner).items() if hasattr(owner, "__dict__") else ():
        if isinstance(value, bool) and not name.startswith("_"):
            yield _with_attribute(search, name, not value)


@contextlib.contextmanager
def _with_setting(search: _Search, name: str, value: bool) -> Iterator[tuple[_Search, str]]:
    plan = replace(search.plan, settings={**search.plan.settings, name: value})
    old = search.bench
    bench = Bench(old.loaded, old.make_run, plan, old.device, old.seed)
    yield replace(search, bench=bench), f"{name}={value}"


@contextlib.contextmanager
def _with_attribute(search: _Search, name: str, value: bool) -> Iterator[tuple[_Search, str]]:
    old = search.bench
    losses = [*old.loaded.values(), search.watched]
    owners = [owner for one in losses if (owner := getattr(one.function, "__self__", None))]
    for owner in owners:
        setattr(owner, name, value)
    try:
        bench = Bench(old.loaded, old.make_run, old.plan, old.device, old.seed)
        yield replace(search, bench=bench), f"self.{name}={value}"
    finally:
        for owner in owners:
            setattr(owner, name, not value)


def plan_text(plan: Plan) -> str:
    text = str(plan)
    return text if len(text) <= 200 else f"{text[:197]}..."


def _confirmed(draw: Draw, reason: str, mode: str = "eager", dtype: str = "float32") -> Answer:
    inputs = plain(dict(draw.values))
    return {
        "status": "confirmed",
        "reason": reason,
        "inputs": inputs,
        "regime": draw.regime,
        "mode": mode,
        "dtype": dtype,
    }


# birth


def _born(search: _Search, runs: Sequence[tuple[Draw, Any]]) -> Answer | None:
    """A NaN or an infinity of the loss that is born in the finding's text."""
    for draw, run in runs:
        total = _worst_of(run)
        if total == "ok" or (draw.regime in FAR and not _true_is_finite(search, draw)):
            continue
        if _birth(search, run, search.inside)[0] is not None and _goes(search, draw, run):
            return _shown_birth(search, draw, run)
    return None


def _goes(search: _Search, draw: Draw, run: Any) -> bool:
    """Whether mending the finding takes this away, or what is left has another birth place."""
    if "after" not in search.bench.loaded:
        return True
    after = search.bench.try_run("after", "eager", "float32", draw)
    outside = frozenset(range(len(search.sites))) - search.inside
    return after is None or after.finite or _birth(search, run, outside)[0] is not None


def _shown_birth(search: _Search, draw: Draw, run: Any) -> Answer:
    """The birth at one row of the draw, where one row shows it."""
    rows = min((t.shape[0] for t in search.plan.tensors if t.shape), default=0)
    for index in range(rows if rows > 1 else 0):
        alone = row(draw, search.plan, index, draw.regime)
        again = search.watched_at(alone) if alone is not None else None
        if alone is None or again is None or _worst_of(again) == "ok":
            continue
        if _birth(search, again, search.inside)[0] is not None and _goes(search, alone, again):
            draw, run = alone, again
            break
    site, how = _birth(search, run, search.inside)
    assert site is not None
    total = _worst_of(run)
    article = "an" if total.startswith("i") else "a"
    return _confirmed(
        draw, f"the loss has {article} {total}; {how} (line {site.line}, {site.code})"
    )


def _birth(search: _Search, run: Any, where: frozenset[int]) -> tuple[Site | None, str]:
    """The site among some where a number that is not finite is born, and how."""
    operands = _operands(search, run)
    users: defaultdict[int, set[int]] = defaultdict(set)  # of a tensor, by its key
    for index, read in enumerate(operands):
        for operand in read:
            users[run.records[operand].key].add(index)
    for index, record in enumerate(run.records):
        site = search.sites[record.site]
        if record.site not in where or not site.op:
            continue
        values = [run.records[operand] for operand in operands[index]]
        forward = _kind(record.array)
        if forward in _BAD and not any(_kind(operand.array) in _BAD for operand in values):
            return site, f"{_WORDS[forward]} is born here, of finite numbers"
        if _kind(record.below) in (*_BAD, "none"):
            continue
        for operand in values:
            worst = _kind(operand.below)
            others = users[operand.key] - {index}
            if worst in _BAD and not any(_kind(run.records[o].below) in _BAD for o in others):
                return site, f"the derivative here is {_WORDS[worst]}"
    return None, ""


def _operands(search: _Search, run: Any) -> list[list[int]]:
    """The records that each record reads directly."""
    latest: dict[int, int] = {}
    found: list[list[int]] = []
    for index, record in enumerate(run.records):
        reads = search.sites[record.site].reads
        found.append([latest[read] for read in reads if read in latest])
        latest[record.site] = index
    return found


_BAD = ("nan", "inf")
_WORDS = {"nan": "NaN", "inf": "infinity"}


def _worst_of(run: Any) -> str:
    """ "NaN value", "infinite gradient" and so on, or "ok"."""
    value = _kind(run.value)
    if value in _BAD:
        return "NaN value" if value == "nan" else "infinite value"
    kinds = {_kind(g) for g in run.gradients.values()}
    if kinds & set(_BAD):
        return "NaN gradient" if "nan" in kinds else "infinite gradient"
    return "ok"


def _true_is_finite(search: _Search, draw: Draw) -> bool:
    wide = search.bench.try_run("before", "eager", "float64", draw)
    return wide is not None and wide.finite


# a gradient that is lost


def _lost(search: _Search, runs: Sequence[tuple[Draw, Any]]) -> Answer | None:
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
            return _confirmed(draw, reason)
    return None


def _kind_above(run: Any, site: int) -> str:
    """What becomes of the gradient of a site's value: "ok" where any record has one."""
    kinds = {
        _kind(gradient)
        for record in run.records
        if record.site == site
        for gradient in (record.above.values() or (None,))
    }
    return next((k for k in ("ok", "nan", "inf", "zero") if k in kinds), "none")


def _moves(search: _Search, draw: Draw, run: Any) -> list[bool]:
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


def _reaches(search: _Search, draw: Draw, run: Any, index: int) -> bool:
    bumped = search.watched_at(draw, bump=index)
    return bumped is None or not np.array_equal(bumped.value, run.value, equal_nan=True)


def _kind(array: Array | None) -> str:
    """ "none", "nan", "inf", "zero" or "ok"."""
    if array is None:
        return "none"
    if np.isnan(array).any():
        return "nan"
    if np.isinf(array).any():
        return "inf"
    return "ok" if np.any(array != 0.0) else "zero"


# the cure


def _cured(search: _Search, runs: Sequence[tuple[Draw, Any]]) -> Answer | None:
    """An input at which the original is bad, and the version with this finding mended is not."""
    if "after" not in search.bench.loaded:
        return None
    for look in (_inaccurate, _infinite, _deaf, _by_row):
        answer = look(search)
        if answer is not None:
            return answer
    return None


def _infinite(search: _Search) -> Answer | None:
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
            if after is None or (draw.regime in FAR and not _true_is_finite(search, draw)):
                continue
            for name, old in arrays(before).items():
                new = arrays(after).get(name)
                if new is None or new.shape != old.shape:
                    continue
                if np.any(~np.isfinite(old) & np.isfinite(new)):
                    bad = "NaN" if np.isnan(old).any() else "infinite"
                    reason = f"{_of(name)} is {bad}, and finite with this mended"
                    return _confirmed(draw, reason, mode, dtype)
    return None


def _inaccurate(search: _Search) -> Answer | None:
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
                return _confirmed(draw, reason)
    return None


def _oracle(search: _Search, draw: Draw) -> Reference | None:
    reference = search.bench.reference(draw)
    return reference if reference is not None and reference.wide else None


def _triples(
    reference: Reference, before: Result, after: Result
) -> Iterator[tuple[str, Array, Array, Array]]:
    old, new = arrays(before), arrays(after)
    for name, true in arrays(reference.result).items():
        if name in old and name in new and true.shape == old[name].shape == new[name].shape:
            yield name, true, old[name], new[name]


def _deaf(search: _Search) -> Answer | None:
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
                return _confirmed(draw, reason, dtype="float64")
    return None


def _by_row(search: _Search) -> Answer | None:
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
                return _confirmed(draw, reason)
            continue
        alone = [search.bench.try_run("before", "eager", "float32", p) for p in parts if p]
        values = [float(one.value.mean()) for one in alone if one is not None]
        if len(values) == count and np.isfinite(values).all():
            mean, whole = float(np.mean(values)), float(before.value.mean())
            if abs(mean - whole) > 1e-3 * max(abs(mean), abs(whole)):
                reason = f"on the batch it is {whole:.6g}, and {mean:.6g} row by row"
                return _confirmed(draw, reason)
    return None


def _of(name: str) -> str:
    return "the value" if name == "value" else f"the gradient for {name}"
