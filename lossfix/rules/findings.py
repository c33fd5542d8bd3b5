"""Findings: the places where a rule matched, in the order of the text."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from lossfix.graph.nodes import Unit
from lossfix.rules.pattern import Match
from lossfix.rules.rule import Rule
from lossfix.source.text import Span

SUPPRESSED = "suppressed"
"""The reason code of a finding that a comment asks to leave alone."""

_KEY_LENGTH = 16  # hexadecimal digits


@dataclass(frozen=True, eq=False, slots=True)
class Finding:
    """A rule and the place where it matched."""

    rule: Rule
    match: Match
    span: Span  # what a fix would replace
    message: str
    reason: str = ""  # why there is no fix: a reason code, and a few words

    @property
    def unit(self) -> Unit:
        return self.match.unit

    @property
    def function(self) -> str:
        return self.match.unit.name

    @property
    def suppressed(self) -> bool:
        return self.reason.partition(":")[0] == SUPPRESSED

    @property
    def fixable(self) -> bool:
        return self.match.after is not None and not self.reason


@dataclass(frozen=True, slots=True)
class Site:
    """A finding that outlives its text: the rule, the function, and the code by its tree."""

    code: str
    function: str
    tree: str

    @property
    def key(self) -> str:
        """A short text that is the same in every process."""
        import hashlib

        told = f"{self.code}\0{self.function}\0{self.tree}"
        return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:_KEY_LENGTH]


def site_of(finding: Finding) -> Site:
    assert finding.match.root.origin is not None
    tree = ast.dump(finding.match.root.origin.code)
    return Site(finding.rule.code, finding.function, tree)
