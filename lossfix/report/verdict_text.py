"""A verdict in words: the outcome first, then what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lossfix.rules.contracts import CONTRACTS
from lossfix.verify.verdict import Context, Outcome, Verdict

_SAME_LOSS = frozenset({"exact", "guarded", "bounded"})
_MAX_NUMBERS = 8
_MAX_LINE = 140
_NOTABLE_BITS = 0.1
_IN_CONTEXT = {
    Outcome.VERIFIED: "held",
    Outcome.REFUTED: "refuted",
    Outcome.NOT_RUN: "not run",
}


def verdict_text(verdict: Verdict) -> str:
    """Several lines, without colour."""
    lines = [f"{verdict.outcome.value} ({verdict.contract}): {verdict.reason}"]
    lines.append(f"  contract: {promise(verdict.contract)}")
    if verdict.counterexample:
        lines += ["  counterexample:", *_counterexample(verdict.counterexample)]
    if verdict.contexts:
        lines += ["  run in:", *(f"    {_context(c, verdict)}" for c in verdict.contexts)]
    lines += [f"  finding: {told}" for told in verdict.disagreements]
    lines += [f"  note: {note}" for note in verdict.notes]
    if verdict.versions:
        versions = ", ".join(f"{name} {number}" for name, number in verdict.versions.items())
        lines.append(f"  with: {versions}; seed {verdict.seed}")
    return "\n".join(lines)


def promise(contract: str) -> str:
    return next((kind.promise for kind in CONTRACTS if kind.name == contract), "no contract")


def verdict_line(verdict: Verdict) -> str:
    """One line: the outcome, and the worst bits of error where the contract is about them."""
    if verdict.outcome is not Outcome.VERIFIED:
        return f"{verdict.outcome.value}: {verdict.reason}"
    bits = _worst_bits(verdict)
    return f"verified: {verdict.reason}{f'; {bits}' if bits else ''}"


def _worst_bits(verdict: Verdict) -> str:
    """Bits of error of float32, of the context where the original is worst."""
    if verdict.contract not in _SAME_LOSS:
        return ""
    parts = []
    for what in ("value", "gradient"):
        pairs = [
            (getattr(c, f"{what}_bits_before"), getattr(c, f"{what}_bits_after"))
            for c in verdict.contexts
            if c.dtype == "float32"
        ]
        known = [(b, a) for b, a in pairs if b is not None and a is not None]
        if known:
            before, after = max(known)
            if abs(before - after) >= _NOTABLE_BITS:
                parts.append(f"{what} {before:.1f} -> {after:.1f}")
    return f"worst bits of error in float32: {', '.join(parts)}" if parts else ""


def _context(context: Context, verdict: Verdict) -> str:
    where = f"{context.mode:5} {context.dtype:8} {context.device:3}"
    if len({c.backend for c in verdict.contexts}) > 1:
        where += f" {context.backend:10}"
    text = f"{where} {_IN_CONTEXT[context.outcome]}"
    if context.outcome is Outcome.NOT_RUN:
        return f"{text}: {context.reason}"
    text += f", {context.regimes} regimes"
    if verdict.contract in _SAME_LOSS and context.value_bits_before is not None:
        text += f"; bits of error: value {_arrow(context, 'value')}"
        text += f", gradient {_arrow(context, 'gradient')}"
    return text


def _arrow(context: Context, what: str) -> str:
    before = getattr(context, f"{what}_bits_before")
    after = getattr(context, f"{what}_bits_after")
    return f"{_bits(before)} -> {_bits(after)}"


def _bits(value: float | None) -> str:
    return "?" if value is None else f"{value:.1f}"


def _counterexample(found: Mapping[str, Any]) -> list[str]:
    lines = [f"    {found['message']}"] if found.get("message") else []
    where = " ".join(str(found[key]) for key in ("mode", "dtype") if found.get(key))
    regime = f"regime {found['regime']}" if found.get("regime") else ""
    if where or regime:
        lines.append(f"    in {', '.join(part for part in (where, regime) if part)}")
    for name, value in (found.get("inputs") or {}).items():
        lines.append(f"    {name} = {cut(numbers(value))}")
    for key in ("before", "after", "reference"):
        part = found.get(key)
        if isinstance(part, Mapping):
            lines.append(f"    {key}: value {cut(numbers(part.get('value')))}")
            for name, gradient in (part.get("gradients") or {}).items():
                lines.append(f"      gradient of {name}: {cut(numbers(gradient))}")
    return lines


def cut(text: str, most: int = _MAX_LINE) -> str:
    """The text on one line, its tail left out where it is long."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else f"{flat[: most - 3]}..."


def numbers(value: Any) -> str:
    """Nested numbers on one line, the tail of a long list left out."""
    if isinstance(value, (list, tuple)):
        shown = [numbers(inner) for inner in value[:_MAX_NUMBERS]]
        more = [f"... {len(value) - _MAX_NUMBERS} more"] if len(value) > _MAX_NUMBERS else []
        return f"[{', '.join([*shown, *more])}]"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
