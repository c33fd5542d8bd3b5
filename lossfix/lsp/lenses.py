"""Code lenses: above each loss, a way to have its fixes run, and what the last run showed."""

from __future__ import annotations

from collections import Counter

from lsprotocol import types

from lossfix.editing.recheck import Checked, Loss
from lossfix.lsp.verdicts import NOT_RUN, REFUTED, VERIFIED, Ran

VERIFY, CANCEL = "lossfix.verify", "lossfix.cancel"


def lens_of(
    loss: Loss, line: int, checked: Checked, uri: str, ran: Ran | None, running: bool
) -> types.CodeLens:
    """The lens of one loss, on the line of its `def`, from 1."""
    start = types.Position(line - 1, 0)
    if running:
        command = types.Command("Verifying… (cancel)", CANCEL, arguments=[uri, loss.name])
    else:
        command = types.Command(_title(loss, checked, ran), VERIFY, arguments=[uri, loss.name])
    return types.CodeLens(range=types.Range(start, start), command=command)


def _title(loss: Loss, checked: Checked, ran: Ran | None) -> str:
    if ran is None:
        fixes = sum(each.row.function == loss.name and each.row.fix for each in checked.findings)
        return "Verify" if not fixes else f"Verify {fixes} {'fix' if fixes == 1 else 'fixes'}"
    counts = Counter(proof.outcome for proof in ran.proofs if proof.key != "together")
    if ran.outcome == VERIFIED:
        return "✓ verified"
    parts = [f"{counts[o]} {o}" for o in (VERIFIED, REFUTED, NOT_RUN) if counts[o]]
    if ran.outcome == REFUTED and not counts[REFUTED]:
        parts.append("refuted together")
    mark = "✗ " if ran.outcome == REFUTED else ""
    if ran.outcome == NOT_RUN and len(ran.proofs) == 1:
        return ran.proofs[0].line
    return f"{mark}{', '.join(parts)}"
