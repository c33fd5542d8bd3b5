"""Where a gradient dies or a NaN is born: the worker's side of `trace_gradients`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lossfix.verify.bench import NoInputsError, differentiated, find_plan
from lossfix.verify.births import birth_places
from lossfix.verify.inputs import InputError, Plan, settings_in
from lossfix.verify.instrument import Site, instrument
from lossfix.verify.load import Loaded, LoadError, load
from lossfix.verify.numerics import Array
from lossfix.verify.plain import plain
from lossfix.verify.regimes import ORDINARY, Draw, draws, regime_named
from lossfix.verify.regimes import draw as draw_regime
from lossfix.verify.request import Hints, Options, Program, hints_from_json, options_from_json
from lossfix.verify.results import RunError
from lossfix.verify.search import Probed, searched

ROWS = 200
_SENTENCES = {
    "none": "no gradient passes {op}: the loss depends on its result, and its result has no "
    "derivative with respect to the predictions",
    "zero": "the derivative of {op} is zero here, so nothing behind it learns",
    "forward": "{op} gives {kind} for finite inputs",
    "backward": "the derivative of {op} is {kind} at this input, although its value is finite",
}


@dataclass(frozen=True)
class _Traced:
    """An instrumented loss and the means to run it."""

    loaded: Loaded
    sites: tuple[Site, ...]
    plan: Plan
    watch: Callable[..., Any]

    def run(self, draw: Draw, **how: Any) -> Any:
        return self.watch(
            self.loaded.function,
            self.plan.settings,
            draw.values,
            differentiated(self.plan),
            **how,
        )


def trace(request: dict[str, Any], scratch: str) -> dict[str, Any]:
    """The fields of a Trace, for a request that names a program, hints and options."""
    from lossfix.verify.frameworks.tensorflow import Runner
    from lossfix.verify.frameworks.watch import watch

    hints, options = hints_from_json(request["hints"]), options_from_json(request["options"])
    found: list[tuple[Site, ...]] = []

    def change(text: str) -> str:
        new, sites = instrument(text)
        found.append(sites)
        return new

    try:
        program = replace(Program(**request["program"]), arguments=settings_in(options.inputs))
        plan = find_plan(load(program, scratch), Runner, hints, options)
        loaded = load(program, scratch, change)
        return _trace(_Traced(loaded, found[0], plan, watch), hints, options)
    except (LoadError, NoInputsError, InputError, RunError) as error:
        return {"status": "not run", "reason": str(error), "rows": []}


def _trace(traced: _Traced, hints: Hints, options: Options) -> dict[str, Any]:
    made = draws(traced.plan, "float32", options.seed, hints.thresholds)
    runs: list[tuple[Draw, Any]] = []
    for draw in made:
        try:
            runs.append((draw, traced.run(draw)))
        except RunError:
            continue
    if not runs:
        return {"status": "not run", "reason": "the loss ran in no regime", "rows": []}
    if not any(_is_bad(run) for _, run in runs):
        probed = Probed(traced.loaded, traced.sites, traced.watch)
        for draw in searched([probed], traced.plan, options.seed):
            with contextlib.suppress(RunError):
                runs.append((draw, traced.run(draw)))
    return {**_worst(traced, runs, options), "regimes": _regimes(runs)}


def _is_bad(run: Any) -> bool:
    return bool({_kind(run.value), _kind_of_all(run.gradients)} & {"nan", "inf"})


def _regimes(runs: list[tuple[Draw, Any]]) -> list[dict[str, str]]:
    """What became of the value and the gradient in each regime, eagerly in float32."""
    return [
        {
            "regime": draw.regime,
            "value": _kind(run.value) if _kind(run.value) in ("nan", "inf") else "ok",
            "gradient": _kind_of_all(run.gradients),
        }
        for draw, run in runs
    ]


def _worst(traced: _Traced, runs: list[tuple[Draw, Any]], options: Options) -> dict[str, Any]:
    """A gradient that is lost in ordinary inputs, else the first that is NaN or infinite."""
    ordinary = [(d, r) for d, r in runs if d.regime in ORDINARY] or runs[:1]
    kinds = [_kind_of_all(r.gradients) for _, r in ordinary]
    if all(k in ("none", "zero") for k in kinds):
        status = "none" if "none" in kinds else "zero"
        return _lost(traced, ordinary[kinds.index(status)][0], status, options)
    for draw, run in runs:
        kind = _kind_of_all(run.gradients)
        if kind not in ("nan", "inf"):
            kind = _kind(run.value)
        if kind in ("nan", "inf"):
            return _born(traced, draw, run, kind, options)
    draw, run = ordinary[0]
    return _answer(traced, "ok", draw, run, None, _depends(traced, draw, run, options), "")


def _lost(traced: _Traced, draw: Draw, status: str, options: Options) -> dict[str, Any]:
    """The first value that depends on the predictions, has no derivative, and reaches the loss."""
    run = traced.run(draw, above=True)
    depends = _depends(traced, draw, run, options)
    culprit = None
    for index, record in enumerate(run.records):
        if not depends[index] or not traced.sites[record.site].op:
            continue
        kinds = {_kind(g) for g in record.above.values()} or {"none"}
        if kinds <= ({"none"} if status == "none" else {"none", "zero"}) and _reaches(
            traced, draw, run, index
        ):
            culprit = index
            break
    return _answer(traced, status, draw, run, culprit, depends, _SENTENCES[status])


def _born(traced: _Traced, draw: Draw, run: Any, kind: str, options: Options) -> dict[str, Any]:
    """The first operation with a bad value, or else the one that makes a gradient bad."""
    depends = _depends(traced, draw, run, options)
    for index, record in enumerate(run.records):
        if traced.sites[record.site].op and _kind(record.array) in ("nan", "inf"):
            message = _SENTENCES["forward"]
            return _answer(traced, kind, draw, run, index, depends, message, record.array)
    latest: dict[int, int] = {}
    candidates: list[tuple[int, int]] = []  # first operand's place, and the operation's own
    for index, record in enumerate(run.records):
        site = traced.sites[record.site]
        operands = [latest[r] for r in site.reads if r in latest]
        bad = any(_kind(run.records[o].below) in ("nan", "inf") for o in operands)
        if site.op and bad and _kind(record.below) not in ("nan", "inf", "none"):
            candidates.append((min(operands), index))
        latest[record.site] = index
    # a call of a helper spans the operations in it; the innermost one is the cause
    inner = [
        (low, high)
        for low, high in candidates
        if not any(low < other[1] < high for other in candidates)
    ]
    culprit = max(inner or candidates, key=lambda c: c[1], default=(0, None))[1]
    bad_gradient = next((g for g in run.gradients.values() if _kind(g) in ("nan", "inf")), None)
    message = _SENTENCES["backward"]
    return _answer(traced, kind, draw, run, culprit, depends, message, bad_gradient)


def _depends(traced: _Traced, draw: Draw, run: Any, options: Options) -> list[bool]:
    """Which records change with the predictions: seen by running with other predictions."""
    names = differentiated(traced.plan)
    moved = [False] * len(run.records)
    for regime in ("typical", "saturated"):
        other = draw_regime(traced.plan, regime_named(regime), "float32", options.seed + 1)
        values = {**draw.values, **{n: other.values[n] for n in names}}
        try:
            records = traced.run(Draw("other", "float32", values)).records
        except RunError:
            continue
        if [r.site for r in records] != [r.site for r in run.records]:
            return [True] * len(run.records)
        moved = [
            m or not _same(a.array, b.array)
            for m, a, b in zip(moved, run.records, records, strict=True)
        ]
    return moved


def _same(a: Array | None, b: Array | None) -> bool:
    return a is not None and b is not None and np.array_equal(a, b, equal_nan=True)


def _reaches(traced: _Traced, draw: Draw, run: Any, index: int) -> bool:
    """Whether the loss changes with this record's value."""
    try:
        bumped = traced.run(draw, bump=index).value
    except RunError:
        return True
    return not np.array_equal(bumped, run.value, equal_nan=True)


def _answer(
    traced: _Traced,
    status: str,
    draw: Draw,
    run: Any,
    culprit: int | None,
    depends: list[bool],
    sentence: str,
    bad: Array | None = None,
) -> dict[str, Any]:
    rows = _rows(traced, run.records, depends)
    answer: dict[str, Any] = {"status": status, "rows": rows, "regime": draw.regime}
    answer["inputs"] = plain(dict(draw.values))
    if culprit is not None:
        site = traced.sites[run.records[culprit].site]
        answer.update(line=site.line, column=site.column, code=site.code, op=site.op)
        kind = "NaN" if _kind(bad) == "nan" else "infinity"
        answer["message"] = sentence.format(op=site.op, kind=kind)
    elif status == "ok":
        answer["message"] = "the gradient is finite in every regime, and not zero in ordinary ones"
    else:
        answer["message"] = "no single expression of the loss accounts for it"
    return answer


def _rows(traced: _Traced, records: list[Any], depends: list[bool]) -> list[dict[str, Any]]:
    """A row for each value that an operation made, with the place where it went bad."""
    values = [k if (k := _kind(r.array)) in ("nan", "inf") else "ok" for r in records]
    gradients = [
        _kind(r.below) if moves else "data" for r, moves in zip(records, depends, strict=True)
    ]
    births = birth_places(records, traced.sites, values, gradients)
    rows: list[dict[str, Any]] = []
    for index, record in enumerate(records):
        site = traced.sites[record.site]
        if not site.op or len(rows) >= ROWS:
            continue
        low, high = _range(record.array)
        place = births[index]
        born = None if place is None else traced.sites[records[place].site]
        rows.append(
            {
                "line": site.line,
                "column": site.column,
                "code": site.code,
                "op": site.op,
                "low": low,
                "high": high,
                "gradient": gradients[index],
                "value": values[index],
                "born_line": 0 if born is None else born.line,
                "born": "" if born is None else born.code,
            }
        )
    return rows


def _range(array: Array | None) -> tuple[float | None, float | None]:
    finite = np.zeros(0) if array is None else array[np.isfinite(array)]
    return (float(finite.min()), float(finite.max())) if finite.size else (None, None)


def _kind(array: Array | None) -> str:
    """ "none", "nan", "inf", "zero" or "ok"."""
    if array is None:
        return "none"
    if np.isnan(array).any():
        return "nan"
    if np.isinf(array).any():
        return "inf"
    return "ok" if np.any(array != 0.0) else "zero"


def _kind_of_all(gradients: dict[str, Array | None]) -> str:
    kinds = {_kind(g) for g in gradients.values()}
    return next((k for k in ("nan", "inf", "ok", "zero") if k in kinds), "none")
