"""The bench: one pair of losses, its inputs, and every context they can be run in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lossfix.verify.conventions import LABEL, PREDICTION
from lossfix.verify.inputs import HOW, WIDTH, InputError, Plan, comment_specs, plans
from lossfix.verify.load import Loaded
from lossfix.verify.numerics import Array, neighbour
from lossfix.verify.oracle import Oracle
from lossfix.verify.regimes import Draw, Values, draw, regime_named
from lossfix.verify.request import Hints, Options
from lossfix.verify.results import Result, RunError
from lossfix.verify.widths import width_in


class Run(Protocol):
    """A loss in one context. Both raise RunError for what the loss or the framework raises."""

    def __call__(self, values: Mapping[str, NDArray[np.generic]]) -> Result: ...

    def steady(self, values: Mapping[str, NDArray[np.generic]]) -> Result:
        """What an eager run gives, by a shorter way where there is one."""
        ...


MakeRun = Callable[..., Run]
_RECENT = 160  # results that are kept: as many as a dtype has draws, in it and in float64

Change = Callable[[Callable[..., Any]], Callable[..., Any]]


class NoInputsError(Exception):
    """No inputs were found on which the original runs."""


@dataclass(frozen=True)
class Around:
    """How the original behaves at a draw and beside it; arrays like the result's, by name.

    `spread` is how much the result moves when the predictions move by one ulp of the draw's
    dtype; `noise` is the largest error of the original in that dtype at the draw and beside it.
    """

    spread: Mapping[str, Array]
    noise: Mapping[str, Array]


@dataclass(frozen=True)
class Reference:
    """The original in float64 at one draw, and how far it can be trusted.

    Where the original does not run in float64, its result in the draw's dtype stands in. What is
    around the draw takes several runs, and is measured when it is first asked for.
    """

    result: Result
    wide: bool  # False: the original does not run in float64, and this is it in its dtype
    measure: Callable[[], Around]

    @cached_property
    def _around(self) -> Around:
        return self.measure()

    @property
    def spread(self) -> Mapping[str, Array]:
        return self._around.spread

    @property
    def noise(self) -> Mapping[str, Array]:
        return self._around.noise


@dataclass
class Bench:
    """Runs the pair. "before" and "after" are the texts as they are; "wide ..." are in float64."""

    loaded: dict[str, Loaded]
    make_run: MakeRun
    plan: Plan
    device: str
    seed: int
    oracle: Oracle | None = None
    searched: list[Draw] = field(default_factory=list)  # of float32, found by following gradients
    _runs: dict[tuple[str, str, str], Run] = field(default_factory=dict)
    _recent: dict[tuple[Any, ...], Result] = field(default_factory=dict)  # of eager originals
    _references: dict[int, tuple[Draw, Reference | None]] = field(default_factory=dict)

    @property
    def differentiated(self) -> tuple[str, ...]:
        return differentiated(self.plan)

    def run(self, which: str, mode: str, dtype: str, values: Mapping[str, Any]) -> Result:
        """One run; in float64 the widened text is taken. Raises RunError.

        The original's eager runs are kept for a while: its reference asks for the same ones.
        """
        if mode != "eager" or which != "before":
            return self._runner(which, mode, dtype)(values)
        key = (dtype, *((name, _content(value)) for name, value in values.items()))
        if key not in self._recent:
            if len(self._recent) >= _RECENT:
                self._recent.pop(next(iter(self._recent)))
            self._recent[key] = self._runner(which, mode, dtype)(values)
        return self._recent[key]

    def _runner(self, which: str, mode: str, dtype: str) -> Run:
        if dtype == "float64":
            which = f"wide {which}"
        key = (which, mode, dtype)
        if key not in self._runs:
            if which not in self.loaded:
                raise RunError("the loss cannot be loaded in float64")
            self._runs[key] = self.make_run(
                self.loaded[which].function,
                self.plan.settings,
                self.differentiated,
                mode,
                dtype,
                self.device,
                wide=dtype == "float64",
            )
        return self._runs[key]

    def try_run(self, which: str, mode: str, dtype: str, draw: Draw) -> Result | None:
        try:
            return self.run(which, mode, dtype, draw.values)
        except RunError:
            return None

    def run_as(
        self, change: Change, which: str, mode: str, dtype: str, draw: Draw
    ) -> Result | None:
        """One run of what `change` makes of a loss; None where that fails."""
        which = f"wide {which}" if dtype == "float64" else which
        if which not in self.loaded:
            return None
        function = change(self.loaded[which].function)
        names = self.plan.settings, self.differentiated
        try:
            run = self.make_run(function, *names, mode, dtype, self.device, wide=dtype == "float64")
            return run(draw.values)
        except RunError:
            return None

    def reference(self, draw: Draw) -> Reference | None:
        """The original in float64 at `draw`; None where it does not run."""
        known = self._references.get(id(draw))
        if known is None:
            known = (draw, self._measure(draw))
            self._references[id(draw)] = known
        return known[1]

    def truth(self, draw: Draw) -> Result | None:
        """The original over the reals at `draw`; None without an oracle or beyond its reach."""
        return self.oracle.truth(draw) if self.oracle is not None else None

    def _measure(self, draw: Draw) -> Reference | None:
        for dtype in ("float64", draw.dtype):
            exact = self.try_run("before", "eager", dtype, draw)
            if exact is not None:
                around = partial(self._around, draw, dtype, exact)
                return Reference(exact, dtype == "float64", around)
        return None

    def _around(self, draw: Draw, dtype: str, exact: Result) -> Around:
        spread = {k: np.zeros_like(v) for k, v in arrays(exact).items()}
        noise = {k: np.zeros_like(v) for k, v in arrays(exact).items()}
        _widen(noise, exact, self.try_run("before", "eager", draw.dtype, draw))
        rng = np.random.default_rng((self.seed, 7))
        for number in range(4):
            beside = Draw(draw.regime, draw.dtype, self._beside(draw, rng, number))
            moved = self._try_steady(dtype, beside)
            _widen(spread, exact, moved)
            if moved is not None and number < 2:
                near = self._try_steady(draw.dtype, beside)
                _widen(noise, moved, near)
        return Around(spread, noise)

    def _try_steady(self, dtype: str, draw: Draw) -> Result | None:
        try:
            return self._runner("before", "graph", dtype).steady(draw.values)
        except RunError:
            return None

    def _beside(self, draw: Draw, rng: np.random.Generator, number: int) -> Values:
        values = dict(draw.values)
        for name in self.differentiated:
            array = np.asarray(values[name], dtype=np.float64)
            signs = rng.choice([-1.0, 1.0], array.shape) if number > 1 else np.ones(array.shape)
            direction = signs if number != 1 else -signs
            values[name] = neighbour(array, draw.dtype, np.asarray(direction))
        return values


def _content(value: Any) -> tuple[Any, ...]:
    array = np.asarray(value)
    return array.shape, array.dtype.str, array.tobytes()


def arrays(result: Result) -> dict[str, Array]:
    """Value and gradients by name; a missing gradient is left out."""
    found = {"value": result.value}
    found.update({k: g for k, g in result.gradients.items() if g is not None})
    return found


def _widen(into: dict[str, Array], a: Result, b: Result | None) -> None:
    """Raises each array of `into` to |a - b|; not finite or missing counts as infinite."""
    others = {} if b is None else arrays(b)
    for name, array in arrays(a).items():
        if name not in into:
            continue
        other = others.get(name)
        if other is None or other.shape != into[name].shape:
            into[name] = np.full_like(into[name], np.inf)
            continue
        with np.errstate(all="ignore"):
            distance = np.where(array == other, 0.0, np.abs(array - other))
        distance = np.where(np.isnan(distance), np.inf, distance)
        into[name] = np.maximum(into[name], distance)


def differentiated(plan: Plan) -> tuple[str, ...]:
    return tuple(t.name for t in plan.tensors if t.role == PREDICTION and t.dtype == "float")


def find_plan(loaded: Loaded, make_run: MakeRun, hints: Hints, options: Options) -> Plan:
    """The first plan on which the original runs well: finite, and with a gradient.

    Raises NoInputsError, saying what was tried and the last error, and InputError for a bad spec.
    """
    specs = _for_loss(options.inputs, loaded) or _specs_in(loaded)
    best: tuple[int, Plan] | None = None
    tried: list[str] = []
    last = ""
    width = width_in(loaded.text) or loaded.classes
    for plan in plans(loaded.signature, hints, specs, width):
        if not differentiated(plan):
            continue
        kinds = _kinds(plan)
        outcomes = [(k, *_score(loaded, make_run, plan.with_kinds(k), options.seed)) for k in kinds]
        tried.append(str(plan))
        for kind, score, error in outcomes:
            last = error or last
            if score and (best is None or score > best[0]):
                best = (score, plan.with_kinds(kind))
        if best is not None and (best[0] >= 3 or (best[0] == 2 and len(tried) >= 7)):
            break
    if best is None:
        if not tried:
            raise NoInputsError(f"the loss takes no tensor that could be a prediction; {HOW}")
        shown = "; ".join(dict.fromkeys(tried[:3]))
        raise NoInputsError(
            f"the original runs on none of {len(tried)} kinds of inputs "
            f"(tried {shown}, ...); the last error was {last}; {HOW}"
        )
    return _wider(best[1], best[0], loaded, make_run, options.seed)


def _wider(plan: Plan, score: int, loaded: Loaded, make_run: MakeRun, seed: int) -> Plan:
    """The plan with another axis for each prediction that the original runs as well with.

    A loss that reduces one of its predictions and not another runs where all are rows, and then
    no axis of it is told from the next. One that broadcasts them takes no other shape.
    """
    for tensor in reversed(plan.tensors):  # a set of others comes after what it is compared with
        if tensor.given or tensor.role != PREDICTION or tensor.dtype != "float":
            continue
        if len(tensor.shape) != 1 or len(plan.tensors) < 3:
            continue
        wider = replace(tensor, shape=(*tensor.shape, WIDTH))
        tensors = tuple(wider if t is tensor else t for t in plan.tensors)
        other = replace(plan, tensors=tensors)
        if _score(loaded, make_run, other, seed)[0] >= score:
            plan = other
    return plan


def _for_loss(specs: tuple[str, ...], loaded: Loaded) -> tuple[str, ...]:
    """The specs without what the loss's class or outer function has taken for itself."""
    taken = loaded.taken - set(loaded.signature.parameters)
    return tuple(spec for spec in specs if spec.partition("=")[0].strip() not in taken)


def _specs_in(loaded: Loaded) -> tuple[str, ...]:
    code = getattr(loaded.function, "__code__", None)
    if code is None:
        code = getattr(getattr(loaded.function, "__func__", None), "__code__", None)
    if code is None:
        return ()
    first = code.co_firstlineno
    last = max((line for *_, line in code.co_lines() if line), default=first)
    lines = loaded.text.splitlines()
    while first > 1 and lines[first - 2].lstrip().startswith("#"):
        first -= 1
    return comment_specs(loaded.text, first, last + 1)


def _kinds(plan: Plan) -> list[dict[str, str]]:
    """What predictions and labels may be, widest first."""
    choices = [
        {PREDICTION: "any", LABEL: "any"},
        {PREDICTION: "any", LABEL: "binary"},
        {PREDICTION: "probability", LABEL: "any"},
        {PREDICTION: "probability", LABEL: "binary"},
        {PREDICTION: "probability", LABEL: "probability"},
    ]
    found: list[dict[str, str]] = []
    for choice in choices:
        for tensor in plan.tensors:
            if tensor.role == PREDICTION and tensor.kind in ("real", "probability"):
                if choice[PREDICTION] not in ("any", tensor.kind):
                    break
                choice = {**choice, PREDICTION: tensor.kind}
            if tensor.role == LABEL and tensor.kind not in ("any",):
                choice = {**choice, LABEL: tensor.kind}
        else:
            if choice not in found:
                found.append(choice)
    return found


def _score(loaded: Loaded, make_run: MakeRun, plan: Plan, seed: int) -> tuple[int, str]:
    """3: finite, with a gradient that is not 0, on every ordinary regime; 2: finite; 1: runs; 0."""
    run = make_run(loaded.function, plan.settings, differentiated(plan), "eager", "float32")
    names = ["typical"]
    kinds = {t.role: t.kind for t in plan.tensors if not t.given}
    if kinds.get(PREDICTION) in ("any", "real"):
        names = ["typical reals"] + (["typical"] if kinds[PREDICTION] == "any" else [])
    if kinds.get(LABEL) == "any" and kinds.get(PREDICTION) in ("any", "real"):
        names.append("real labels")
    score = 3
    for name in names:
        try:
            result = run(draw(plan, regime_named(name), "float32", seed).values)
        except RunError as error:
            return 0, str(error)
        if not np.isfinite(result.value).all():
            score = min(score, 1)
        elif not result.gradients_finite or not np.any(result.flat_gradient()):
            score = min(score, 2)
    return score, ""


__all__ = [
    "Bench",
    "InputError",
    "NoInputsError",
    "Reference",
    "RunError",
    "arrays",
    "differentiated",
    "find_plan",
]
