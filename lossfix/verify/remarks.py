"""What a reader should know of a pair that keeps its contract: conventions that the fix chose."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lossfix.rules.contracts import Bounded, Contract, Exact, Guarded
from lossfix.verify.bench import arrays
from lossfix.verify.compare import Observation
from lossfix.verify.numerics import FORMATS
from lossfix.verify.regimes import WEAK, is_far


def remarks(contract: Contract, seen: Observation) -> Iterator[str]:
    """Sentences on one observation, the same ones wherever the same is seen."""
    if seen.reference is None or not seen.reference.wide:
        return
    if seen.draw.regime in WEAK or is_far(seen.draw):
        return
    if isinstance(contract, Guarded | Bounded):
        yield from _on_singular_set(seen)
    if isinstance(contract, Exact | Guarded):
        yield from _at_ties(seen)


def _on_singular_set(seen: Observation) -> Iterator[str]:
    assert seen.reference is not None
    true, after = arrays(seen.reference.result), arrays(seen.after)
    for name, new in after.items():
        old = true.get(name)
        if old is None or old.shape != new.shape:
            continue
        if name != "value" and np.any(~np.isfinite(old) & (new == 0.0)):
            yield (
                f"the gradient of the new loss for {name} is 0 where the original's is not finite: "
                "nothing is learned at exactly such an input"
            )


def _at_ties(seen: Observation) -> Iterator[str]:
    """Two gradients that differ by a whole step, where the original's jumps by as much."""
    assert seen.reference is not None
    for name, true in arrays(seen.reference.result).items():
        new = arrays(seen.after).get(name)
        if name == "value" or new is None or new.shape != true.shape:
            continue
        top = float(np.max(np.abs(true[np.isfinite(true)]), initial=0.0))
        with np.errstate(all="ignore"):
            if not np.any(np.abs(new - true) > 64 * FORMATS[seen.dtype].eps * top):
                continue
            spread = seen.reference.spread[name]
            jump = np.isfinite(spread) & (spread > 1e-3 * top) & np.isfinite(true)
            far = jump & (np.abs(new - true) > 0.01 * spread + 64 * FORMATS[seen.dtype].eps * top)
            between = np.abs(new - true) <= spread * (1.0 + 1e-3)
        if far.any() and between[far].all():
            at = tuple(int(i) for i in np.argwhere(far)[0])
            yield (
                f"at a tie the gradient for {name} is the other one-sided derivative, or one "
                f"between ({new[at]:.4g} for {true[at]:.4g}): both are subgradients"
            )
