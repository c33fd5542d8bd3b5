"""What running a loss once gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lossfix.verify.numerics import Array


class RunError(Exception):
    """The loss does not run in this context; the message says why, in one line."""


@dataclass(frozen=True)
class Result:
    """A value and its gradients, as float64 arrays that hold the framework's numbers exactly.

    `gradients` are of the sum of the value, by parameter; None where the framework gives none.
    """

    value: Array
    gradients: Mapping[str, Array | None]

    @property
    def finite(self) -> bool:
        return bool(np.isfinite(self.value).all()) and self.gradients_finite

    @property
    def gradients_finite(self) -> bool:
        return all(g is None or bool(np.isfinite(g).all()) for g in self.gradients.values())

    @property
    def has_gradient(self) -> bool:
        return any(g is not None for g in self.gradients.values())

    def flat_gradient(self) -> Array:
        """All gradients in one vector; None counts as zeros of no length."""
        parts = [g.ravel() for g in self.gradients.values() if g is not None]
        return np.concatenate(parts) if parts else np.zeros(0)
