"""Terms over the reals: value and derivative by mpmath, at a precision raised until stable.

Forward mode with one dual part for each entry of the sample: small samples, exact derivatives.
Griewank, Walther: Evaluating Derivatives, 2008, doi 10.1137/1.9780898717761.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
from mpmath import mp, mpf
from numpy.typing import NDArray

from lossfix.graph.nodes import Dynamic
from lossfix.graph.vocabulary import OPS
from lossfix.rules.terms import Apply, AttrVar, Bind, Const, Sharpness, Term, Var
from lossfix.verify.views import VIEWS

Array = NDArray[np.object_]
DIGITS = (250, 500, 1000)  # exp(400) alone spans 174
_AGREED = 30  # digits in which two precisions must agree


@dataclass(frozen=True, eq=False, slots=True)
class Dual:
    """Values and their derivatives, one along the last axis of `slopes` for each entry."""

    values: Array
    slopes: Array
    lost: bool = False  # an op without a derivative stood in the way
    whole: bool = False  # cast to an integer: TensorFlow's mean of such is one as well
    fixed: bool = False  # computed from constants alone: every slope is 0


@dataclass(frozen=True, slots=True)
class Sample:
    """What the variables and attributes of a term stand for. Values are floats or integers."""

    values: Mapping[str, NDArray[np.float64]]
    attrs: Mapping[str, Any]
    sharpness: float = 10.0


@dataclass(frozen=True, eq=False, slots=True)
class Real:
    """A term at a sample: its value, its gradient by variable, and whether one was lost."""

    value: Array
    gradients: Mapping[str, Array]
    lost: bool

    @property
    def finite(self) -> bool:
        return all(mpmath.isfinite(v) for v in self.flat())

    def flat(self) -> list[Any]:
        """The value's entries and then the gradient's."""
        return [*self.value.flat, *(g for a in self.gradients.values() for g in a.flat)]


class UnknownOpError(Exception):
    """An op that cannot be evaluated over the reals."""


def evaluate(term: Term, sample: Sample) -> Real:
    """The value of a term and its gradient with respect to every variable.

    The gradient of a term with several entries is that of their sum with fixed weights, so that
    no two entries' derivatives can cancel.
    """
    previous: Real | None = None
    for digits in DIGITS:
        with mp.workdps(digits):
            found = _evaluate(term, sample)
        if previous is not None and agree(previous.flat(), found.flat(), _AGREED):
            return found
        previous = found
    assert previous is not None
    return previous


def agree(left: Sequence[Any], right: Sequence[Any], digits: int) -> bool:
    """Equal in so many digits, entry by entry; not finite is equal to not finite."""
    if len(left) != len(right):
        return False
    with mp.workdps(2 * DIGITS[-1]):
        limit, floor = mpf(10) ** -digits, mpf(10) ** (_AGREED - DIGITS[0])
        for a, b in zip(left, right, strict=True):
            if not (mpmath.isfinite(a) and mpmath.isfinite(b)):
                if mpmath.isfinite(a) != mpmath.isfinite(b):
                    return False
            elif abs(a - b) > max(limit * max(abs(a), abs(b)), floor):
                return False
    return True


def _evaluate(term: Term, sample: Sample) -> Real:
    sizes = {name: int(np.size(value)) for name, value in sample.values.items()}
    total = sum(sizes.values())
    env: dict[str, Dual] = {}
    start = 0
    for name, value in sample.values.items():
        env[name] = variable(value, total, start)
        start += sizes[name]
    result = _Evaluator(env, sample, total).of(term)
    weights = _exactly(1.0 + 0.25 * np.arange(result.values.size)).reshape(result.values.shape)
    whole = (weights[..., None] * result.slopes).reshape(-1, total).sum(axis=0)
    gradients: dict[str, Array] = {}
    start = 0
    for name, size in sizes.items():
        gradients[name] = np.array(whole[start : start + size], dtype=object)
        start += size
    return Real(np.array(result.values, dtype=object), gradients, result.lost)


def variable(value: Any, total: int, start: int | None) -> Dual:
    """An array whose entries are the derivatives' own variables from `start` on; None: constants.

    `total` is the number of all variables.
    """
    slopes = _zeros((*np.shape(value), total))
    if start is not None:
        size = int(np.size(value))
        slopes.reshape(size, total)[:, start : start + size] = _identity(size)
    return Dual(_exactly(value), slopes, fixed=start is None)


def apply(op: str, args: list[Dual], attrs: Mapping[str, Any], total: int) -> Dual:
    """One op of the vocabulary on values with derivatives; raises UnknownOpError."""
    return _Evaluator({}, Sample({}, {}), total).apply(op, args, attrs)


def _exactly(value: Any) -> Array:
    array = np.empty(np.shape(value), dtype=object)
    array[...] = np.vectorize(lambda v: mpf(float(v)), otypes=[object])(value)
    return array


def _zeros(shape: tuple[int, ...]) -> Array:
    array = np.empty(shape, dtype=object)
    array[...] = mpf(0)
    return array


def _identity(size: int) -> Array:
    array = _zeros((size, size))
    for index in range(size):
        array[index, index] = mpf(1)
    return array


class _Evaluator:
    """Evaluates one term at one sample, in mpmath's present precision."""

    def __init__(self, env: Mapping[str, Dual], sample: Sample, total: int) -> None:
        self.env = env
        self.sample = sample
        self.total = total

    def of(self, term: Term) -> Dual:
        if isinstance(term, Var):
            return self.env[term.name]
        if isinstance(term, Const):
            return self.number(term.value)
        if isinstance(term, Sharpness):
            return self.number(self.sample.sharpness)
        if isinstance(term, Bind):
            return self.of(term.term)
        assert isinstance(term, Apply)
        args = [self.of(arg) for arg in term.args]
        attrs = {**OPS[term.op].defaults, **{n: self.attr(v) for n, v in term.attrs}}
        unknown = next((v.text for v in attrs.values() if isinstance(v, Dynamic)), None)
        if unknown is not None:
            raise UnknownOpError(f"{unknown} is only known when the loss runs")
        return self.apply(term.op.removeprefix("np_"), args, attrs)

    def attr(self, value: object) -> Any:
        return self.sample.attrs.get(value.name) if isinstance(value, AttrVar) else value

    def number(self, value: float) -> Dual:
        return Dual(_exactly(value), _zeros((self.total,)), fixed=True)

    def apply(self, op: str, args: list[Dual], attrs: Mapping[str, Any]) -> Dual:
        if op in _UNARY:
            return self.unary(args[0], *_UNARY[op])
        if op in _BINARY:
            return self.binary(args[0], args[1], *_BINARY[op])
        if op in _STEPS:
            steps = np.vectorize(_STEPS[op], otypes=[object])
            values = np.asarray(steps(*(a.values for a in args)), dtype=object)
            lost = any(a.lost or a.slopes.any() for a in args)
            return Dual(values, _zeros((*values.shape, self.total)), lost)
        if op in _REDUCTIONS:
            return self.reduce(_REDUCTIONS[op], args[0], attrs)
        composed = _COMPOSED.get(op)
        if composed is None:
            raise UnknownOpError(f"{op} cannot be evaluated over the reals")
        return composed(self, args, attrs)

    def unary(self, arg: Dual, value: Callable[[Any], Any], slope: Callable[[Any], Any]) -> Dual:
        values = np.asarray(_mapped(value, arg.values), dtype=object)
        if arg.fixed:
            return Dual(values, arg.slopes, arg.lost, fixed=True)
        factor = np.asarray(_mapped(slope, arg.values), dtype=object)
        return Dual(values, factor[..., None] * arg.slopes, arg.lost)

    def binary(
        self,
        left: Dual,
        right: Dual,
        value: Callable[[Any, Any], Any],
        by_left: Callable[[Any, Any], Any],
        by_right: Callable[[Any, Any], Any],
    ) -> Dual:
        a, b = np.broadcast_arrays(left.values, right.values)
        shape = (*a.shape, self.total)
        parts = [
            _mapped(by, a, b)[..., None] * _stretched(one, shape)
            for one, by in ((left, by_left), (right, by_right))
            if not one.fixed
        ]
        slopes = sum(parts[1:], start=parts[0]) if parts else _zeros(shape)
        return Dual(_mapped(value, a, b), slopes, left.lost or right.lost, fixed=not parts)

    def reduce(self, how: str, arg: Dual, attrs: Mapping[str, Any]) -> Dual:
        axis, keepdims = attrs.get("axis"), bool(attrs.get("keepdims"))
        axes = _axes(axis, arg.values.ndim)
        count = math.prod(arg.values.shape[a] for a in axes)
        values = np.asarray(arg.values.sum(axis=axes, keepdims=keepdims), dtype=object)
        slopes = np.asarray(arg.slopes.sum(axis=axes, keepdims=keepdims), dtype=object)
        scale = mpf(1) / count if how == "mean" else mpf(1)
        scaled = _mapped(lambda v: v * scale, values)
        if how == "mean" and arg.whole:
            scaled = _mapped(lambda v: mpf(int(v)), scaled)
        return Dual(scaled, slopes * scale, arg.lost)


def _axes(axis: Any, rank: int) -> tuple[int, ...]:
    """The axes of a reduction, counted from the front; ValueError for one that is not there."""
    if axis is None:
        return tuple(range(rank))
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    if not all(-rank <= a < rank for a in axes):
        raise ValueError(f"there is no axis {axis} of {rank}")
    return tuple(a % rank for a in axes)


def _stretched(dual: Dual, shape: tuple[int, ...]) -> Array:
    missing = len(shape) - dual.slopes.ndim
    slopes = dual.slopes.reshape((1,) * missing + dual.slopes.shape)
    return np.broadcast_to(slopes, shape)


def _mapped(function: Callable[..., Any], *arrays: Array) -> Array:
    """Entry by entry; what has no value there is NaN."""

    def safely(*values: Any) -> Any:
        try:
            result = function(*values)
        except (ZeroDivisionError, ValueError, OverflowError):
            return mpf("nan")
        return mpf("nan") if isinstance(result, mpmath.mpc) else result

    return np.asarray(np.vectorize(safely, otypes=[object])(*arrays), dtype=object)


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def _log(x: Any) -> Any:
    return mpf("-inf") if x == 0 else mp.log(x)


def _over(a: Any, b: Any) -> Any:
    if b != 0:
        return a / b
    return mpf("nan") if a == 0 else mpf("inf") * mp.sign(a)


def _over_or_zero(a: Any, b: Any) -> Any:
    return a / b if b != 0 else mpf(0)


_UNARY: Mapping[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "neg": (lambda x: -x, lambda x: mpf(-1)),
    "exp": (mp.exp, mp.exp),
    "expm1": (lambda x: mp.exp(x) - 1, mp.exp),
    "log": (_log, lambda x: _over(mpf(1), x)),
    "log1p": (lambda x: _log(1 + x), lambda x: _over(mpf(1), 1 + x)),
    "sqrt": (mp.sqrt, lambda x: _over(mpf(1), 2 * mp.sqrt(x))),
    "square": (lambda x: x * x, lambda x: 2 * x),
    "abs": (abs, mp.sign),
    "relu": (lambda x: max(x, mpf(0)), lambda x: mpf(x > 0)),
    "sigmoid": (_sigmoid, lambda x: _sigmoid(x) * _sigmoid(-x)),
    "log_sigmoid": (lambda x: -mp.log1p(mp.exp(-x)), lambda x: _sigmoid(-x)),
    "softplus": (lambda x: mp.log1p(mp.exp(x)), _sigmoid),
    "tanh": (mp.tanh, lambda x: mp.sech(x) ** 2),
    "sinh": (mp.sinh, mp.cosh),
    "cosh": (mp.cosh, mp.sinh),
    "atanh": (mp.atanh, lambda x: _over(mpf(1), 1 - x * x)),
    "erf": (mp.erf, lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(-x * x)),
    "erfc": (mp.erfc, lambda x: -2 / mp.sqrt(mp.pi) * mp.exp(-x * x)),
    "sin": (mp.sin, mp.cos),
    "cos": (mp.cos, lambda x: -mp.sin(x)),
    "variable": (lambda x: x, lambda x: mpf(1)),
    "to_numpy": (lambda x: x, lambda x: mpf(1)),
}
_BINARY: Mapping[str, tuple[Callable[[Any, Any], Any], ...]] = {
    "add": (lambda a, b: a + b, lambda a, b: mpf(1), lambda a, b: mpf(1)),
    "sub": (lambda a, b: a - b, lambda a, b: mpf(1), lambda a, b: mpf(-1)),
    "mul": (lambda a, b: a * b, lambda a, b: b, lambda a, b: a),
    "div": (_over, lambda a, b: _over(mpf(1), b), lambda a, b: _over(-a, b * b)),
    "pow": (mp.power, lambda a, b: b * mp.power(a, b - 1), lambda a, b: mp.power(a, b) * _log(a)),
    "atan2": (
        mp.atan2,
        lambda y, x: _over(x, x * x + y * y),
        lambda y, x: _over(-y, x * x + y * y),
    ),
    "xlogy": (
        lambda a, b: a * _log(b) if a != 0 else mpf(0),
        lambda a, b: _log(b) if a != 0 or b > 0 else mpf(0),
        lambda a, b: _over(a, b) if a != 0 else mpf(0),
    ),
    "maximum": (max, lambda a, b: mpf(a >= b), lambda a, b: mpf(a < b)),
    "minimum": (min, lambda a, b: mpf(a <= b), lambda a, b: mpf(a > b)),
    "divide_no_nan": (
        _over_or_zero,
        lambda a, b: _over_or_zero(mpf(1), b),
        lambda a, b: _over_or_zero(-a, b * b),
    ),
}
_STEPS: Mapping[str, Callable[..., Any]] = {
    "greater": lambda a, b: a > b,
    "greater_equal": lambda a, b: a >= b,
    "less": lambda a, b: a < b,
    "less_equal": lambda a, b: a <= b,
    "equal": lambda a, b: a == b,
    "not_equal": lambda a, b: a != b,
    "round": lambda x: mpf(int(mp.nint(x))),
    "floor": lambda x: mpf(int(mp.floor(x))),
    "ceil": lambda x: mpf(int(mp.ceil(x))),
    "sign": mp.sign,
    "logical_and": lambda a, b: bool(a) and bool(b),
    "logical_or": lambda a, b: bool(a) or bool(b),
    "logical_not": lambda a: not a,
    "to_float": lambda x: x,
}
_REDUCTIONS: Mapping[str, str] = {"sum": "sum", "mean": "mean"}


def _where(evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]) -> Dual:
    """The branch that is taken. The condition loses no gradient: off its step it has none."""
    condition, first, second = args
    shape = np.broadcast_shapes(*(a.values.shape for a in args))
    taken = np.broadcast_to(condition.values.astype(bool), shape)
    values = np.where(
        taken, np.broadcast_to(first.values, shape), np.broadcast_to(second.values, shape)
    )
    full = (*shape, evaluator.total)
    slopes = np.where(taken[..., None], _stretched(first, full), _stretched(second, full))
    return Dual(values, slopes, first.lost or second.lost)


def _cast(evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]) -> Dual:
    arg = args[0]
    if "int" in str(attrs.get("dtype")):
        values = _mapped(lambda v: mpf(int(v)), arg.values)
        return Dual(values, _zeros(arg.slopes.shape), True, whole=True)
    numbers = _mapped(lambda v: mpf(int(v)) if isinstance(v, bool) else v, arg.values)
    return Dual(numbers, arg.slopes, arg.lost)


def _stopped(evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]) -> Dual:
    return Dual(args[0].values, _zeros(args[0].slopes.shape))


def _logsumexp(evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]) -> Dual:
    total = evaluator.apply("sum", [evaluator.apply("exp", args, {})], attrs)
    return evaluator.apply("log", [total], {})


def _softmax(evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]) -> Dual:
    grown = evaluator.apply("exp", args, {})
    total = evaluator.apply("sum", [grown], _along_one_axis(attrs))
    return evaluator.apply("div", [grown, total], {})


def _along_one_axis(attrs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Frameworks take a softmax without an axis along the last one, and not over everything."""
    axis = attrs.get("axis")
    return {"axis": -1 if axis is None else axis, "keepdims": True}


def _log_softmax(evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]) -> Dual:
    total = _logsumexp(evaluator, args, _along_one_axis(attrs))
    return evaluator.apply("sub", [args[0], total], {})


def _norm(evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]) -> Dual:
    total = evaluator.apply("sum", [evaluator.apply("square", args, {})], attrs)
    return evaluator.apply("sqrt", [total], {})


def _variance(evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]) -> Dual:
    centre = evaluator.apply("mean", args, {**attrs, "keepdims": True})
    offset = evaluator.apply("sub", [args[0], centre], {})
    return evaluator.apply("mean", [evaluator.apply("square", [offset], {})], attrs)


def _std(evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]) -> Dual:
    return evaluator.apply("sqrt", [_variance(evaluator, args, attrs)], {})


def _binary_crossentropy(evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]) -> Dual:
    """As Keras has it: probabilities are kept its epsilon away from 0 and 1."""
    apply, number = evaluator.apply, evaluator.number
    target, output = args
    if attrs.get("from_logits"):
        hit = apply("log_sigmoid", [output], {})
        miss = apply("log_sigmoid", [apply("neg", [output], {})], {})
    else:
        p = apply("clip", [output, number(_KERAS_EPSILON), number(1 - _KERAS_EPSILON)], {})
        hit, miss = apply("log", [p], {}), apply("log", [apply("sub", [number(1), p], {})], {})
    other = apply("sub", [number(1), target], {})
    total = apply("add", [apply("mul", [target, hit], {}), apply("mul", [other, miss], {})], {})
    return apply("neg", [total], {})


def _categorical_crossentropy(
    evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]
) -> Dual:
    """As Keras has it: probabilities are made to sum to 1, and kept away from 0 and 1."""
    apply = evaluator.apply
    logs = _keras_logs(evaluator, args[1], attrs)
    product = apply("mul", [args[0], logs], {})
    return apply("neg", [apply("sum", [product], {"axis": attrs.get("axis", -1)})], {})


def _keras_logs(evaluator: _Evaluator, output: Dual, attrs: Mapping[str, Any]) -> Dual:
    apply, number = evaluator.apply, evaluator.number
    if attrs.get("from_logits"):
        return apply("log_softmax", [output], attrs)
    total = apply("sum", [output], {"axis": attrs.get("axis", -1), "keepdims": True})
    p = apply("div", [output, total], {})
    kept = apply("clip", [p, number(_KERAS_EPSILON), number(1 - _KERAS_EPSILON)], {})
    return apply("log", [kept], {})


def _sparse_categorical_crossentropy(
    evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]
) -> Dual:
    apply = evaluator.apply
    logs = _keras_logs(evaluator, args[1], {**attrs, "axis": -1})
    places = apply("expand_dims", [args[0]], {"axis": -1})
    picked = apply("take_along_axis", [logs, places], {"axis": -1})
    return apply("neg", [apply("squeeze", [picked], {"axis": -1})], {})


def _averaged(
    loss: Callable[[_Evaluator, list[Dual], Mapping[str, Any]], Dual],
) -> Callable[[_Evaluator, list[Dual], Mapping[str, Any]], Dual]:
    def mean(evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]) -> Dual:
        return evaluator.apply("mean", [loss(evaluator, args, attrs)], {"axis": -1})

    return mean


_KERAS_EPSILON = 1e-7


def _clip(evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]) -> Dual:
    lower = evaluator.apply("maximum", [args[0], args[1]], {})
    return evaluator.apply("minimum", [lower, args[2]], {})


def _picked(pick: Callable[..., Any]) -> Callable[..., Dual]:
    """A view: `pick` takes entries of an array, given the other arguments and the attributes."""

    def viewed(evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]) -> Dual:
        source = args[0].values
        places = np.arange(source.size).reshape(source.shape)
        others = [np.asarray(arg.values, dtype=np.float64).astype(int) for arg in args[1:]]
        chosen = np.asarray(pick(places, *others, attrs))
        slopes = args[0].slopes.reshape(source.size, evaluator.total)[chosen]
        return Dual(np.asarray(source.reshape(-1)[chosen], dtype=object), slopes, args[0].lost)

    return viewed


def _extremum(pick: Callable[..., Any]) -> Callable[..., Dual]:
    def reduced(evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]) -> Dual:
        axis, keepdims = attrs.get("axis"), bool(attrs.get("keepdims"))
        values = args[0].values
        best = np.asarray(pick(values, axis=axis, keepdims=True), dtype=object)
        hits = _mapped(lambda a, b: mpf(a == b), *np.broadcast_arrays(values, best))
        share = hits / np.asarray(hits.sum(axis=axis, keepdims=True), dtype=object)
        slopes = (share[..., None] * args[0].slopes).reshape(*values.shape, evaluator.total)
        axes = _axes(axis, values.ndim)
        total = np.asarray(slopes.sum(axis=axes, keepdims=keepdims), dtype=object)
        shown = np.asarray(pick(values, axis=axis, keepdims=keepdims), dtype=object)
        return Dual(shown, total, args[0].lost)

    return reduced


def _argmax(evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]) -> Dual:
    axis = attrs.get("axis")
    places = np.argmax(args[0].values, axis=-1 if axis is None else axis)
    return Dual(_exactly(places), _zeros((*places.shape, evaluator.total)), True)


def _one_hot(evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]) -> Dual:
    places = args[0].values[..., None] == np.arange(int(attrs["depth"]))
    return Dual(_exactly(places), _zeros((*places.shape, evaluator.total)), args[0].lost)


def _filled(number: float) -> Callable[[_Evaluator, list[Dual], Mapping[str, Any]], Dual]:
    def filled(evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]) -> Dual:
        return variable(np.full(args[0].values.shape, number), evaluator.total, None)

    return filled


def _straight_through(evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]) -> Dual:
    return Dual(args[0].values, args[1].slopes, args[1].lost)


def _l2_normalize(evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]) -> Dual:
    size = _norm(evaluator, args, {"axis": attrs.get("axis"), "keepdims": True})
    return evaluator.apply("div", [args[0], size], {})


def _softmax_xent(evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]) -> Dual:
    weighed = evaluator.apply("mul", [args[0], _log_softmax(evaluator, args[1:], attrs)], {})
    axis = _along_one_axis(attrs)["axis"]
    return evaluator.apply("neg", [evaluator.apply("sum", [weighed], {"axis": axis})], {})


def _sparse_softmax_xent(evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]) -> Dual:
    picked = _one_hot(evaluator, args, {"depth": args[1].values.shape[-1]})
    return _softmax_xent(evaluator, [picked, args[1]], attrs)


def _sigmoid_xent(evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]) -> Dual:
    labels, logits = args
    carried = evaluator.apply("mul", [labels, logits], {})
    return evaluator.apply("sub", [evaluator.apply("softplus", [logits], {}), carried], {})


def _product(evaluator: _Evaluator, args: list[Dual], attrs: Mapping[str, Any]) -> Dual:
    logs = evaluator.apply("log", args, {})
    return evaluator.apply("exp", [evaluator.apply("sum", [logs], attrs)], {})


_COMPOSED: Mapping[str, Callable[[_Evaluator, list[Dual], Mapping[str, Any]], Dual]] = {
    "where": _where,
    "cast": _cast,
    "stop_gradient": _stopped,
    "logsumexp": _logsumexp,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "norm": _norm,
    "euclidean_norm": _norm,
    "variance": _variance,
    "std": _std,
    "clip": _clip,
    "binary_crossentropy": _binary_crossentropy,
    "mean_binary_crossentropy": _averaged(_binary_crossentropy),
    "categorical_crossentropy": _categorical_crossentropy,
    "mean_categorical_crossentropy": _categorical_crossentropy,
    "sparse_categorical_crossentropy": _sparse_categorical_crossentropy,
    "mean_sparse_categorical_crossentropy": _sparse_categorical_crossentropy,
    **{name: _picked(pick) for name, pick in VIEWS.items()},
    "max": _extremum(np.max),
    "min": _extremum(np.min),
    "prod": _product,
    "argmax": _argmax,
    "one_hot": _one_hot,
    "ones_like": _filled(1.0),
    "zeros_like": _filled(0.0),
    "straight_through": _straight_through,
    "l2_normalize": _l2_normalize,
    "softmax_xent": _softmax_xent,
    "sparse_softmax_xent": _sparse_softmax_xent,
    "sigmoid_xent": _sigmoid_xent,
}
