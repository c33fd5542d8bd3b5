"""Which framework a worker runs losses with, by name."""

from __future__ import annotations

import importlib
from typing import Any

TENSORFLOW = "tensorflow"


def framework_named(name: str) -> Any:
    """The module that runs losses with a framework; it imports that framework."""
    return importlib.import_module(f"lossfix.verify.frameworks.{name}")
