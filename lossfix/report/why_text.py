"""Why there is no gradient, in words."""

from __future__ import annotations

from collections.abc import Sequence

from lossfix.report.verdict_text import cut, numbers
from lossfix.rules.rule import Rule
from lossfix.verify.why import Trace, TraceRow

_WHAT = {
    "none": "the gradient is None",
    "zero": "the gradient is zero",
    "nan": "the gradient is NaN",
    "inf": "the gradient is infinite",
}
_GRADIENTS = {
    "ok": "finite",
    "zero": "0",
    "none": "None",
    "nan": "NaN",
    "inf": "Inf",
    "data": "-",  # it does not come from the predictions
}
_VALUES = {"nan": "NaN", "inf": "Inf"}
_WIDE = 44


def why_text(trace: Trace, path: str, function: str, mends: Sequence[Rule]) -> str:
    """The line first, then the input, the values on the way, and the rules that mend it."""
    if trace.status == "not run":
        return f"{path}::{function}: not run: {trace.reason}"
    if trace.status == "ok":
        told = f"{path}::{function}: every gradient is finite and not zero in all regimes that ran"
        return "\n".join([told, *(f"    {line}" for line in _table(trace.rows) if trace.rows)])
    where = f"{path}:{trace.line}:{trace.column + 1}"
    lines = [f"{where}: {_WHAT.get(trace.status, trace.status)} from `{trace.code}`"]
    lines.append(f"  {trace.message}")
    if trace.inputs:
        lines.append(f"  at this input (regime {trace.regime}):")
        lines += [f"    {name} = {cut(numbers(value))}" for name, value in trace.inputs.items()]
    if trace.rows:
        lines.append("  the loss, value by value, and the gradient of the loss to each:")
        lines += [f"    {line}" for line in _table(trace.rows)]
    lines += [f"  {rule.code} {rule.name} mends it: {rule.summary}" for rule in mends]
    if not mends:
        lines.append("  no rule mends this one")
    return "\n".join(lines)


def _table(rows: Sequence[TraceRow]) -> list[str]:
    """A line for each value: place, expression, range, gradient, and where that went bad."""
    cells = [("line", "expression", "range", "gradient", "went bad at"), *map(_cells, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = [_line(row, widths) for row in cells]
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    number, *texts = row
    parts = [number.rjust(widths[0])]
    parts += [text.ljust(width) for text, width in zip(texts, widths[1:], strict=True)]
    return "  ".join(parts).rstrip()


def _cells(row: TraceRow) -> tuple[str, ...]:
    finite = "" if row.low is None else f"[{row.low:.4g}, {row.high:.4g}]"
    lost = _VALUES.get(row.value, "")
    span = " and ".join(part for part in (finite, lost) if part) or "none"
    born = f"line {row.born_line}: {cut(row.born, _WIDE)}" if row.born else ""
    gradient = _GRADIENTS.get(row.gradient, row.gradient)
    return str(row.line), cut(row.code, _WIDE), span, gradient, born
