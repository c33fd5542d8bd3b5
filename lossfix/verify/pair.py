"""Verifying a pair of losses: the entry that the command line and the editor call."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from lossfix.errors import NoDevice
from lossfix.rules.contracts import Contract, Relaxed
from lossfix.verify import cage
from lossfix.verify.backends import MODES, Frameworks, Outline, frameworks_of, installed, merged
from lossfix.verify.frameworks.choice import TENSORFLOW
from lossfix.verify.kinks import conventions_in
from lossfix.verify.request import (
    Hints,
    Options,
    Program,
    contract_as_json,
    hints_as_json,
)
from lossfix.verify.session import Session
from lossfix.verify.sharpness import sharpened, sharpness_in
from lossfix.verify.verdict import Verdict, not_run, verdict_from_json

LEVELS = 10
_GROWTH = 4.0
NO_FRAMEWORK = "TensorFlow is not installed; pip install 'lossfix[tensorflow]'"


def tensorflow_available() -> bool:
    """Whether TensorFlow can be found; it is not imported."""
    return installed(TENSORFLOW)


def verify_pair(
    before: Program,
    after: Program,
    contract: Contract,
    hints: Hints = Hints(),  # noqa: B008 - frozen
    options: Options = Options(),  # noqa: B008 - frozen
    *,
    after_at: Callable[[float], str] | None = None,
    session: Session | None = None,
    curve: bool = False,
) -> Verdict:
    """Runs both versions of a loss in a worker process and judges them by the contract.

    `after_at` gives the text of the new loss at a sharpness, for a relaxed contract; without it
    the sharpness is looked for in the text. With `curve` the verdict carries what both losses do
    around the place where the original is worst. `session` is a warm worker to use; without one a
    worker is started and ended. Raises NoDevice where `options.device` is "gpu" and there is none,
    and NoSandbox where `options.sandbox` is "require" and a fence cannot stand.
    Whatever the losses do costs this verdict only, which is then `not run` with the reason.
    """
    frameworks = frameworks_of(before)
    why_not = blocked(frameworks.names[0])
    if why_not:
        return replace(not_run(contract.name, why_not), seed=options.seed)
    request = {
        "job": "verify",
        "before": asdict(before),
        "after": asdict(after),
        "contract": contract_as_json(contract),
        "hints": hints_as_json(hints),
        "levels": _levels(before, after, contract, hints, after_at),
        "timeout_s": options.timeout_s,
        "memory_mb": options.memory_mb,
        "sandbox": options.sandbox,
        "curve": curve,
        "outline": len(frameworks.names) > 1,
    }
    if session is None:
        with Session(options.device, framework=frameworks.names[0]) as own:
            return _under_all(own, request, frameworks, options)
    return _under_all(session, request, frameworks, options)


def _under_all(
    session: Session, request: dict[str, Any], frameworks: Frameworks, options: Options
) -> Verdict:
    verdicts: dict[str, Verdict] = {}
    outlines: dict[str, Outline] = {}
    without: dict[str, NoDevice] = {}  # frameworks that do not see the device that was asked for
    for name in frameworks.names:
        try:
            verdicts[name], outlines[name] = _under(session.under(name), request, options)
        except NoDevice as error:
            without[name] = error
    if not verdicts:
        raise without[frameworks.names[0]]
    if len(verdicts) == 1 and not (frameworks.absent or without):
        return verdicts[frameworks.names[0]]
    verdict = merged(verdicts, {n: o for n, o in outlines.items() if o}, frameworks.absent)
    unseen = tuple(f"not run under {name}: it sees no GPU" for name in without)
    texts = [str(request[which]["text"]) for which in ("before", "after")]
    told = conventions_in(texts, tuple(verdicts))
    return replace(verdict, notes=(*unseen, *verdict.notes, *told))


def _under(session: Session, request: dict[str, Any], options: Options) -> tuple[Verdict, Outline]:
    """The verdict of one framework, and what the original came out as."""
    name = session.framework
    modes = tuple(m for m in options.modes if m in MODES[name])
    asked = {**request, "framework": name, "options": asdict(replace(options, modes=modes))}
    reply, device = session.ask(asked), session.device
    contract = str(request["contract"]["name"])
    failure = reply.get("failure")
    if failure:
        verdict = not_run(contract, str(failure))
        return replace(verdict, seed=options.seed, device=device), {}
    outline: Outline = {}
    try:
        result = dict(reply["result"])
        outline = result.pop("outline", {})
        verdict = verdict_from_json(result)
    except (KeyError, TypeError, ValueError) as error:
        verdict = not_run(contract, f"the worker's answer cannot be read: {error}")
    versions = {
        "python": platform.python_version(),
        **{str(k): str(v) for k, v in reply.get("versions", {}).items()},
        "sandbox": _sandbox(reply, device),
    }
    reads = tuple(str(path) for path in reply.get("reads", ()))
    contexts = tuple(replace(context, backend=name) for context in verdict.contexts)
    verdict = replace(verdict, seed=options.seed, device=device, versions=versions, reads=reads)
    return replace(verdict, contexts=contexts), outline


def _sandbox(reply: Mapping[str, Any], device: str) -> str:
    """The level and the fences behind it, such as "full: limits, no network, ..."."""
    fences = [str(fence) for fence in reply.get("fences", ())]
    return f"{cage.level(fences, device)}: {', '.join(fences)}"


def blocked(framework: str = TENSORFLOW) -> str:
    """Why no loss can be run here with a framework; empty where it can."""
    if not installed(framework):
        return NO_FRAMEWORK if framework == TENSORFLOW else f"{framework} is not installed"
    if not hasattr(os, "fork"):
        return "losses are run on Linux and macOS only"
    return ""


def _levels(
    before: Program,
    after: Program,
    contract: Contract,
    hints: Hints,
    after_at: Callable[[float], str] | None,
) -> list[tuple[float, str]]:
    """The new loss at the contract's sharpness and ever higher ones; empty where it has none."""
    if not isinstance(contract, Relaxed) or contract.sharpness is None:
        return []
    factors = [_GROWTH**i for i in range(LEVELS)]
    if after_at is not None:
        base = hints.sharpness or contract.sharpness
        return [(base * factor, after_at(base * factor)) for factor in factors]
    base = sharpness_in(after.text, after.function, before.text) or contract.sharpness
    levels: list[tuple[float, str]] = []
    for factor in factors:
        text = sharpened(after.text, after.function, factor, before.text)
        if text is None:
            return []
        levels.append((base * factor, text))
    return levels
