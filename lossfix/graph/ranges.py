"""Ranges: interval abstract interpretation of a value, rounded as float32 rounds.

Moore, Kearfott, Cloud: Introduction to Interval Analysis, 2009, doi 10.1137/1.9780898717716.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lossfix.graph.nodes import CONST, FREE, INPUT, JOIN, LOOP, OPAQUE, Node

_TINY = 1.1754943508222875e-38  # the smallest normal float32
_LARGEST = 3.4028234663852886e38
_INF = math.inf


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval of the reals, with infinities."""

    low: float = -_INF
    high: float = _INF

    def holds(self, point: float) -> bool:
        return self.low <= point <= self.high


ALL = Interval()
POSITIVE = Interval(_TINY, _INF)
NONNEGATIVE = Interval(0.0, _INF)
UNIT = Interval(0.0, 1.0)
SMALL = Interval(_TINY, 1.0)


def interval_of(
    node: Node, roles: Callable[[Node], Interval], known: dict[int, Interval]
) -> Interval:
    """Bounds on `node`; `known` is the memory of the unit, by node."""
    found = known.get(id(node))
    if found is None:
        known[id(node)] = ALL  # a loop's own value, met again below
        found = known[id(node)] = _compute(node, roles, known)
    return found


def _compute(node: Node, roles: Callable[[Node], Interval], known: dict[int, Interval]) -> Interval:
    if node.op == CONST:
        return _constant(node.value)
    if node.op in (INPUT, FREE):
        return roles(node)
    args = [interval_of(arg, roles, known) for arg in node.args]
    if node.op == JOIN:
        return _widened(*args) if node.name == LOOP else _union(args)
    if node.op == OPAQUE:
        return _opaque(node, args)
    if node.op == "where":
        return _where(node, args)
    if node.op in ("sub", "add") and is_minus_its_max(node):
        return Interval(-_INF, 0.0)
    if node.op in _TRANSFER:
        return _rounded(_TRANSFER[node.op](*args))
    return _FIXED.get(node.op, ALL)


def _constant(value: object) -> Interval:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return UNIT if isinstance(value, bool) else ALL
    return Interval(value, value)


def _union(args: list[Interval]) -> Interval:
    return Interval(min(a.low for a in args), max(a.high for a in args)) if args else ALL


def _widened(before: Interval, after: Interval) -> Interval:
    """A loop's value: an end that one round moves may move for ever."""
    return Interval(
        before.low if after.low >= before.low else -_INF,
        before.high if after.high <= before.high else _INF,
    )


def _opaque(node: Node, args: list[Interval]) -> Interval:
    tail = node.name.rpartition(".")[2]
    if node.name in ("item", "[]", "sequence", "comprehension") or tail in _PASSES:
        return _union(args[:1]) if args else ALL
    if tail in ("zeros", "zeros_initializer"):
        return Interval(0.0, 0.0)
    if tail in ("shape", "size", "rank", "len"):
        return NONNEGATIVE
    if tail in ("random_uniform", "uniform", "rand"):
        return UNIT
    return NONNEGATIVE if tail in _NONNEGATIVE_CALLS else ALL


_PASSES = frozenset(
    "gather gather_nd boolean_mask stack concat unstack split tile repeat pad slice sort reverse "
    "take broadcast_to identity_n strided_slice roll batch_flatten concatenate "
    "unsorted_segment_max".split()
)
_NONNEGATIVE_CALLS = frozenset(
    "sigmoid_cross_entropy_with_logits softmax_cross_entropy_with_logits "
    "sparse_softmax_cross_entropy_with_logits binary_crossentropy categorical_crossentropy "
    "sparse_categorical_crossentropy mean_squared_error mean_absolute_error l2_loss".split()
)


def _where(node: Node, args: list[Interval]) -> Interval:
    """Both branches, each known to be taken only where the condition allows it."""
    condition, kept, other = node.args
    return _union(
        [_refined(condition, kept, args[1], True), _refined(condition, other, args[2], False)]
    )


def _refined(condition: Node, branch: Node, found: Interval, taken: bool) -> Interval:
    if condition.op not in ("greater", "greater_equal", "less", "less_equal"):
        return found
    left, right = condition.args
    above = condition.op in ("greater", "greater_equal")
    if branch.number == right.number and left.op == CONST:
        left, right, above = right, left, not above
    if branch.number != left.number or right.op != CONST:
        return found
    if not isinstance(right.value, (int, float)):
        return found
    strict = (condition.op in ("greater", "less")) == taken
    bound = float(right.value)
    if above == taken:
        return Interval(max(found.low, bound + _TINY if strict else bound), found.high)
    return Interval(found.low, min(found.high, bound - _TINY if strict else bound))


def is_minus_its_max(node: Node) -> bool:
    """`x - max(x)`, the usual guard before an exponential."""
    if node.op != "sub":
        return False
    value, shift = node.args
    while shift.op in ("stop_gradient", "expand_dims", "reshape"):
        shift = shift.args[0]
    return shift.op == "max" and shift.args[0].number == value.number


def _rounded(found: Interval) -> Interval:
    return Interval(_float32(found.low), _float32(found.high))


def _float32(value: float) -> float:
    if math.isnan(value) or math.isinf(value):
        return value
    if abs(value) > _LARGEST:
        return math.copysign(_INF, value)
    rounded: float = struct.unpack("f", struct.pack("f", value))[0]
    return rounded


def _finite(value: float, instead: float) -> float:
    return instead if math.isnan(value) else value


def _monotone(function: Callable[[float], float]) -> Callable[[Interval], Interval]:
    return lambda x: Interval(function(x.low), function(x.high))


def _add(x: Interval, y: Interval) -> Interval:
    return Interval(_finite(x.low + y.low, -_INF), _finite(x.high + y.high, _INF))


def _neg(x: Interval) -> Interval:
    return Interval(-x.high, -x.low)


def _mul(x: Interval, y: Interval) -> Interval:
    corners = [_finite(a * b, 0.0) for a in (x.low, x.high) for b in (y.low, y.high)]
    return Interval(min(corners), max(corners))


def _div(x: Interval, y: Interval) -> Interval:
    if y.low > 0.0 or y.high < 0.0:
        corners = [_finite(a / b, 0.0) for a in (x.low, x.high) for b in (y.low, y.high)]
        return Interval(min(corners), max(corners))
    if x.low >= 0.0 and y.low >= 0.0:
        return Interval(_finite(x.low / y.high, 0.0) if y.high else 0.0, _INF)
    return ALL


def _pow(x: Interval, y: Interval) -> Interval:
    if x.low < 0.0:
        return ALL
    if x.high <= 1.0 and y.low >= 0.0:
        return UNIT
    return POSITIVE if x.low > 0.0 else NONNEGATIVE


def _exp(value: float) -> float:
    return math.exp(value) if value < 700.0 else _INF


def _log(value: float) -> float:
    return math.log(value) if value > 0.0 else -_INF


def _sqrt(value: float) -> float:
    return math.sqrt(value) if value > 0.0 else 0.0


def _square(x: Interval) -> Interval:
    high = max(x.low * x.low, x.high * x.high)
    low = 0.0 if x.holds(0.0) else min(x.low * x.low, x.high * x.high)
    return Interval(low, high)


def _abs(x: Interval) -> Interval:
    low = 0.0 if x.holds(0.0) else min(abs(x.low), abs(x.high))
    return Interval(low, max(abs(x.low), abs(x.high)))


def _sigmoid(value: float) -> float:
    return 1.0 / (1.0 + _exp(-value)) if value > -700.0 else 0.0


def _sum(x: Interval) -> Interval:
    return Interval(x.low if x.low >= 0.0 else -_INF, x.high if x.high <= 0.0 else _INF)


def _clip(x: Interval, low: Interval, high: Interval) -> Interval:
    return Interval(min(max(x.low, low.low), high.high), max(min(x.high, high.high), low.low))


def _same(x: Interval, *_: Interval) -> Interval:
    return x


_TRANSFER: Mapping[str, Callable[..., Interval]] = {
    "add": _add,
    "sub": lambda x, y: _add(x, _neg(y)),
    "neg": _neg,
    "mul": _mul,
    "div": _div,
    "divide_no_nan": lambda x, y: _union([_div(x, y), Interval(0.0, 0.0)]),
    "pow": _pow,
    "exp": _monotone(_exp),
    "expm1": lambda x: Interval(_exp(x.low) - 1.0, _exp(x.high) - 1.0),
    "log": _monotone(_log),
    "log1p": lambda x: Interval(_log(1.0 + x.low), _log(1.0 + x.high)),
    "sqrt": _monotone(_sqrt),
    "square": _square,
    "abs": _abs,
    "sigmoid": _monotone(_sigmoid),
    "relu": lambda x: Interval(max(x.low, 0.0), max(x.high, 0.0)),
    "tanh": _monotone(math.tanh),
    "maximum": lambda x, y: Interval(max(x.low, y.low), max(x.high, y.high)),
    "minimum": lambda x, y: Interval(min(x.low, y.low), min(x.high, y.high)),
    "clip": _clip,
    "sum": _sum,
    "mean": _same,
    "max": _same,
    "min": _same,
    "round": lambda x: Interval(math.floor(x.low), math.ceil(x.high)) if _bounded(x) else x,
    "column": _same,
    "column_kept": _same,
    "reshape": _same,
    "squeeze": _same,
    "expand_dims": _same,
    "transpose": _same,
    "flatten": _same,
    "gather": _same,
    "gather_nd": _same,
    "boolean_mask": _same,
    "take": _same,
    "take_along_axis": _same,
    "cast": _same,
    "stop_gradient": _same,
    "logaddexp": lambda x, y: Interval(max(x.low, y.low), _INF),
    "prod": lambda x: NONNEGATIVE if x.low >= 0.0 else ALL,
}


def _bounded(x: Interval) -> bool:
    return not math.isinf(x.low) and not math.isinf(x.high)


_FIXED: Mapping[str, Interval] = {
    "softmax": UNIT,
    "one_hot": UNIT,
    "greater": UNIT,
    "greater_equal": UNIT,
    "less": UNIT,
    "less_equal": UNIT,
    "equal": UNIT,
    "not_equal": UNIT,
    "logical_and": UNIT,
    "logical_or": UNIT,
    "logical_not": UNIT,
    "is_nan": UNIT,
    "is_finite": UNIT,
    "is_inf": UNIT,
    "any": UNIT,
    "all": UNIT,
    "softplus": NONNEGATIVE,
    "std": NONNEGATIVE,
    "variance": NONNEGATIVE,
    "norm": NONNEGATIVE,
    "euclidean_norm": NONNEGATIVE,
    "argmax": NONNEGATIVE,
    "argmin": NONNEGATIVE,
    "count_nonzero": NONNEGATIVE,
    "log_softmax": Interval(-_INF, 0.0),
    "log_sigmoid": Interval(-_INF, 0.0),
    "sign": Interval(-1.0, 1.0),
    "sin": Interval(-1.0, 1.0),
    "cos": Interval(-1.0, 1.0),
    "erf": Interval(-1.0, 1.0),
    "l2_normalize": Interval(-1.0, 1.0),
    "ones_like": Interval(1.0, 1.0),
    "zeros_like": Interval(0.0, 0.0),
}
