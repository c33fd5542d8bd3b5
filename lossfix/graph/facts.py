"""What is known of a node before anything is run: its activity, its range, its rank."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval of the reals, with infinities; `open_low` where `low` itself is excluded."""

    low: float = -math.inf
    high: float = math.inf

    def holds(self, point: float) -> bool:
        return self.low <= point <= self.high
