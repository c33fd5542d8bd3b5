"""Errors against the oracle, of one row a regime: bits and ulps, before and after."""

from __future__ import annotations

import numpy as np

from lossfix.verify.bench import Bench, arrays
from lossfix.verify.numerics import error_bits, error_ulps
from lossfix.verify.regimes import CLOSE, WEAK, Draw, draws, row
from lossfix.verify.request import Options

DTYPE = "float32"
_KINDS = ("value", "gradient")


def true_errors(bench: Bench, options: Options, notes: list[str]) -> dict[str, float]:
    """The worst errors in float32, run eagerly, over rows of all regimes; empty without an oracle.

    The keys read "value bits before"; the gradient's is the worst of all parameters. Regimes of
    tiny numbers are left out, as in the contexts' own figures.
    """
    if bench.oracle is None or "eager" not in options.modes or DTYPE not in options.dtypes:
        return {}
    worst: dict[str, float] = {}
    rows = 0
    for whole in (*draws(bench.plan, DTYPE, options.seed), *bench.searched):
        if whole.regime in WEAK | {CLOSE}:
            continue
        one = row(whole, bench.plan, 0, whole.regime) or whole
        rows += _add(bench, one, worst)
    if rows:
        notes.append(_sentence(worst, rows))
    return {f"{key}, by the oracle": number for key, number in worst.items()}


def _add(bench: Bench, one: Draw, worst: dict[str, float]) -> bool:
    true = bench.truth(one)
    if true is None:
        return False
    for version in ("before", "after"):
        result = bench.try_run(version, "eager", DTYPE, one)
        if result is None:
            continue
        for name, exact in arrays(true).items():
            got = arrays(result).get(name)
            if got is None:
                continue
            kind = _KINDS[name != "value"]
            for unit, error in (
                ("bits", error_bits(got, exact, DTYPE)),
                ("ulps", error_ulps(got, exact, DTYPE)),
            ):
                if error is not None:
                    key = f"{kind} {unit} {version}"
                    worst[key] = max(worst.get(key, 0.0), error)
    return True


def _sentence(worst: dict[str, float], rows: int) -> str:
    parts = [
        f"{kind} {_shown(worst.get(f'{kind} ulps before'))} -> "
        f"{_shown(worst.get(f'{kind} ulps after'))} ulps"
        for kind in _KINDS
    ]
    return (
        f"oracle: mpmath over the whole loss, one row of {rows} regimes; worst error in {DTYPE}: "
        + ", ".join(parts)
    )


def _shown(ulps: float | None) -> str:
    if ulps is None:
        return "?"
    return f"{ulps:.3g}" if np.isfinite(ulps) else "not a number"
