"""The oracle: a whole loss over the reals, by mpmath, from its graph.

What the graph does not know, such as a call into another package, leaves the loss without one. The
float64 run of the same text must agree on ordinary inputs before the oracle is believed.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mpmath import mp

from lossfix.graph.module import lift_module
from lossfix.graph.nodes import CONST, FREE, INPUT, Node, Unit
from lossfix.graph.vocabulary import OPS
from lossfix.verify.conventions import PREDICTION
from lossfix.verify.inputs import Plan
from lossfix.verify.load import Loaded
from lossfix.verify.numerics import Array
from lossfix.verify.reals import DIGITS, Dual, UnknownOpError, agree, apply, variable
from lossfix.verify.regimes import Draw
from lossfix.verify.results import Result

REACH = 1000.0  # beyond it exp spans more digits than are worked with
_AGREED = 25  # digits in which two precisions must agree
_BELIEVED = 1e-7  # relative distance to the float64 run on ordinary inputs
_SAME = frozenset({"identity", "to_numpy", "variable", "to_float"})


class NoOracleError(Exception):
    """The loss cannot be evaluated over the reals; the message says what stands in the way."""


@dataclass
class Oracle:
    """One loss over the reals. `settings` are the values of what is no tensor."""

    unit: Unit
    plan: Plan
    settings: Mapping[str, Any]
    _known: dict[int, tuple[Draw, Result | None]] = field(default_factory=dict)

    def truth(self, draw: Draw) -> Result | None:
        """Value and gradients at `draw`, rounded to float64; None beyond the oracle's reach."""
        if id(draw) not in self._known:
            self._known[id(draw)] = (draw, self._truth(draw))
        return self._known[id(draw)][1]

    def _truth(self, draw: Draw) -> Result | None:
        floats = [np.asarray(v, dtype=np.float64) for v in draw.values.values()]
        if any(v.size == 0 or np.max(np.abs(v)) > REACH for v in floats):
            return None
        previous: list[Any] | None = None
        for digits in DIGITS:
            with mp.workdps(digits):
                try:
                    found = self._evaluate(draw)
                except (UnknownOpError, NoOracleError, ValueError, IndexError, TypeError):
                    return None
                flat = [*found.values.flat, *found.slopes.flat]
                if previous is not None and agree(previous, flat, _AGREED):
                    return self._result(draw, found)
            previous = flat
        return None

    def _evaluate(self, draw: Draw) -> Dual:
        names = [t.name for t in self.plan.tensors if t.role == PREDICTION and t.dtype == "float"]
        total = sum(int(np.size(draw.values[n])) for n in names)
        known: dict[int, Dual] = {}
        start = 0
        for name, node in self.unit.inputs.items():
            if name in draw.values:
                value = np.asarray(draw.values[name], dtype=np.float64)
                place = start if name in names else None
                known[node.number] = variable(value, total, place)
                start += value.size if name in names else 0
            elif isinstance(self.settings.get(name), int | float):
                known[node.number] = variable(np.asarray(float(self.settings[name])), total, None)
        return _Walk(known, total, self.settings).of(self.unit.results[0])

    def _result(self, draw: Draw, found: Dual) -> Result:
        whole = found.slopes.reshape(-1, found.slopes.shape[-1]).sum(axis=0)
        gradients: dict[str, Array | None] = {}
        start = 0
        for name in self.unit.inputs:
            tensor = next((t for t in self.plan.tensors if t.name == name), None)
            if tensor is None or tensor.role != PREDICTION or tensor.dtype != "float":
                continue
            shape = np.shape(draw.values[name])
            size = int(np.prod(shape))
            gradients[name] = _floats(whole[start : start + size]).reshape(shape)
            start += size
        return Result(_floats(found.values), gradients)


class _Walk:
    """Evaluates a graph, each value once, in mpmath's present precision."""

    def __init__(
        self, known: dict[int, Dual], total: int, settings: Mapping[str, Any] | None = None
    ) -> None:
        self.known = known
        self.total = total
        self.settings = settings or {}

    def of(self, node: Node) -> Dual:
        if node.number not in self.known:
            self.known[node.number] = self._fresh(node)
        return self.known[node.number]

    def _fresh(self, node: Node) -> Dual:
        if node.op == CONST and isinstance(node.value, bool | int | float):
            return variable(np.asarray(float(node.value)), self.total, None)
        if node.op in (FREE, INPUT) and node.name in self.settings:
            return variable(np.asarray(float(self.settings[node.name])), self.total, None)
        if node.unsure or node.op not in OPS:
            raise NoOracleError(f"the graph does not know {node.name or node.op}")
        args = [self.of(arg) for arg in node.args]
        attrs = {**OPS[node.op].defaults, **node.attrs}
        if node.op in _SAME:
            return args[0]
        return apply(node.op.removeprefix("np_"), args, attrs, self.total)


def oracle_of(loaded: Loaded, function: str, plan: Plan) -> Oracle:
    """The oracle of a loss; raises NoOracleError with what the graph does not know."""
    unit = lift_module(ast.parse(loaded.text)).unit(function)
    if unit is None or len(unit.results) != 1:
        raise NoOracleError("the graph does not see one result")
    settings = {
        name: parameter.default
        for name, parameter in loaded.signature.parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }
    settings.update(plan.settings)
    settings.update(_held(loaded.function))
    given = {t.name for t in plan.tensors} | set(settings)
    for node in unit.results[0].walk():
        if node.op in (INPUT, FREE) and node.name in given:
            continue
        if node.op == CONST or (node.op in OPS and not node.unsure):
            continue
        raise NoOracleError(f"the graph does not know {_shown(node)}")
    return Oracle(unit, plan, settings)


def _held(function: Callable[..., Any]) -> dict[str, float]:
    """The numbers that a loss has from its object, as `self.x`, and from an outer function."""
    owner = getattr(function, "__self__", None)
    found = {f"self.{k}": v for k, v in getattr(owner, "__dict__", {}).items()}
    inner = inspect.unwrap(getattr(function, "__func__", function))
    if inspect.isfunction(inner):
        found.update(inspect.getclosurevars(inner).nonlocals)
    return {name: float(v) for name, v in found.items() if type(v) in (int, float)}


def believed(true: Result | None, wide: Result | None) -> bool:
    """Whether an oracle and a float64 run agree, as they must on ordinary inputs."""
    if true is None or wide is None or true.value.shape != wide.value.shape:
        return False
    if not _near(true.value, wide.value):
        return False
    pairs = [(g, wide.gradients.get(n)) for n, g in true.gradients.items()]
    return all(w is None or (g is not None and _near(g, w)) for g, w in pairs)


def _near(a: Array, b: Array) -> bool:
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False
    return bool(np.all(np.abs(a - b) <= _BELIEVED * np.max(np.abs(a), initial=1e-300)))


def _floats(array: Any) -> Array:
    return np.asarray(np.vectorize(float, otypes=[np.float64])(array), dtype=np.float64)


def _shown(node: Node) -> str:
    if node.origin is not None:
        return f"`{' '.join(ast.unparse(node.origin.code).split())[:60]}`"
    return node.name or node.op
