"""Offers: what an editor can do about one finding, each as the whole text with that one change.

A fix is offered alone, so that what is applied is what was run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from lossfix.check import findings_of, lifted
from lossfix.editing.question import Question
from lossfix.errors import LossfixError, RewriteError
from lossfix.graph.module import Module
from lossfix.graph.packages import Packages
from lossfix.rewrite.build import fix_for
from lossfix.rewrite.edits import Applicability, applicability
from lossfix.rewrite.engine import Decide, Rewritten, rewrite_text
from lossfix.rules.find import find_in
from lossfix.rules.findings import Finding, Site, site_of
from lossfix.rules.words import words_of
from lossfix.source.text import Text

REASON = "say why"
"""What stands for the reason of a suppression until its author gives one."""


@dataclass(frozen=True, eq=False, slots=True)
class Offer:
    """A fix of one finding. `reason` tells why it cannot be made; empty where it can."""

    finding: Finding
    site: Site
    kind: Applicability
    reason: str = ""


def offers_in(
    question: Question,
    packages: Packages | None = None,
    lines: tuple[int, int] | None = None,
    function: str | None = None,
) -> tuple[Offer, ...]:
    """An offer for each finding that has a fix: on these lines (1-based), or in this function.

    Raises SourceError where the text does not parse.
    """
    module = lifted(question.source, packages or Packages(), question.roles)
    text = Text(question.text)
    worth = words_of(tuple(question.rules)).units(module.index, text)
    found = find_in(module, text, question.rules, None, worth)
    offers: list[Offer] = []
    for finding in found:
        first = text.position(finding.span.start).line
        last = text.position(finding.span.end).line
        away = lines is not None and (last < lines[0] or lines[1] < first)
        if away or (function is not None and finding.function != function):
            continue
        if finding.match.after is None or finding.suppressed:
            continue
        offers.append(_offer(finding, text, module, question.sharpness))
    return tuple(offers)


def _offer(finding: Finding, text: Text, module: Module, sharpness: float | None) -> Offer:
    kind, site = applicability(finding), site_of(finding)
    if finding.reason:
        return Offer(finding, site, kind, finding.reason)
    try:
        fix_for(finding, text, module, sharpness)
    except RewriteError as error:
        return Offer(finding, site, kind, str(error))
    return Offer(finding, site, kind)


def fixed_alone(question: Question, key: str, sharpness: float | None = None) -> str:
    """The text with the one fix of this key made. Raises RewriteError where it cannot be."""
    decide = _only(frozenset({key}))
    made = _rewritten(question, decide, sharpness)
    if made.text == question.text:
        reasons = [e.reason for e in made.left if site_of(e.finding).key == key]
        raise RewriteError(next((r for r in reasons if r != _OTHER), "there is no such finding"))
    return made.text


def fixed_safely(
    question: Question, refuted: frozenset[str] = frozenset(), function: str | None = None
) -> str:
    """The text with every exact and guarded fix made, but the ones that were refuted.

    With `function`, those in it alone.
    """

    def decide(finding: Finding) -> str:
        if applicability(finding) is not Applicability.SAFE:
            return "needs-opt-in"
        if function is not None and finding.function != function:
            return _OTHER
        return "refuted" if site_of(finding).key in refuted else ""

    return _rewritten(question, decide, None).text


_OTHER = "not now"


def _only(keys: frozenset[str]) -> Decide:
    return lambda finding: "" if site_of(finding).key in keys else _OTHER


def _rewritten(question: Question, decide: Decide, forced: float | None) -> Rewritten:
    """Raises RewriteError where a fix would not parse, or does not settle."""
    try:
        return rewrite_text(
            question.text,
            question.path,
            question.rules,
            decide,
            sharpness=question.sharpness,
            forced=forced,
            roles=question.roles,
        )
    except SyntaxError as error:
        raise RewriteError(f"a fix would not parse ({error.msg})") from None


# suppressions


def suppressed(question: Question, code: str, line: int, end_line: int) -> str:
    """The text with a comment that silences this rule in a finding's statement.

    Raises RewriteError where no place for the comment silences it.
    """
    text = Text(question.text)
    before = ast.dump(ast.parse(question.text))
    count = _open_findings(question, code)
    for candidate in _with_comment(text, code, line, end_line):
        try:
            same = ast.dump(ast.parse(candidate)) == before
        except (SyntaxError, ValueError):
            continue
        changed = Question(question.path, candidate, question.rules, question.roles)
        if same and _open_findings(changed, code) < count:
            return candidate
    raise RewriteError("no-room: no place for a comment silences this finding; write it by hand")


def _with_comment(text: Text, code: str, line: int, end_line: int) -> Iterator[str]:
    """The comment at the end of the last line, of the first one, and above it."""
    comment = f"# lossfix: ignore[{code}] {REASON}"
    for number in dict.fromkeys((end_line, line)):
        whole = text.line(number)
        bare = whole.rstrip("\r\n")
        start = text.line_starts[number - 1]
        head = text.content[: start + len(bare)].rstrip(" \t")
        yield f"{head}  {comment}{text.content[start + len(bare):]}"
    start = text.line_starts[line - 1]
    whole = text.line(line)
    indent = whole[: len(whole) - len(whole.lstrip(" \t"))]
    yield f"{text.content[:start]}{indent}{comment}{text.newline}{text.content[start:]}"


def _open_findings(question: Question, code: str) -> int:
    try:
        found = findings_of(question.source, question.rules, None, None, question.roles)
    except LossfixError:
        return 0
    return sum(each.rule.code == code and not each.suppressed for each in found)
