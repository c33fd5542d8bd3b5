"""Edits as values: what a fix does to the text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from lossfix.rewrite.snippet import Snippet
from lossfix.rules.findings import Finding
from lossfix.source.text import Span


class Applicability(Enum):
    """When a fix is made, by its contract."""

    SAFE = "safe"  # by default
    UNSAFE = "unsafe"  # with --allow and the contract's name
    BY_NAME = "by name"  # with --allow and the rule's code or name
    DISPLAY_ONLY = "display-only"  # never


@dataclass(frozen=True, slots=True)
class Import:
    """`import module as name`."""

    module: str
    name: str


@dataclass(frozen=True, eq=False, slots=True)
class Edit:
    """One expression replaced, and what the new one needs.

    `span` is the expression, or the augmented assignment, in the text; `new` what takes its place
    (`target = new` for an augmented assignment). `bindings` are assignments that go before the
    statement at `statement`; `imports` are added at the top.
    """

    span: Span
    new: Snippet
    statement: Span
    bindings: tuple[tuple[str, Snippet], ...] = ()
    imports: tuple[Import, ...] = ()
    target: str = ""  # the name on the left of an augmented assignment


@dataclass(frozen=True, eq=False, slots=True)
class Fix:
    """A finding with the edit that mends it."""

    finding: Finding
    edit: Edit
    sharpness: float | None = None  # of a smooth fix


def applicability(finding: Finding) -> Applicability:
    contract = finding.rule.contract
    if finding.match.after is None:
        return Applicability.DISPLAY_ONLY
    if contract.by_default:
        return Applicability.SAFE
    return Applicability.BY_NAME if contract.by_name_only else Applicability.UNSAFE
