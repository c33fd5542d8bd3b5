"""Loading a loss in float64, beside the loss as it is."""

from __future__ import annotations

import contextlib
from typing import Any

from lossfix.verify.load import Loaded, LoadError, load
from lossfix.verify.request import Program
from lossfix.verify.widen import widen


def load_wide(
    loaded: dict[str, Loaded], name: str, program: Program, scratch: str, framework: Any
) -> None:
    """Adds "wide NAME"; a text that does not load in float64 is judged without one."""
    with contextlib.suppress(LoadError, SyntaxError), framework.keras_float("float64"):
        loaded[f"wide {name}"] = load(program, scratch, widen)
