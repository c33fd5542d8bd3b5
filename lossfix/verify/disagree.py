"""Where a loss comes out otherwise in another way of running it: a finding of its own.

A loss that trains eagerly on a laptop can be NaN on a GPU, where Keras compiles it by XLA.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lossfix.verify.bench import arrays
from lossfix.verify.numerics import FORMATS
from lossfix.verify.regimes import ORDINARY, Draw, is_far
from lossfix.verify.results import Result

_ON_GPU = "; Keras compiles by XLA where there is a GPU, and does not where there is none"


@dataclass(frozen=True)
class Disagreement:
    """Modes of one dtype whose results differ: `what` is "value" or "gradient"."""

    dtype: str
    what: str
    how: str
    regimes: tuple[str, ...]


def told(found: Iterable[Disagreement]) -> tuple[str, ...]:
    """A sentence for each disagreement; dtypes that share one are named together."""
    dtypes: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for each in found:
        dtypes.setdefault((each.what, each.how, each.regimes), []).append(each.dtype)
    return tuple(
        f"the original's {what} in {', '.join(named)} {how} (regimes: {', '.join(regimes)})"
        + (_ON_GPU if how.endswith("not in xla") else "")
        for (what, how, regimes), named in dtypes.items()
    )


def disagreements(
    made: Sequence[Draw], dtype: str, originals: Mapping[str, Sequence[Result | None]]
) -> Iterator[Disagreement]:
    """The modes of one dtype whose results differ; `originals` are by mode.

    First what is finite in some and not in others; then numbers of ordinary inputs that are
    further apart than half of the dtype's digits.
    """
    for what in ("value", "gradient"):
        regimes: dict[str, list[str]] = {}
        for index, draw in enumerate(made):
            if dtype == "float16" and is_far(draw):  # XLA may compute in float32 in between
                continue
            results = {m: r for m, all_ in originals.items() if (r := all_[index]) is not None}
            sentence = _finite(results, what) or _apart(results, what, draw, dtype)
            if sentence:
                regimes.setdefault(sentence, []).append(draw.regime)
        for sentence, names in regimes.items():
            yield Disagreement(dtype, what, sentence, tuple(names))


def _finite(results: Mapping[str, Result], what: str) -> str:
    good = [mode for mode, result in results.items() if _fine(result, what)]
    bad = [mode for mode in results if mode not in good]
    return f"is finite in {', '.join(good)} and not in {', '.join(bad)}" if good and bad else ""


def _fine(result: Result, what: str) -> bool:
    return bool(np.isfinite(result.value).all()) if what == "value" else result.gradients_finite


def _apart(results: Mapping[str, Result], what: str, draw: Draw, dtype: str) -> str:
    if draw.regime not in ORDINARY or len(results) < 2:
        return ""
    first, *others = results
    for name, array in arrays(results[first]).items():
        if (name == "value") != (what == "value") or not np.isfinite(array).all():
            continue
        for mode in others:
            other = arrays(results[mode]).get(name)
            if other is None or other.shape != array.shape or not np.isfinite(other).all():
                continue
            top = float(np.max(np.abs(array), initial=0.0))
            if np.max(np.abs(other - array), initial=0.0) > np.sqrt(FORMATS[dtype].eps) * top:
                return f"differs between {first} and {mode}"
    return ""
