"""Which framework a worker runs losses with, by name."""

from __future__ import annotations

import importlib
from typing import Any

TENSORFLOW = "tensorflow"
STEADY = "steady"
"""A mode beside the modes that are judged: what eager gives, by a shorter way where there is one.

It is for the many runs around an input that only measure how far a result moves.
"""


def framework_named(name: str) -> Any:
    """The module that runs losses with a framework; it imports that framework."""
    return importlib.import_module(f"lossfix.verify.frameworks.{name}")
