"""Numbers and draws as JSON can hold them; what is not finite goes as text."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lossfix.verify.regimes import Draw
from lossfix.verify.results import Result


def plain(value: Any) -> Any:
    """Nested lists of numbers; NaN and infinities as "nan", "inf" and "-inf"."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value


def plain_draw(draw: Draw) -> dict[str, Any]:
    return {"regime": draw.regime, "dtype": draw.dtype, "inputs": plain(dict(draw.values))}


def plain_result(result: Result | None) -> dict[str, Any] | None:
    if result is None:
        return None
    return {"value": plain(result.value), "gradients": plain(dict(result.gradients))}
