"""Verifying a pair of losses: the entry that the command line and the editor call."""

from __future__ import annotations

import importlib.util
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from lossfix.rules.contracts import Contract, Relaxed
from lossfix.verify import cage
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
    return importlib.util.find_spec("tensorflow") is not None


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
    why_not = blocked()
    if why_not:
        return replace(not_run(contract.name, why_not), seed=options.seed)
    request = {
        "job": "verify",
        "before": asdict(before),
        "after": asdict(after),
        "contract": contract_as_json(contract),
        "hints": hints_as_json(hints),
        "options": asdict(options),
        "levels": _levels(before, after, contract, hints, after_at),
        "timeout_s": options.timeout_s,
        "memory_mb": options.memory_mb,
        "sandbox": options.sandbox,
        "curve": curve,
    }
    if session is None:
        with Session(options.device) as own:
            reply, device = own.ask(request), own.device
    else:
        reply, device = session.ask(request), session.device
    failure = reply.get("failure")
    if failure:
        verdict = not_run(contract.name, str(failure))
        return replace(verdict, seed=options.seed, device=device)
    try:
        verdict = verdict_from_json(reply["result"])
    except (KeyError, TypeError, ValueError) as error:
        verdict = not_run(contract.name, f"the worker's answer cannot be read: {error}")
    versions = {
        "python": platform.python_version(),
        **{str(k): str(v) for k, v in reply.get("versions", {}).items()},
        "sandbox": _sandbox(reply, device),
    }
    reads = tuple(str(path) for path in reply.get("reads", ()))
    return replace(verdict, seed=options.seed, device=device, versions=versions, reads=reads)


def _sandbox(reply: Mapping[str, Any], device: str) -> str:
    """The level and the fences behind it, such as "full: limits, no network, ..."."""
    fences = [str(fence) for fence in reply.get("fences", ())]
    return f"{cage.level(fences, device)}: {', '.join(fences)}"


def blocked() -> str:
    """Why no loss can be run here; empty where it can."""
    if not tensorflow_available():
        return NO_FRAMEWORK
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
