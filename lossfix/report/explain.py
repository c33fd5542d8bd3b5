"""Rules in words: the list, and all that is known of one."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from lossfix.rules.rule import Rule

_WIDTH = 88


def rules_text(rules: Sequence[Rule]) -> str:
    """One line a rule."""
    widest = max((len(rule.name) for rule in rules), default=0)
    return "\n".join(
        f"{rule.code}  {rule.name:{widest}}  {rule.contract.name:16}  {rule.summary}"
        for rule in rules
    )


def explain_text(rule: Rule) -> str:
    """What the rule finds and why, an example, its contract, when not to use it, its source."""
    parts = [f"{rule.code} {rule.name}", _wrapped(rule.summary), _wrapped(f"Why. {rule.why}")]
    if rule.breaks_at:
        limits = "; ".join(f"{limit.text} in {limit.dtype}" for limit in rule.breaks_at)
        parts.append(_wrapped(f"Breaks at. {limits}."))
    parts.append(f"  - {rule.before}" + (f"\n  + {rule.after}" if rule.after else ""))
    parts.append(_wrapped(f"Contract. {rule.contract.name}: {rule.contract.promise}."))
    parts.append(_wrapped(f"Applied. {applied_when(rule)}."))
    parts.append(_wrapped(f"What changes. {rule.fix_safety}"))
    parts.append(_wrapped(f"When not. {rule.when_not}"))
    parts.append(_wrapped(f"Source. {rule.source}."))
    return "\n\n".join(parts)


def applied_when(rule: Rule) -> str:
    if not rule.fixable:
        return "never: it explains and offers nothing"
    if rule.contract.by_default:
        return "by default"
    if rule.contract.by_name_only:
        return f"with --allow {rule.code} or --allow {rule.name}"
    return f"with --allow {rule.contract.name}"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
