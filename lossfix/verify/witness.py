"""The search for a witness of a finding: the worker's side of `confirm_finding`.

Two kinds of evidence. The *birth*: the original is run with every expression watched, and the NaN,
the infinity or the lost gradient is born in the finding's own text. The *cure*: the original is bad
at an input and the version with this one finding mended is not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lossfix.rules.contracts import Meaning
from lossfix.verify.bench import Bench, NoInputsError, find_plan
from lossfix.verify.cures import cured
from lossfix.verify.inputs import InputError
from lossfix.verify.instrument import Site, instrument, pass_through
from lossfix.verify.load import Loaded, LoadError, load
from lossfix.verify.origins import born, lost, rounded
from lossfix.verify.regimes import Draw, draws
from lossfix.verify.request import (
    Program,
    contract_from_json,
    hints_from_json,
    options_from_json,
)
from lossfix.verify.search import Probed, searched
from lossfix.verify.watched import Answer, Runs, Search, plan_text
from lossfix.verify.wide import load_wide
from lossfix.verify.widen import widen


def confirm(request: Mapping[str, Any], scratch: str, device: str) -> Answer:
    """The fields of a Confirmation, for a request as `confirm_finding` sends it."""
    from lossfix.verify.frameworks import tensorflow
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
        plan = find_plan(loaded["before"], tensorflow.Runner, hints, options)
        watched = load(before, scratch, change)
        wide = _in_float64(before, scratch, len(found[0]))
    except (LoadError, NoInputsError, InputError) as error:
        return {"status": "not run", "reason": str(error)}
    with contextlib.suppress(LoadError):
        if request["mended"]:
            loaded["after"] = load(replace(before, text=request["mended"]), scratch)
    with contextlib.suppress(LoadError):
        if request["twin"]:
            loaded["twin"] = load(replace(before, text=request["twin"]), scratch)
    for name, text in (("before", before.text), ("after", request["mended"])):
        if name in loaded:
            load_wide(loaded, name, replace(before, text=text), scratch, tensorflow)
    bench = Bench(loaded, tensorflow.Runner, plan, device, options.seed)
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
    search = Search(bench, watched, wide, sites, inside, watch, contract, options, tuple(made))
    return _searched(search)


def _in_float64(program: Program, scratch: str, sites: int) -> Loaded | None:
    """The watched loss in float64, with the same sites; None where it does not load."""
    from lossfix.verify.frameworks.tensorflow import keras_float

    found: list[int] = []

    def change(text: str) -> str:
        new, seen = instrument(widen(text))
        found.append(len(seen))
        return new

    with contextlib.suppress(LoadError, SyntaxError), keras_float("float64"):
        loaded = load(program, scratch, change)
        return loaded if found[0] == sites else None
    return None


def _in_spans(site: Site, spans: Sequence[Sequence[int]]) -> bool:
    start, end = (site.line, site.column + 1), (site.end[0], site.end[1] + 1)
    return any((a, b) <= start and end <= (c, d) for a, b, c, d in spans)


def _searched(search: Search) -> Answer:
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


def _runs(search: Search) -> list[tuple[Draw, Any]]:
    return [(d, r) for d in search.made if (r := search.watched_at(d)) is not None]


def _reached(search: Search, runs: Runs) -> bool:
    return any(record.site in search.inside for _, run in runs for record in run.records)


def _looked(search: Search, runs: Runs) -> Answer:
    by_row = isinstance(search.contract, Meaning) and search.contract.by_row
    for look in (cured,) if by_row else (born, lost, cured, rounded):
        answer = look(search, runs)
        if answer is not None:
            return answer
    tried = ", ".join(dict.fromkeys(draw.regime for draw, _ in runs))
    what = "value and gradient were finite and right wherever they should be"
    return {
        "status": "not reproduced",
        "reason": f"{what}; tried {plan_text(search.plan)} in the regimes {tried}",
    }


def _flips(search: Search) -> Iterator[contextlib.AbstractContextManager[tuple[Search, str]]]:
    """The loss with one flag the other way round: an argument's default, or an attribute."""
    for name, parameter in search.bench.loaded["before"].signature.parameters.items():
        if isinstance(parameter.default, bool) and name not in search.plan.settings:
            yield _with_setting(search, name, not parameter.default)
    owner = getattr(search.bench.loaded["before"].function, "__self__", None)
    for name, value in vars(owner).items() if hasattr(owner, "__dict__") else ():
        if isinstance(value, bool) and not name.startswith("_"):
            yield _with_attribute(search, name, not value)


@contextlib.contextmanager
def _with_setting(search: Search, name: str, value: bool) -> Iterator[tuple[Search, str]]:
    plan = replace(search.plan, settings={**search.plan.settings, name: value})
    old = search.bench
    bench = Bench(old.loaded, old.make_run, plan, old.device, old.seed)
    yield replace(search, bench=bench), f"{name}={value}"


@contextlib.contextmanager
def _with_attribute(search: Search, name: str, value: bool) -> Iterator[tuple[Search, str]]:
    old = search.bench
    losses = [*old.loaded.values(), search.watched]
    losses += [search.wide] if search.wide is not None else []
    owners = [owner for one in losses if (owner := getattr(one.function, "__self__", None))]
    for owner in owners:
        setattr(owner, name, value)
    try:
        bench = Bench(old.loaded, old.make_run, old.plan, old.device, old.seed)
        yield replace(search, bench=bench), f"self.{name}={value}"
    finally:
        for owner in owners:
            setattr(owner, name, not value)
