"""Floating-point formats: what a real number becomes in float16, bfloat16, float32 and float64.

Muller et al., Handbook of Floating-Point Arithmetic, 2018, doi 10.1007/978-3-319-76526-6.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Format:
    """A binary format, rounding to nearest, ties to even.

    `tiny` is its smallest positive number that arithmetic keeps: TensorFlow's kernels flush the
    subnormal numbers of float32 and bfloat16 to 0, and compute float16 in float32.
    """

    name: str
    precision: int  # binary digits, the hidden one included
    lowest: int  # the exponent of the last digit of a subnormal number
    tiny: float
    largest: float

    @property
    def unit(self) -> float:
        """The unit roundoff: half the distance from 1 to the next number."""
        return math.ldexp(1.0, -self.precision)

    def nearest(self, value: float) -> float:
        """`value` as the format holds it; NaN and infinities as they are."""
        if value == 0.0 or value - value != 0.0 or self.precision == _DOUBLE:
            return value
        if abs(value) > 2.0 * self.largest:
            return math.copysign(math.inf, value)
        exponent = max(math.frexp(value)[1] - self.precision, self.lowest)
        rounded = math.ldexp(round(math.ldexp(value, -exponent)), exponent)
        return math.copysign(math.inf, value) if abs(rounded) > self.largest else rounded

    def after(self, value: float) -> float:
        """The next number above a finite `value` of the format."""
        if value == 0.0:
            return self.tiny
        if self.precision == _DOUBLE:
            return math.nextafter(value, math.inf)
        digits, exponent = math.frexp(value)
        exponent -= 1 if digits == -0.5 else 0  # below a power of two the numbers lie denser
        step = math.ldexp(1.0, max(exponent - self.precision, self.lowest))
        return math.inf if value >= self.largest else value + step

    def before(self, value: float) -> float:
        """The next number below a finite `value` of the format."""
        return -self.after(-value)


_DOUBLE = 53

FLOAT16 = Format("float16", 11, -24, 2.0**-24, 65504.0)
BFLOAT16 = Format("bfloat16", 8, -133, 2.0**-126, (2.0 - 2.0**-7) * 2.0**127)
FLOAT32 = Format("float32", 24, -149, 2.0**-126, (2.0 - 2.0**-23) * 2.0**127)
FLOAT64 = Format("float64", _DOUBLE, -1074, 2.0**-1022, (2.0 - 2.0**-52) * 2.0**1023)

INTEGER = Format("integer", _DOUBLE, 0, 1.0, 2.0**64)  # int8 to uint64: nothing is rounded

FORMATS: Mapping[str, Format] = {
    "float16": FLOAT16,
    "half": FLOAT16,
    "bfloat16": BFLOAT16,
    "float32": FLOAT32,
    "float64": FLOAT64,
    "double": FLOAT64,
}
