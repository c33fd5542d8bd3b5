"""Why a loss has no gradient, or a bad one: the first line where it goes, found by running."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lossfix.verify.pair import blocked
from lossfix.verify.request import Hints, Options, Program, hints_as_json
from lossfix.verify.session import Session


@dataclass(frozen=True, slots=True)
class TraceRow:
    """One recorded value of the loss: an expression and what became of its gradient.

    `low` and `high` bound the value's finite entries; both are None where it has none.
    `gradient` is "ok", "zero", "none", "nan" or "inf": the gradient of the loss with respect to
    this value; "data" where the value does not come from the predictions. `value` is "ok", "nan"
    or "inf". `born` is the expression, on line `born_line`, at which the value or else the gradient
    went bad; "" where neither did.
    """

    line: int
    column: int
    code: str
    op: str
    low: float | None
    high: float | None
    gradient: str
    value: str = "ok"
    born_line: int = 0
    born: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """Where a loss's gradient is lost. `status` is "ok", "none", "zero", "nan", "inf" or "not run".

    `line` (1-based) and `column` (0-based) are those of `code`, the expression that loses it.
    `inputs` are the predictions and labels at which it happens, by name.
    `regimes` tells of each regime what its value ("ok", "nan", "inf") and its gradient (as in a
    row) came to.
    """

    status: str
    line: int = 0
    column: int = 0
    code: str = ""
    op: str = ""
    regime: str = ""
    inputs: Mapping[str, Any] | None = None
    rows: tuple[TraceRow, ...] = ()
    regimes: tuple[Mapping[str, str], ...] = ()
    message: str = ""
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """The trace under the keys that other programs read."""
        return asdict(self)


def trace_gradients(
    program: Program,
    hints: Hints = Hints(),  # noqa: B008 - frozen
    options: Options = Options(),  # noqa: B008 - frozen
    *,
    session: Session | None = None,
) -> Trace:
    """Runs the loss eagerly in a worker with every expression watched, over all regimes.

    A gradient that is None or zero in ordinary inputs comes first; then NaN and infinity, with
    the input at which they are born. Raises NoDevice as `verify_pair` does.
    """
    why_not = blocked()
    if why_not:
        return Trace("not run", reason=why_not)
    request = {
        "job": "trace",
        "program": asdict(program),
        "hints": hints_as_json(hints),
        "options": asdict(options),
        "timeout_s": options.timeout_s,
        "memory_mb": options.memory_mb,
        "sandbox": options.sandbox,
    }
    if session is None:
        with Session(options.device) as own:
            reply = own.ask(request)
    else:
        reply = session.ask(request)
    failure = reply.get("failure")
    if failure:
        return Trace("not run", reason=str(failure))
    try:
        result = dict(reply["result"])
        rows = tuple(TraceRow(**row) for row in result.pop("rows"))
        regimes = tuple(result.pop("regimes", ()))
        return Trace(rows=rows, regimes=regimes, **result)
    except (KeyError, TypeError, ValueError) as error:
        return Trace("not run", reason=f"the worker's answer cannot be read: {error}")
