"""The numbers that a loss's text holds: guards, clips and thresholds, beside which losses break."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable

MOST = 4  # numbers that are tried
_SMALL = 1e-2  # below it a number is taken for a guard: what it guards is 0, 1 or -1
_DULL = frozenset({0.0, 1.0, 2.0, 0.5, 10.0, 100.0})


def literals_in(texts: Iterable[str]) -> tuple[float, ...]:
    """The telling floats of some texts, by size, the smallest first; at most MOST.

    Whole numbers such as axes, and the commonest factors, say nothing about where a loss breaks.
    """
    found: set[float] = set()
    for text in texts:
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, float):
                size = abs(node.value)
                if math.isfinite(size) and size not in _DULL:
                    found.add(size)
    return tuple(sorted(found)[:MOST])


def beside(literal: float) -> tuple[float, ...]:
    """Where a loss that holds this number may break: at it, and at what it guards."""
    points = [literal, -literal, literal * (1 + 2.0**-6), -literal * (1 + 2.0**-6)]
    if literal < _SMALL:
        parts = [literal / 8, literal / 2, 4 * literal]
        points += [*parts, *(-p for p in parts)]
        points += [s * (1 - p) for p in (literal / 8, literal, 8 * literal) for s in (1.0, -1.0)]
    return tuple(points)
