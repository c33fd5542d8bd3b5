"""Ranges as text, for the message of a finding: "; here p is in [0, 1] by softmax (line 12)"."""

from __future__ import annotations

import ast

from lossfix.graph.intervals import Interval
from lossfix.graph.nodes import CONST, FREE, INPUT, OPAQUE, Node, Unit
from lossfix.graph.ranges import Ranges

_LONGEST = 40  # characters of an expression that a message repeats


def range_text(node: Node, unit: Unit, ranges: Ranges) -> str:
    """The range of a value and where it came from; nothing where neither end is known.

    NaN is left out: what makes an overflow can be NaN too, and the ends are what counts here.
    """
    found = ranges.of(node)
    if found.unknown:
        return ""
    known = Interval(found.low, found.high, found.low_open, found.high_open)
    causes = dict.fromkeys(
        cause
        for cause in map(_cause, (ranges.bound_by(node, "low"), ranges.bound_by(node, "high")))
        if cause
    )
    by = f" by {' and '.join(causes)}" if causes else ""
    return f"; here {_called(node, unit)} is in {interval_text(known)}{by}"


def interval_text(found: Interval) -> str:
    """`[0, 1]`, `(0, inf)`, `[-inf, 0] or NaN`; a single point as `1`."""
    if found.low == found.high:
        text = _number(found.low)
    else:
        opening, closing = "[("[found.low_open], "])"[found.high_open]
        text = f"{opening}{_number(found.low)}, {_number(found.high)}{closing}"
    return f"{text} or NaN" if found.nan else text


def _number(value: float) -> str:
    """Six digits, or nine where six make a 1 of what is beside 1: `0.5`, `1e-07`, `0.999999881`."""
    text = f"{value + 0.0:.6g}"
    return text if value == float(text) or abs(float(text)) != 1.0 else f"{value:.9g}"


def _called(node: Node, unit: Unit) -> str:
    """The name that the text has for the value, or its own text where that is short."""
    if node.op in (INPUT, FREE) and node.name:
        return node.name
    names = [d.name for d in unit.definitions if d.value.number == node.number]
    if names:
        return names[0]
    text = ast.unparse(node.origin.code) if node.origin is not None else ""
    return text if 0 < len(text) <= _LONGEST else "the operand"


def _cause(node: Node | None) -> str:
    if node is None:
        return ""
    if node.op == CONST:
        value = node.value
        what = f"the constant {_number(value) if isinstance(value, float) else value}"
    elif node.op in (INPUT, FREE):
        what = node.name
    elif node.op == OPAQUE:
        what = node.name.rpartition(".")[2]
    else:
        what = node.op
    line = getattr(node.origin.code, "lineno", 0) if node.origin is not None else 0
    return f"{what} (line {line})" if line else what
