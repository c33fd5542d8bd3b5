"""The child of the language server that runs losses: one JSON request a line, events a line back.

It stays warm between requests. What it started ends with it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, TextIO

from lossfix.editing.question import Question
from lossfix.editing.trials import Trial, outcome_of, trials_of, why
from lossfix.errors import LossfixError
from lossfix.proving import Prover
from lossfix.report.as_json import dumps
from lossfix.report.verdict_text import verdict_line, verdict_text
from lossfix.rules.registry import every_rule
from lossfix.source.roles import RoleOverrides
from lossfix.verify import Options
from lossfix.verify.cage import die_with_parent


def main() -> int:
    """Serves requests from standard input until it ends."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever is printed by mistake is no event
    die_with_parent()
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    provers: dict[Options, Prover] = {}
    try:
        for line in sys.stdin:
            request = json.loads(line)
            options = Options(
                device=request["device"],
                inputs=tuple(request["inputs"]),
                sandbox=request["sandbox"],
            )
            if options not in provers:
                _close(provers)
                provers[options] = Prover(options)
            _serve(request, provers[options], events)
    finally:
        _close(provers)
    return 0


def _leave(*_: object) -> NoReturn:
    raise SystemExit(0)


def _close(provers: dict[Options, Prover]) -> None:
    for prover in provers.values():
        prover.close()
    provers.clear()


def _serve(request: Mapping[str, Any], prover: Prover, events: TextIO) -> None:
    """One request; its last event has the key `end`."""

    def send(event: Mapping[str, Any]) -> None:
        events.write(" ".join(dumps({"id": request["id"], **event}).split("\n")) + "\n")
        events.flush()

    def step(done: int, total: int, what: str) -> None:
        send({"step": what, "done": done, "total": total})

    try:
        question = _question(request)
        if request["job"] == "why":
            text, line, ran = why(question, request["function"], prover)
            send({"end": True, "text": text, "line": line, "ran": ran})
            return
        trials: list[Trial] = []
        for trial in trials_of(question, request["function"], prover, step):
            trials.append(trial)
            send({"trial": _as_json(trial)})
        send({"end": True, "outcome": outcome_of(trials).value})
    except LossfixError as error:
        send({"end": True, "error": str(error)})


def _question(request: Mapping[str, Any]) -> Question:
    codes = frozenset(request["codes"])
    return Question(
        Path(request["path"]),
        request["text"],
        tuple(rule for rule in every_rule() if rule.code in codes),
        RoleOverrides(*(tuple(globs) for globs in request["roles"])),
        request["sharpness"],
    )


def _as_json(trial: Trial) -> dict[str, Any]:
    return {
        "key": trial.key,
        "code": trial.code,
        "title": trial.title,
        "outcome": trial.verdict.outcome.value,
        "line": verdict_line(trial.verdict),
        "text": verdict_text(trial.verdict),
        "verdict": trial.verdict.as_json(),
    }


if __name__ == "__main__":
    raise SystemExit(main())
