"""What running a loss has in common, whichever framework runs it."""

from __future__ import annotations

import contextlib
from types import ModuleType

import numpy as np


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
