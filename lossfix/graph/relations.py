"""Values whose operands belong together: x - max(x), the sum of a softmax, a cosine."""

from __future__ import annotations

from dataclasses import replace

from lossfix.graph.formats import Format
from lossfix.graph.intervals import Interval, maximum, minimum, point
from lossfix.graph.nodes import CALLABLE, CONST, OPAQUE, Node

_GRADIENTLESS = frozenset({"stop_gradient", "identity"})
_RESHAPED = _GRADIENTLESS | {"expand_dims", "reshape", "squeeze", "tile"}
_REARRANGED = _RESHAPED | {"transpose", "flatten"}
_PEAKS = ("max", "logsumexp")


def narrowed(node: Node, found: Interval, fmt: Format) -> Interval:
    """`found`, less what the node's operands cannot be at once."""
    if node.op == "sub":
        first, second = (_bare(arg) for arg in node.args)
        if first.number == second.number:
            return Interval(0.0, 0.0, nan=found.nan)
        if _is_peak(second, first, _PEAKS) or _is_peak(first, second, ("min",)):
            return minimum(found, point(0.0))
        if _is_peak(first, second, _PEAKS) or _is_peak(second, first, ("min",)):
            return maximum(found, point(0.0))
        if _is_width(_unwrapped(first), _unwrapped(second)):
            return maximum(found, point(0.0))
    if node.op == "add" and is_minus_its_max(node):
        return minimum(found, point(0.0))
    if node.op == "sum":
        return _narrowed_sum(node, found, fmt)
    if node.op == "matmul" and all(map(is_unit_rows, node.args)):
        cosines = cosine(fmt)
        return minimum(maximum(found, point(cosines.low)), point(cosines.high))
    return found


def is_unit_rows(node: Node) -> bool:
    """Vectors of length 1, one a row or one a column."""
    return _unwrapped(node, _REARRANGED).op == "l2_normalize"


def cosine(fmt: Format) -> Interval:
    """What a product of vectors of length 1 can be: past 1 by rounding."""
    most = 1.0 + 128.0 * fmt.unit
    return Interval(-most, most)


def summands(node: Node) -> list[Node]:
    """The terms of a sum; the node itself where it is none."""
    if node.op != "add":
        return [node]
    return [term for arg in node.args for term in summands(arg)]


def _narrowed_sum(node: Node, found: Interval, fmt: Format) -> Interval:
    """A softmax sums to 1 along its axis, and a product of unit vectors to a cosine."""
    summed, axis = node.args[0], node.attrs.get("axis")
    slack = 128.0 * fmt.unit
    if summed.op == "softmax" and axis in (summed.attrs.get("axis"), None):
        high = found.high if axis is None else 1.0 + slack
        return replace(found, low=1.0 - slack, high=high, low_open=False, high_open=axis is None)
    vectors = [arg for arg in summed.args if arg.op == "l2_normalize"]
    along = all(vector.attrs.get("axis") in (axis, None) for vector in vectors)
    if summed.op in ("mul", "square") and len(vectors) == len(summed.args) and along:
        return minimum(maximum(found, point(-1.0 - slack)), point(1.0 + slack))
    return found


def _bare(node: Node) -> Node:
    """The value itself, whether the gradient goes through or not."""
    while node.op in _GRADIENTLESS:
        node = node.args[0]
    return node


def _unwrapped(node: Node, ops: frozenset[str] = _RESHAPED) -> Node:
    """The value before axes were added or taken out."""
    while node.op in ops or _is_new_axis(node):
        node = node.args[0]
    return node


def _is_new_axis(node: Node) -> bool:
    """`m[None, :, None]`: more than one; a single one is an `expand_dims` already."""
    indices = node.args[1:]
    return (
        node.name == "[]"
        and bool(indices)
        and all(index.op == CONST and index.value is None for index in indices)
    )


def _is_width(first: Node, second: Node) -> bool:
    """max(x) - min(x)"""
    return (first.op, second.op) == ("max", "min") and (
        _bare(first.args[0]).number == _bare(second.args[0]).number
    )


def _is_peak(shift: Node, value: Node, ops: tuple[str, ...]) -> bool:
    """Whether `shift` is the maximum of `value`, or another of `ops`, along an axis or over all."""
    shift = _unwrapped(shift)
    if shift.op == "where" and shift.args[2].op in (CONST, "zeros_like"):
        shift = _unwrapped(shift.args[1])  # where(is_finite(m), m, 0)
    return shift.op in ops and _bare(shift.args[0]).number == value.number


def is_minus_its_max(node: Node) -> bool:
    """`x - max(x)`, the usual guard before an exponential; divided by a temperature or not."""
    node = _unwrapped(node)
    if node.op == OPAQUE:  # a function that patches it, as nan_to_zero(x - max(x))
        given = [arg for arg in node.args if arg.op != CALLABLE]
        return len(given) == 1 and is_minus_its_max(given[0])
    if node.op == "div":
        return is_minus_its_max(node.args[0])
    if node.op == "mul":
        return any(is_minus_its_max(arg) for arg in node.args)
    if node.op == "where":  # what is patched, as by where(is_nan(x), 0, x)
        left = [arg for arg in node.args[1:] if arg.op not in (CONST, "zeros_like")]
        return len(left) == 1 and is_minus_its_max(left[0])
    if node.op == "sub":
        return _is_peak(node.args[1], _bare(node.args[0]), ("max",))
    pairs = (node.args, node.args[::-1]) if node.op == "add" else ()
    return any(
        other.op == "neg" and _is_peak(other.args[0], _bare(value), ("max",))
        for value, other in pairs
    )


def is_deviation(node: Node) -> bool:
    """`x - mean(x)`, or x[:, None] - x[None]: 0 where all of x is equal."""
    if node.op != "sub":
        return False
    first, second = node.args
    origins = {_unwrapped(arg, _REARRANGED).number for arg in node.args}
    return len(origins) == 1 or any(
        _is_peak(shift, _bare(value), ("mean", "max", "min"))
        for value, shift in ((first, second), (second, first))
    )
