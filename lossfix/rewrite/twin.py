"""The twin of a rewrite that changes the loss: a text that the new loss must be equal to.

That is the loss that is meant, in other words, or the original as it is where both are equal: for
`log(softmax(x) + eps)` it is `log(softmax(x))`, what `log_softmax(x)` must be equal to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lossfix.graph.module import NO_OVERRIDES
from lossfix.rewrite.engine import Decide, rewrite_text
from lossfix.rules.contracts import IDENTITY, Meaning, StraightThrough
from lossfix.rules.findings import Finding
from lossfix.rules.pattern import Condition, Match, Rewrite
from lossfix.rules.rule import Rule
from lossfix.rules.terms import Const, Term, Var, substituted, variables
from lossfix.source.roles import RoleOverrides


def twin_text(
    content: str,
    path: Path,
    fixes: Sequence[Finding],
    decide: Decide,
    *,
    roles: RoleOverrides = NO_OVERRIDES,
    once: bool = False,
) -> str:
    """The text that these fixes of one function should be equal to, off their guards.

    "" where a rule of theirs does not say so, or where other places than theirs would be changed,
    or where what would be set is no number of the code but a label.
    Raises SyntaxError and RewriteError.
    """
    rules = tuple(dict.fromkeys(fix.rule for fix in fixes))
    if not rules or not all(_says_so(rule) for rule in rules) or any(map(_sets_data, fixes)):
        return ""
    neutral = [rule for rule in map(_neutral, rules) if rule.rewrites]
    if not neutral:
        return content
    made = rewrite_text(content, path, neutral, decide, roles=roles, once=once)
    wanted = Counter(fix.rule.code for fix in fixes if _neutral_of(fix))
    function = fixes[0].function
    found = [fix.finding for fix in made.applied if fix.finding.function == function]
    return made.text if Counter(finding.rule.code for finding in found) == wanted else ""


def _neutral_of(fix: Finding) -> bool:
    """Whether the spelling that a fix replaces has something to set to where it does nothing."""
    return bool(_neutral(replace(fix.rule, rewrites=(fix.match.rewrite,))).rewrites)


def _sets_data(fix: Finding) -> bool:
    """Whether the two are equal at some values of a tensor, and not for a guard of the code."""
    contract, facts = fix.rule.contract, fix.match.facts
    if fix.match.rewrite.meant is not None:
        return False
    names = [n for n, low, high in getattr(contract, "equal_on", ()) if low == high]
    return any(facts.tensor(fix.match.values[n]) for n in names if n in fix.match.values)


def _says_so(rule: Rule) -> bool:
    contract = rule.contract
    if isinstance(contract, StraightThrough):
        return contract.surrogate == IDENTITY
    return isinstance(contract, Meaning) and bool(
        contract.equal_on or contract.by_row or any(r.meant is not None for r in rule.rewrites)
    )


def _neutral(rule: Rule) -> Rule:
    """The rule with its guards set to where they do nothing, for a replacement."""
    if isinstance(rule.contract, StraightThrough):
        return replace(rule, rewrites=tuple(_surrogates(rule.rewrites)))
    assert isinstance(rule.contract, Meaning)
    points = {name: low for name, low, high in rule.contract.equal_on if low == high}
    return replace(rule, rewrites=tuple(_neutrals(rule.rewrites, points)))


def _neutrals(rewrites: Sequence[Rewrite], points: Mapping[str, float]) -> list[Rewrite]:
    found: list[Rewrite] = []
    for rewrite in rewrites:
        here = {n: v for n, v in points.items() if n in variables(rewrite.before)}
        if rewrite.after is not None and rewrite.meant is not None:
            found.append(replace(rewrite, after=rewrite.meant))
            continue
        if rewrite.after is None or not here:
            continue
        after: Term = rewrite.before
        for name, value in here.items():
            after = substituted(after, Var(name), Const(value))
        found.append(replace(rewrite, after=after, when=_acting(here, rewrite.when)))
    return found


def _surrogates(rewrites: Sequence[Rewrite]) -> list[Rewrite]:
    """The value without its step, which is equal to it at whole numbers."""
    return [
        replace(rewrite, after=Var(variables(rewrite.before)[0]))
        for rewrite in rewrites
        if rewrite.after is not None and len(variables(rewrite.before)) == 1
    ]


def _acting(points: Mapping[str, float], when: Condition | None) -> Condition:
    """Whether some guard is not set to its point yet."""

    def acts(hit: Match) -> bool:
        set_already = all(hit.values[name].value == value for name, value in points.items())
        return not set_already and (when is None or when(hit))

    return acts
