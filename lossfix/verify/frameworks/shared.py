"""What running a loss has in common, whichever framework runs it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

_NEXT_TO_NOTHING = 1e-300


def versions_with(framework: ModuleType) -> dict[str, str]:
    """Versions of a framework, of NumPy, and of Keras where it is installed, by name."""
    found = {framework.__name__: str(framework.__version__), "numpy": str(np.__version__)}
    with contextlib.suppress(ImportError):
        import keras

        found["keras"] = str(keras.__version__)
    return found


def warm() -> None:
    """Imports what most losses import; computes nothing, so that the process may still fork."""
    with contextlib.suppress(ImportError):
        import keras  # noqa: F401


def without_epsilon(function: Callable[..., Any]) -> Callable[..., Any]:
    """A loss in which the epsilon that Keras puts into its own functions is next to nothing."""

    def bare(**inputs: Any) -> Any:
        try:
            from keras import config
        except ImportError:
            return function(**inputs)
        before = config.epsilon()
        config.set_epsilon(_NEXT_TO_NOTHING)
        try:
            return function(**inputs)
        finally:
            config.set_epsilon(before)

    return bare
