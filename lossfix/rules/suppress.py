"""Suppression: findings that a comment asks to leave alone, and comments without effect."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lossfix.errors import RuleError
from lossfix.rules.findings import SUPPRESSED, Finding
from lossfix.rules.own import UNUSED_SUPPRESSION
from lossfix.rules.registry import every_rule, named
from lossfix.rules.rule import Rule
from lossfix.rules.steer import Rematch, steer
from lossfix.source.comments import Suppression, Wish, directives
from lossfix.source.text import Span, Text

_NO_EFFECT = UNUSED_SUPPRESSION.message


@dataclass(frozen=True, slots=True)
class Problem:
    """A comment that speaks to lossfix and has no effect, wholly or in part."""

    span: Span
    message: str
    suppressed: bool = False  # by a comment that names LF001


def mark_suppressed(findings: Sequence[Finding], text: Text) -> tuple[Finding, ...]:
    """The findings; those that a comment suppresses have that as their reason."""
    suppressions = directives(text).suppressions
    return tuple(_marked(finding, suppressions) for finding in findings)


def _marked(finding: Finding, suppressions: Sequence[Suppression]) -> Finding:
    for suppression in suppressions:
        if _reaches(suppression, finding) and _speaks_of(suppression.names, finding.rule):
            words = f": {suppression.reason}" if suppression.reason else ""
            return replace(finding, reason=f"{SUPPRESSED}{words}")
    return finding


def steer_by_comments(
    findings: Sequence[Finding], text: Text, rematch: Rematch
) -> tuple[Finding, ...]:
    """The findings, each with the kernel and sharpness that a comment on its statement asks for.

    One that asks for a kernel that the rule does not have withholds the fix, and says so.
    """
    wishes = directives(text).wishes
    return tuple(_steered(finding, wishes, rematch) for finding in findings)


def _steered(finding: Finding, wishes: Sequence[Wish], rematch: Rematch) -> Finding:
    here = [wish for wish in wishes if _stands_at(wish.about, finding)]
    try:
        return steer(finding, here, rematch) if here else finding
    except RuleError as error:
        return replace(finding, reason=f"no-such-kernel: {error}")


def problems(findings: Sequence[Finding], text: Text, rules: Sequence[Rule]) -> tuple[Problem, ...]:
    """What is wrong with a text's comments, given every finding of `rules` in the text.

    Names of rules that were not looked for are not judged.
    """
    if UNUSED_SUPPRESSION not in rules:
        return ()
    said = directives(text)
    found = [Problem(fault.span, fault.message) for fault in said.faults]
    for suppression in said.suppressions:
        messages = _judged(suppression, findings, rules)
        found.extend(Problem(suppression.span, message) for message in messages)
    found.sort(key=lambda problem: problem.span)
    return tuple(
        replace(problem, suppressed=_is_suppressed(problem, said.suppressions, text))
        for problem in found
    )


def _judged(
    suppression: Suppression, findings: Sequence[Finding], rules: Sequence[Rule]
) -> Iterator[str]:
    reached = [finding for finding in findings if _reaches(suppression, finding)]
    looked_for = {rule.code for rule in rules}
    if not suppression.names:
        if not reached and all(rule.code in looked_for for rule in every_rule()):
            yield _NO_EFFECT
        return
    idle: list[str] = []
    for name in suppression.names:
        try:
            meant = named(name, every_rule())
        except RuleError as error:
            yield str(error)
            continue
        unseen = any(rule.code not in looked_for for rule in meant)
        if unseen or UNUSED_SUPPRESSION in meant:
            continue
        if not any(_speaks_of((name,), finding.rule) for finding in reached):
            idle.append(name)
    if len(idle) == len(suppression.names):
        yield _NO_EFFECT
    elif idle:
        yield f"{', '.join(idle)} has no effect in this suppression; remove it"


def _is_suppressed(problem: Problem, suppressions: Sequence[Suppression], text: Text) -> bool:
    """Whether a comment that names LF001 reaches the problem: by itself no comment is excused."""
    line = text.position(problem.span.start).line
    return any(
        suppression.names
        and _speaks_of(suppression.names, UNUSED_SUPPRESSION)
        and (suppression.whole_file or suppression.about == line)
        for suppression in suppressions
    )


def _speaks_of(names: Sequence[str], rule: Rule) -> bool:
    """Whether one of the codes, prefixes and names means the rule; no names mean every rule."""
    return not names or any(
        rule.name == name.lower() or rule.code.startswith(name.upper()) for name in names
    )


def _reaches(suppression: Suppression, finding: Finding) -> bool:
    return suppression.whole_file or _stands_at(suppression.about, finding)


def _stands_at(line: int, finding: Finding) -> bool:
    origin = finding.match.root.origin
    if origin is None:
        return False
    first, last = _lines(origin.statement)
    return first <= line <= last


def _lines(statement: ast.stmt) -> tuple[int, int]:
    """First and last line of a statement; of a compound one, those of its header."""
    decorators = getattr(statement, "decorator_list", [])
    first = min([statement.lineno, *(each.lineno for each in decorators)])
    children = list(ast.iter_child_nodes(statement))
    header = [child for child in children if not _is_block(child)]
    if len(header) == len(children):
        return first, statement.end_lineno or statement.lineno
    ends = (getattr(part, "end_lineno", 0) for child in header for part in ast.walk(child))
    return first, max(statement.lineno, *ends, 0)


def _is_block(node: ast.AST) -> bool:
    return isinstance(node, (ast.stmt, ast.ExceptHandler, ast.match_case))
