"""One loss looked at alone: what each regime makes of its value and gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lossfix.verify.verdict import Outcome, Verdict
from lossfix.verify.why import Trace

CONTRACT = "finite"
_GOOD = ("ok", "ok")
_WORDS = {"none": "None", "zero": "all zero", "nan": "NaN", "inf": "infinite", "ok": "fine"}


def alone(trace: Trace, contexts: Verdict) -> Verdict:
    """Verified where every regime has a finite value and a gradient, refuted where one has not.

    `contexts` is the verdict on the loss against itself: what ran, and where contexts disagree.
    """
    if trace.status == "not run":
        return replace(contexts, outcome=Outcome.NOT_RUN, contract=CONTRACT, reason=trace.reason)
    bad = [row for row in trace.regimes if not _good(row)]
    disagree = contexts.disagreements
    if not bad and not disagree:
        reason = f"finite, with a gradient, in all {len(trace.regimes)} regimes"
        return replace(contexts, outcome=Outcome.VERIFIED, contract=CONTRACT, reason=reason)
    names = ", ".join(dict.fromkeys(row["regime"] for row in bad))
    reason = f"bad in {len(bad)} of {len(trace.regimes)} regimes: {names}" if bad else disagree[0]
    example = {"regime": trace.regime, "inputs": dict(trace.inputs or {})} if bad else None
    return replace(
        contexts,
        outcome=Outcome.REFUTED,
        contract=CONTRACT,
        reason=reason,
        counterexample=example,
    )


def _good(row: Mapping[str, str]) -> bool:
    return (row["value"], row["gradient"]) == _GOOD or (
        row["value"] == "ok" and row["gradient"] == "zero" and row["regime"] not in _MUST_LEARN
    )


_MUST_LEARN = frozenset({"typical", "typical reals", "simplex"})
"""Regimes in which a gradient of zero is a fault; at saturation or at a minimum it may be right."""


def alone_text(verdict: Verdict, trace: Trace) -> str:
    """The outcome, then a line a regime."""
    lines = [f"{verdict.outcome.value} ({verdict.contract}): {verdict.reason}"]
    widest = max((len(row["regime"]) for row in trace.regimes), default=0)
    for row in trace.regimes:
        value, gradient = _WORDS[row["value"]], _WORDS[row["gradient"]]
        lines.append(f"  {row['regime']:{widest}}  value {value:8}  gradient {gradient}")
    lines += [f"  finding: {told}" for told in verdict.disagreements]
    lines += [f"  note: {note}" for note in verdict.notes]
    if verdict.outcome is Outcome.REFUTED:
        lines.append("  `lossfix why` names the line")
    return "\n".join(lines)
