"""Pages: rules and verdicts as Markdown, for hovers and for a page of their own."""

from __future__ import annotations

from lossfix.lsp.verdicts import Proof
from lossfix.report.explain import applied_when
from lossfix.report.rows import FindingRow
from lossfix.rules.rule import Rule

_SIGNS = {"verified": "✓ verified", "refuted": "✗ refuted", "not run": "not run"}


def hover_page(row: FindingRow, rule: Rule, proof: Proof | None) -> str:
    """A finding in short: what is wrong, why, what the fix promises, and the last verdict."""
    parts = [f"**{rule.code} {rule.name}**: {row.message}", rule.why]
    if rule.breaks_at:
        limits = "; ".join(f"{limit.text} in {limit.dtype}" for limit in rule.breaks_at)
        parts.append(f"Breaks at: {limits}.")
    example = f"```diff\n- {rule.before}"
    example += f"\n+ {rule.after}\n```" if rule.after else "\n```"
    parts.append(example)
    parts.append(f"Contract: *{rule.contract.name}*, {rule.contract.promise}.")
    if row.reason and row.reason != "diagnosis":
        parts.append(f"No fix here: {row.reason}.")
    elif row.fix:
        parts.append(verdict_words(proof))
    return "\n\n".join(parts)


def verdict_words(proof: Proof | None) -> str:
    """The verdict on a fix, or that there is none yet."""
    if proof is None:
        return "Verdict: not verified yet; *Verify* above the function runs it."
    words = f"Verdict: **{_SIGNS.get(proof.outcome, proof.outcome)}**"
    return f"{words}\n\n```text\n{proof.text}\n```"


def rule_page(rule: Rule) -> str:
    """All that is known of a rule."""
    parts = [f"# {rule.code} {rule.name}", rule.summary + "."]
    parts += ["## Why", rule.why]
    if rule.breaks_at:
        limits = "; ".join(f"{limit.text} in {limit.dtype}" for limit in rule.breaks_at)
        parts.append(f"Breaks at: {limits}.")
    after = f"\n+ {rule.after}" if rule.after else ""
    parts += ["## Example", f"```diff\n- {rule.before}{after}\n```"]
    parts += ["## The fix", f"*{rule.contract.name}*: {rule.contract.promise}."]
    parts += [f"Applied {applied_when(rule)}.", rule.fix_safety]
    parts += ["## When not to use it", rule.when_not, "## Source", f"{rule.source}."]
    return "\n\n".join(parts) + "\n"
