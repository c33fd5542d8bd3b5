"""What a worker does for one request, inside its fences."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from lossfix.rules.contracts import Diagnosis
from lossfix.verify.bench import Bench, MakeRun, NoInputsError, differentiated, find_plan
from lossfix.verify.drawn import inputs_as_json
from lossfix.verify.frameworks.choice import TENSORFLOW, framework_named
from lossfix.verify.inputs import InputError, Plan, settings_in
from lossfix.verify.instrument import Site, instrument
from lossfix.verify.judge import judge
from lossfix.verify.literals import literals_in
from lossfix.verify.load import Loaded, LoadError, load
from lossfix.verify.oracle import NoOracleError, Oracle, believed, oracle_of
from lossfix.verify.regimes import draws, row, typical
from lossfix.verify.request import (
    Program,
    contract_from_json,
    hints_from_json,
    options_from_json,
)
from lossfix.verify.results import RunError
from lossfix.verify.search import Probed, searched
from lossfix.verify.sweep import sweep
from lossfix.verify.verdict import Verdict, not_run
from lossfix.verify.widen import widen

_VARIES = (
    "the original gives another value each time it is run on the same inputs: it draws random "
    "numbers or keeps a state, and nothing can be compared; give it what varies as an argument"
)


def run_job(request: dict[str, Any], scratch: str, device: str) -> dict[str, Any]:
    """Does one request; what it returns can be sent as JSON."""
    framework = framework_named(request.get("framework", TENSORFLOW))
    if request["job"] == "devices":
        return {"gpus": framework.gpus()}
    framework.start(device)
    if request["job"] == "trace":
        from lossfix.verify.birth import trace

        return trace(request, scratch)
    return _verify(request, scratch, device, framework)


def _verify(request: dict[str, Any], scratch: str, device: str, framework: Any) -> dict[str, Any]:
    make_run: MakeRun = framework.Runner
    contract = contract_from_json(request["contract"])
    hints = hints_from_json(request["hints"])
    options = options_from_json(request["options"])
    if isinstance(contract, Diagnosis):
        return not_run(contract.name, "a diagnosis offers no new loss to run").as_json()
    try:
        given = settings_in(options.inputs)
    except InputError as error:
        return not_run(contract.name, str(error)).as_json()
    before, after = (
        replace(Program(**request[which]), arguments=given) for which in ("before", "after")
    )
    loaded: dict[str, Loaded] = {}
    levels = [(float(k), f"after@{k:g}", text) for k, text in request["levels"]]
    try:
        loaded["before"] = load(before, scratch)
        plan = find_plan(loaded["before"], make_run, hints, options)
    except (LoadError, NoInputsError, InputError) as error:
        return not_run(contract.name, str(error)).as_json()
    if _varies(loaded["before"], plan, make_run, options.seed):
        return not_run(contract.name, _VARIES).as_json()
    try:
        loaded["after"] = load(after, scratch)
    except LoadError as error:
        return not_run(contract.name, f"the new loss: {error}").as_json()
    plan = replace(plan, literals=literals_in(part.slice.text for part in loaded.values()))
    notes = [*loaded["before"].notes, f"inputs: {plan}"]
    for name, program in (("before", before), ("after", after)):
        _load_wide(loaded, name, program, scratch, framework)
    for _, name, text in levels:
        program = replace(after, text=text)
        with contextlib.suppress(LoadError):
            loaded[name] = load(program, scratch)
        _load_wide(loaded, name, program, scratch, framework)
    known = [(k, name) for k, name, _ in levels if name in loaded]
    bench = Bench(loaded, make_run, plan, device, options.seed)
    bench.oracle = _oracle(bench, before, notes)
    if request.get("framework", TENSORFLOW) == TENSORFLOW:
        bench.searched = searched(_probed((before, after), scratch), plan, options.seed)
    verdict = judge(bench, contract, hints, options, known)
    verdict = replace(verdict, inputs=inputs_as_json(plan, hints, options))
    if request.get("curve"):
        found = sweep(bench, hints.thresholds, verdict.counterexample)
        verdict = replace(verdict, curve=found)
    answer = _with_notes(verdict, notes).as_json()
    return {**answer, "outline": _outline(bench)} if request.get("outline") else answer


def _varies(loaded: Loaded, plan: Plan, make_run: MakeRun, seed: int) -> bool:
    """Whether the loss gives two values for the same inputs, as one that draws numbers does."""
    run = make_run(loaded.function, plan.settings, differentiated(plan), "eager", "float32")
    for ordinary in typical(plan, "float32", seed, 1):
        with contextlib.suppress(RunError):
            first, second = run(ordinary.values), run(ordinary.values)
            return not np.array_equal(first.value, second.value, equal_nan=True)
    return False


def _load_wide(
    loaded: dict[str, Loaded], name: str, program: Program, scratch: str, framework: Any
) -> None:
    # a text that does not load in float64 is judged without a float64 reference
    with contextlib.suppress(LoadError, SyntaxError), framework.keras_float("float64"):
        loaded[f"wide {name}"] = load(program, scratch, widen)


def _oracle(bench: Bench, before: Program, notes: list[str]) -> Oracle | None:
    """The oracle of the original, where it has one that its float64 run bears out."""
    try:
        oracle = oracle_of(bench.loaded["before"], before.function, bench.plan)
    except NoOracleError as error:
        notes.append(f"oracle: none of the whole loss: {error}; float64 stands in for it")
        return None
    for ordinary in typical(bench.plan, "float32", bench.seed, 2):
        one = row(ordinary, bench.plan, 0, ordinary.regime) or ordinary
        wide = bench.try_run("before", "eager", "float64", one)
        if wide is not None and wide.finite and not believed(oracle.truth(one), wide):
            notes.append("oracle: set aside, as it and the float64 run differ on ordinary inputs")
            return None
    return oracle


def _probed(programs: tuple[Program, ...], scratch: str) -> Iterator[Probed]:
    from lossfix.verify.frameworks.watch import watch

    for program in programs:
        sites: list[Site] = []

        def change(text: str, sites: list[Site] = sites) -> str:
            new, found = instrument(text)
            sites.extend(found)
            return new

        with contextlib.suppress(LoadError, SyntaxError):
            loaded = load(program, scratch, change)
            yield Probed(loaded, tuple(sites), watch)


def _outline(bench: Bench) -> dict[str, Any]:
    """The original in float32, run eagerly, by regime: value and gradients, each flat."""
    found: dict[str, Any] = {}
    for one in draws(bench.plan, "float32", bench.seed):
        result = bench.try_run("before", "eager", "float32", one)
        if result is not None:
            gradient = result.flat_gradient().tolist() if result.has_gradient else None
            found[one.regime] = {"value": result.value.ravel().tolist(), "gradient": gradient}
    return found


def _with_notes(verdict: Verdict, notes: list[str]) -> Verdict:
    return replace(verdict, notes=(*verdict.notes, *notes))
