"""Whether a finding shows when the loss is run: a witness of it is looked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from lossfix.rules.contracts import Contract
from lossfix.verify.pair import blocked
from lossfix.verify.request import Hints, Options, Program, contract_as_json, hints_as_json
from lossfix.verify.session import Session

Span = tuple[int, int, int, int]
"""First and last line and column, 1-based, the end exclusive; columns in code points."""


class Status(str, Enum):
    CONFIRMED = "confirmed"
    NOT_REPRODUCED = "not reproduced"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What running the original at many inputs showed of one finding.

    `reason` tells what came out at the witness, what was tried, or why nothing was run. `inputs`
    are the witness, by parameter; `regime`, `mode` and `dtype` say how it was run.
    """

    status: Status
    reason: str
    inputs: Mapping[str, Any] | None = None
    regime: str = ""
    mode: str = ""
    dtype: str = ""
    seed: int = 0

    def as_json(self) -> dict[str, Any]:
        """The confirmation under the keys that other programs read."""
        return {**asdict(self), "status": self.status.value}


def confirmation_from_json(data: Mapping[str, Any]) -> Confirmation:
    """What `as_json` wrote; KeyError, TypeError or ValueError for anything else."""
    return Confirmation(**{**data, "status": Status(data["status"])})


def cannot_confirm(reason: str) -> Confirmation:
    return Confirmation(Status.NOT_RUN, reason)


def confirm_finding(
    program: Program,
    spans: Sequence[Span],
    operands: Sequence[Span],
    contract: Contract,
    after: str,
    hints: Hints,
    options: Options,
    session: Session,
    twin: str = "",
    lines: Mapping[int, int] | None = None,
) -> Confirmation:
    """Looks for an input at which the original goes wrong by way of the text in `spans`.

    What stands in `operands` is no part of it.
    `after` is the text with this one finding mended, "" where it has no fix; `twin` is as in
    `verify_pair`; `lines` are the lines to tell a person, where the text has others. The loss
    runs in the session's worker. Raises NoDevice.
    """
    why_not = blocked()
    if why_not:
        return cannot_confirm(why_not)
    request = {
        "job": "confirm",
        "before": asdict(program),
        "mended": after,
        "twin": twin,
        "spans": [list(span) for span in spans],
        "lines": {str(new): old for new, old in (lines or {}).items()},
        "operands": [list(span) for span in operands],
        "contract": contract_as_json(contract),
        "hints": hints_as_json(hints),
        "options": asdict(options),
        "timeout_s": options.timeout_s,
        "memory_mb": options.memory_mb,
        "sandbox": options.sandbox,
    }
    reply = session.ask(request)
    if reply.get("failure"):
        return cannot_confirm(str(reply["failure"]))
    try:
        return confirmation_from_json({**reply["result"], "seed": options.seed})
    except (KeyError, TypeError, ValueError) as error:
        return cannot_confirm(f"the worker's answer cannot be read: {error}")
