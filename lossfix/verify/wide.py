"""Loading a loss in float64, beside the loss as it is."""

from __future__ import annotations

import contextlib

from lossfix.verify.load import Loaded, LoadError, load
from lossfix.verify.request import Program
from lossfix.verify.widen import widen


def load_wide(loaded: dict[str, Loaded], name: str, program: Program, scratch: str) -> None:
    """Adds "wide NAME"; a text that does not load in float64 is judged without one."""
    from lossfix.verify.frameworks.tensorflow import keras_float

    with contextlib.suppress(LoadError, SyntaxError), keras_float("float64"):
        loaded[f"wide {name}"] = load(program, scratch, widen)
