"""A loss that is run with every value watched, to see where it goes wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossfix.rules.contracts import Contract
from lossfix.verify.bench import Bench, differentiated
from lossfix.verify.inputs import Plan
from lossfix.verify.instrument import Site
from lossfix.verify.load import Loaded
from lossfix.verify.numerics import Array
from lossfix.verify.plain import plain
from lossfix.verify.regimes import Draw
from lossfix.verify.request import Options
from lossfix.verify.results import RunError

Answer = dict[str, Any]
Runs = Sequence[tuple[Draw, Any]]

LOST = 2.0**-12  # of a number, in float32: half of its bits
BAD = ("nan", "inf")
WORDS = {"nan": "NaN", "inf": "infinity"}


@dataclass(frozen=True)
class Search:
    """All that the search for one finding's witness needs."""

    bench: Bench
    watched: Loaded
    wide: Loaded | None  # the same in float64
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
        return self._run(self.watched, draw, **how)

    def wide_at(self, draw: Draw) -> Any:
        """The same in float64."""
        return self._run(self.wide, draw, wide=True) if self.wide is not None else None

    def _run(self, loss: Loaded, draw: Draw, **how: Any) -> Any:
        names, settings = differentiated(self.plan), self.plan.settings
        with contextlib.suppress(RunError):
            return self.watch(loss.function, settings, draw.values, names, **how)
        return None


def plan_text(plan: Plan) -> str:
    text = str(plan)
    return text if len(text) <= 200 else f"{text[:197]}..."


def confirmed(draw: Draw, reason: str, mode: str = "eager", dtype: str = "float32") -> Answer:
    inputs = plain(dict(draw.values))
    return {
        "status": "confirmed",
        "reason": reason,
        "inputs": inputs,
        "regime": draw.regime,
        "mode": mode,
        "dtype": dtype,
    }


def operands_of(search: Search, run: Any) -> list[list[int]]:
    """The records that each record reads directly."""
    latest: dict[int, int] = {}
    found: list[list[int]] = []
    for index, record in enumerate(run.records):
        reads = search.sites[record.site].reads
        found.append([latest[read] for read in reads if read in latest])
        latest[record.site] = index
    return found


def worst_of(run: Any) -> str:
    """ "NaN value", "infinite gradient" and so on, or "ok"."""
    value = kind_of(run.value)
    if value in BAD:
        return "NaN value" if value == "nan" else "infinite value"
    kinds = {kind_of(g) for g in run.gradients.values()}
    if kinds & set(BAD):
        return "NaN gradient" if "nan" in kinds else "infinite gradient"
    return "ok"


def true_is_finite(search: Search, draw: Draw) -> bool:
    wide = search.bench.try_run("before", "eager", "float64", draw)
    return wide is not None and wide.finite


def kind_of(array: Array | None) -> str:
    """ "none", "nan", "inf", "zero" or "ok"."""
    if array is None:
        return "none"
    if np.isnan(array).any():
        return "nan"
    if np.isinf(array).any():
        return "inf"
    return "ok" if np.any(array != 0.0) else "zero"
