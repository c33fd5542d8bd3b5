"""What a verification is asked with: programs, hints and options, and their JSON form."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lossfix.rules.contracts import CONTRACTS, Contract


@dataclass(frozen=True, slots=True)
class Program:
    """One version of a loss: the text of its module and the function in it.

    `function` is "f", "Class.method" or "outer.inner". `path` is where the text comes from; imports
    of neighbouring modules are resolved from there, and messages name it; where it is relative, it
    is so to `folder`. `arguments` are for the class or the outer function that the loss is in.
    """

    text: str
    path: str
    function: str
    folder: str = field(default_factory=os.getcwd)
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """The whole path, whatever folder the process that asks is in."""
        return os.path.abspath(os.path.join(self.folder, self.path))


@dataclass(frozen=True, slots=True)
class Hints:
    """What the static graph knows about the loss; all of it optional.

    `thresholds` are constants that predictions are compared with, in the predictions' own units.
    `roles` maps a parameter to "prediction", "label" or "setting", `ranges` to the closed interval
    that its values lie in.
    """

    thresholds: tuple[float, ...] = ()
    roles: Mapping[str, str] = field(default_factory=dict)
    at_root: bool = True
    sharpness: float | None = None
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Options:
    """How to run. `inputs` holds specs such as 'y_pred=float32[8,10] in (0,1)'.

    `timeout_s` is wall time for one verification, `memory_mb` the address space of its process
    (not limited on a GPU). `sandbox` "auto" puts up every fence that the system has, "require"
    raises NoSandbox where one is missing, "off" leaves the limits alone.
    """

    device: str = "auto"  # "auto", "cpu" or "gpu"
    seed: int = 0
    inputs: tuple[str, ...] = ()
    timeout_s: float = 120.0
    memory_mb: int = 6144
    modes: tuple[str, ...] = ("eager", "graph", "xla")
    dtypes: tuple[str, ...] = ("float32", "bfloat16", "float16", "float64")
    sandbox: str = "auto"  # "require", "auto" or "off"


def hints_as_json(hints: Hints) -> dict[str, Any]:
    return {
        "thresholds": list(hints.thresholds),
        "roles": dict(hints.roles),
        "at_root": hints.at_root,
        "sharpness": hints.sharpness,
        "ranges": {name: list(ends) for name, ends in hints.ranges.items()},
    }


def hints_from_json(data: Mapping[str, Any]) -> Hints:
    return Hints(
        tuple(float(t) for t in data["thresholds"]),
        {str(k): str(v) for k, v in data["roles"].items()},
        bool(data["at_root"]),
        data["sharpness"],
        {str(k): (float(low), float(high)) for k, (low, high) in data["ranges"].items()},
    )


def options_from_json(data: Mapping[str, Any]) -> Options:
    lists = {key: tuple(data[key]) for key in ("inputs", "modes", "dtypes")}
    return Options(**{**data, **lists})


def contract_as_json(contract: Contract) -> dict[str, Any]:
    return {"name": contract.name, "fields": asdict(contract)}


def contract_from_json(data: Mapping[str, Any]) -> Contract:
    """The contract that `contract_as_json` wrote; a ValueError for a name that is none of them."""
    for kind in CONTRACTS:
        if kind.name == data["name"]:
            return kind(**data["fields"])
    raise ValueError(f"no contract is called {data['name']!r}")
