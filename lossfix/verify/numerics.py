"""Floating-point formats as numpy sees them: rounding, neighbours, ulps and bits of error.

Numbers of every format travel as float64 arrays, which hold them all exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Format:
    """A binary floating-point format."""

    name: str
    eps: float  # distance from 1 to the next number
    largest: float
    smallest_normal: float
    bits: int


FORMATS: Final = {
    "float64": Format("float64", 2.0**-52, 1.7976931348623157e308, 2.0**-1022, 64),
    "float32": Format("float32", 2.0**-23, 3.4028234663852886e38, 2.0**-126, 32),
    "bfloat16": Format("bfloat16", 2.0**-7, 3.3895313892515355e38, 2.0**-126, 16),
    "float16": Format("float16", 2.0**-10, 65504.0, 2.0**-14, 16),
}


NARROW: Final = frozenset({"bfloat16", "float16"})


def rounded(array: Array, dtype: str) -> Array:
    """`array` rounded to `dtype`, to nearest and ties to even."""
    with np.errstate(over="ignore"):
        if dtype == "bfloat16":
            return _bfloat16(array.astype(np.float32)).astype(np.float64)
        return np.asarray(array.astype(np.dtype(dtype)), dtype=np.float64)


def held(array: Array, dtype: str) -> Array:
    """`array` rounded to `dtype`, and to its largest number what is beyond it."""
    largest = FORMATS[dtype].largest
    return rounded(np.clip(array, -largest, largest), dtype)


def _bfloat16(array: NDArray[np.float32]) -> NDArray[np.float32]:
    bits = array.view(np.uint32).astype(np.int64)
    kept = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    result = kept.astype(np.uint32).view(np.float32)
    return np.where(np.isnan(array), array, result)


def neighbour(array: Array, dtype: str, direction: Array) -> Array:
    """The next number of `dtype` above (direction > 0) or below; `array` must be rounded to it."""
    if dtype == "bfloat16":
        narrow = array.astype(np.float32)
        tiny = np.float32(2.0**-133)
        step = np.where(direction > 0, 1, -1) * np.where(narrow >= 0, 1, -1)
        bits = narrow.view(np.uint32).astype(np.int64) + 0x10000 * step
        moved = (bits & 0xFFFFFFFF).astype(np.uint32).view(np.float32)
        moved = np.where(narrow == 0, np.where(direction > 0, tiny, -tiny), moved)
        return np.asarray(moved, dtype=np.float64)
    kind = np.dtype(dtype)
    towards = np.where(direction > 0, np.inf, -np.inf).astype(kind)
    return np.asarray(np.nextafter(array.astype(kind), towards), dtype=np.float64)


def ulp(array: Array, dtype: str) -> Array:
    """The spacing of `dtype` at each number, that of the smallest normal below it."""
    form = FORMATS[dtype]
    size = np.clip(np.nan_to_num(np.abs(array)), form.smallest_normal, form.largest)
    return np.asarray(np.exp2(np.floor(np.log2(size))) * form.eps)


def error_ulps(result: Array, reference: Array, dtype: str) -> float | None:
    """Worst error in ulps of the reference; infinite where a finite number came out as none."""
    bits = error_bits(result, reference, dtype)
    if bits is None:
        return None
    return float("inf") if bits >= FORMATS[dtype].bits else float(2.0**bits - 1.0)


def error_bits(result: Array, reference: Array, dtype: str) -> float | None:
    """Worst bits of error, log2(1 + ulps), over elements whose reference is finite.

    A result that is not finite where the reference is has all its bits wrong. None where no
    element can be judged.
    """
    form = FORMATS[dtype]
    with np.errstate(all="ignore"):
        judged = np.isfinite(reference) & (np.abs(reference) <= form.largest)
        if not judged.any() or result.shape != reference.shape:
            return None
        # below one normal ulp of the largest element an error moves no training step
        unit = np.maximum(ulp(reference, dtype), form.eps * 1e-6)
        ulps = np.abs(result - reference) / unit
        bits = np.log2(1.0 + ulps)
    bits = np.where(np.isfinite(result) & np.isfinite(bits), bits, form.bits)
    return float(min(np.max(bits[judged]), form.bits))
