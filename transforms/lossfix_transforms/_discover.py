"""Finding the catalogue's rules: every module below this package has one `RULE`."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from lossfix.rules.rule import Rule

_PACKAGE = __name__.rpartition(".")[0]


def discover() -> tuple[Rule, ...]:
    """Every rule of the catalogue, by code."""
    folder = str(Path(__file__).parent)
    names = [
        found.name
        for found in pkgutil.walk_packages([folder], prefix=f"{_PACKAGE}.")
        if not found.ispkg and not found.name.endswith("_discover")
    ]
    modules = [importlib.import_module(name) for name in names]
    rules = [module.RULE for module in modules if hasattr(module, "RULE")]
    return tuple(sorted(rules, key=lambda rule: rule.code))
