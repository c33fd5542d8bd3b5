"""The worst bits of error of one context, against the float64 run of the original."""

from __future__ import annotations

from lossfix.verify.bench import arrays
from lossfix.verify.compare import Observation
from lossfix.verify.numerics import error_bits
from lossfix.verify.regimes import CLOSE, WEAK
from lossfix.verify.shapes import COLUMN, EMPTY


class WorstBits:
    """Worst bits of error of value and gradient, before and after."""

    def __init__(self) -> None:
        self._worst: dict[str, float] = {}

    def add(self, seen: Observation) -> None:
        if seen.reference is None or not seen.reference.wide or seen.draw.regime in WEAK:
            return
        if seen.draw.regime in (EMPTY, COLUMN, CLOSE):
            return
        if seen.dtype == "float64":  # there the original is the reference itself
            return
        for name, true in arrays(seen.reference.result).items():
            for version, result in (("before", seen.before), ("after", seen.after)):
                got = arrays(result).get(name)
                found = None if got is None else error_bits(got, true, seen.dtype)
                if found is not None:
                    key = f"{'value' if name == 'value' else 'gradient'} {version}"
                    self._worst[key] = max(self._worst.get(key, 0.0), found)

    def worst(self) -> tuple[float | None, float | None, float | None, float | None]:
        known = self._worst.get
        return (
            known("value before"),
            known("value after"),
            known("gradient before"),
            known("gradient after"),
        )
