"""What a worker does for one request, inside its fences."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lossfix.rules.contracts import Diagnosis
from lossfix.verify.bench import Bench, MakeRun, NoInputsError, find_plan
from lossfix.verify.drawn import inputs_as_json
from lossfix.verify.inputs import InputError
from lossfix.verify.judge import judge
from lossfix.verify.load import Loaded, LoadError, load
from lossfix.verify.request import (
    Program,
    contract_from_json,
    hints_from_json,
    options_from_json,
)
from lossfix.verify.sweep import sweep
from lossfix.verify.verdict import Verdict, not_run
from lossfix.verify.widen import widen


def run_job(request: dict[str, Any], scratch: str, device: str) -> dict[str, Any]:
    """Does one request; what it returns can be sent as JSON."""
    from lossfix.verify.frameworks import tensorflow as framework

    if request["job"] == "devices":
        return {"gpus": framework.gpus()}
    framework.start(device)
    if request["job"] == "trace":
        from lossfix.verify.birth import trace

        return trace(request, scratch)
    return _verify(request, scratch, device, framework.Runner).as_json()


def _verify(request: dict[str, Any], scratch: str, device: str, make_run: MakeRun) -> Verdict:
    contract = contract_from_json(request["contract"])
    hints = hints_from_json(request["hints"])
    options = options_from_json(request["options"])
    if isinstance(contract, Diagnosis):
        return not_run(contract.name, "a diagnosis offers no new loss to run")
    before, after = Program(**request["before"]), Program(**request["after"])
    loaded: dict[str, Loaded] = {}
    levels = [(float(k), f"after@{k:g}", text) for k, text in request["levels"]]
    try:
        loaded["before"] = load(before, scratch)
        plan = find_plan(loaded["before"], make_run, hints, options)
    except (LoadError, NoInputsError, InputError) as error:
        return not_run(contract.name, str(error))
    try:
        loaded["after"] = load(after, scratch)
    except LoadError as error:
        return not_run(contract.name, f"the new loss: {error}")
    notes = [*loaded["before"].notes, f"inputs: {plan}"]
    for name, program in (("before", before), ("after", after)):
        _load_wide(loaded, name, program, scratch)
    for _, name, text in levels:
        program = replace(after, text=text)
        with contextlib.suppress(LoadError):
            loaded[name] = load(program, scratch)
        _load_wide(loaded, name, program, scratch)
    known = [(k, name) for k, name, _ in levels if name in loaded]
    bench = Bench(loaded, make_run, plan, device, options.seed)
    verdict = judge(bench, contract, hints, options, known)
    verdict = replace(verdict, inputs=inputs_as_json(plan, hints, options))
    if request.get("curve"):
        found = sweep(bench, hints.thresholds, verdict.counterexample)
        verdict = replace(verdict, curve=found)
    return _with_notes(verdict, notes)


def _load_wide(loaded: dict[str, Loaded], name: str, program: Program, scratch: str) -> None:
    # a text that does not load in float64 is judged without a float64 reference
    with contextlib.suppress(LoadError, SyntaxError):
        loaded[f"wide {name}"] = _in_float64(lambda: load(program, scratch, widen))


def _in_float64(make: Callable[[], Loaded]) -> Loaded:
    from lossfix.verify.frameworks.tensorflow import keras_float

    with keras_float("float64"):
        return make()


def _with_notes(verdict: Verdict, notes: list[str]) -> Verdict:
    return replace(verdict, notes=(*verdict.notes, *notes))
