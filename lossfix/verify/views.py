"""Views: which entries of an array an op takes, as the frameworks have it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

VIEWS: Mapping[str, Callable[..., Any]] = {
    "reshape": lambda x, attrs: np.reshape(x, attrs["shape"]),
    "squeeze": lambda x, attrs: np.squeeze(x, attrs["axis"]),
    "expand_dims": lambda x, attrs: np.expand_dims(x, attrs["axis"]),
    "tile": lambda x, attrs: np.tile(x, attrs["multiples"]),
    "column": lambda x, attrs: x[:, attrs["index"]],
    "column_kept": lambda x, attrs: x[:, attrs["index"] : attrs["index"] + 1],
    "gather": lambda x, indices, attrs: np.take(x, indices, axis=attrs["axis"] or 0),
    "gather_nd": lambda x, indices, attrs: x[tuple(np.moveaxis(indices, -1, 0))],
    "boolean_mask": lambda x, mask, attrs: x[mask.astype(bool)],
    "take": lambda x, indices, attrs: np.take(x, indices, axis=attrs["axis"]),
    "take_along_axis": lambda x, indices, attrs: np.take_along_axis(x, indices, attrs["axis"]),
}
"""Each is given the array, the other arguments as integers, and the attributes."""
