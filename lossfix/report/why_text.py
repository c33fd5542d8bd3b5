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


def why_text(trace: Trace, path: str, function: str, mends: Sequence[Rule]) -> str:
    """The line first, then the input, the values on the way, and the rules that mend it."""
    if trace.status == "not run":
        return f"{path}::{function}: not run: {trace.reason}"
    if trace.status == "ok":
        return f"{path}::{function}: every gradient is finite and not zero in all regimes that ran"
    where = f"{path}:{trace.line}:{trace.column + 1}"
    lines = [f"{where}: {_WHAT.get(trace.status, trace.status)} from `{trace.code}`"]
    lines.append(f"  {trace.message}")
    if trace.inputs:
        lines.append(f"  at this input (regime {trace.regime}):")
        lines += [f"    {name} = {cut(numbers(value))}" for name, value in trace.inputs.items()]
    if trace.rows:
        lines.append("  the loss, value by value (gradient of the loss with respect to each):")
        lines += [f"    {_row(row)}" for row in trace.rows]
    lines += [f"  {rule.code} {rule.name} mends it: {rule.summary}" for rule in mends]
    if not mends:
        lines.append("  no rule mends this one")
    return "\n".join(lines)


def _row(row: TraceRow) -> str:
    span = "no finite value" if row.low is None else f"in [{row.low:.4g}, {row.high:.4g}]"
    return f"line {row.line}: {cut(row.code, 60)} {span}, gradient {row.gradient}"
