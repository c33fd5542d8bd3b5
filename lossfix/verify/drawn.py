"""What a verdict's inputs were: every tensor, and a digest of each regime's draw."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from lossfix.verify.inputs import Plan, Tensor
from lossfix.verify.plain import plain
from lossfix.verify.regimes import Draw, draws
from lossfix.verify.request import Hints, Options


def inputs_as_json(plan: Plan, hints: Hints, options: Options) -> dict[str, Any]:
    """Tensors, settings and draws, as JSON can hold them.

    A draw is made from the seed, the regime and the tensor alone; its digest tells a second run
    that it drew the same numbers. The float64 contexts see the draws of float32.
    """
    drawn = [dtype for dtype in options.dtypes if dtype != "float64"] or ["float32"]
    return {
        "seed": options.seed,
        "tensors": [_tensor(tensor) for tensor in plan.tensors],
        "settings": {name: plain(_simple(value)) for name, value in plan.settings.items()},
        "thresholds": list(hints.thresholds),
        "draws": [
            {"regime": draw.regime, "dtype": dtype, "sha256": digest(draw)}
            for dtype in drawn
            for draw in draws(plan, dtype, options.seed, hints.thresholds)
        ],
    }


def digest(draw: Draw) -> str:
    """SHA-256 over the draw's arrays: name, dtype, shape and little-endian bytes of each."""
    found = hashlib.sha256()
    for name, array in sorted(draw.values.items()):
        data = np.ascontiguousarray(array)
        found.update(f"{name} {data.dtype.name} {data.shape}\n".encode())
        found.update(data.astype(data.dtype.newbyteorder("<")).tobytes())
    return found.hexdigest()


def _tensor(tensor: Tensor) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "role": tensor.role,
        "dtype": tensor.dtype,
        "shape": list(tensor.shape),
        "kind": tensor.kind,
        "low": plain(float(tensor.low)),
        "high": plain(float(tensor.high)),
        "open_ends": tensor.open_ends,
        "given": tensor.given,
    }


def _simple(value: Any) -> Any:
    """The value where JSON has it, else how Python writes it."""
    known = isinstance(value, _PLAIN) or value is None
    return value if known else repr(value)


_PLAIN = (str, int, float, bool, list, tuple, dict)
