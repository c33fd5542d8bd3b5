"""Checking a text again while it is edited: only the functions that changed are lifted again.

What was found in a group of functions is kept with that group's key (`lossfix.editing.parts`), and
moves with its lines. A text that does not parse has the findings of the last one that did, where
its lines are still there.
"""

from __future__ import annotations

import ast
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lossfix.check import lifted, may_hold_a_finding, with_problems
from lossfix.editing.parts import TOP, PartId, Parts
from lossfix.errors import SourceError
from lossfix.graph.kinds import may_be_loss
from lossfix.graph.module import MODULE_LEVEL, NO_OVERRIDES, Module
from lossfix.graph.nodes import Node
from lossfix.graph.packages import Packages
from lossfix.report.rows import FindingRow, finding_row
from lossfix.rules.find import find_in
from lossfix.rules.findings import Finding, Site, site_of
from lossfix.rules.rule import Rule
from lossfix.rules.words import Worth, words_of
from lossfix.source.files import Source
from lossfix.source.gate import may_hold_a_loss, may_speak_to_lossfix
from lossfix.source.roles import RoleOverrides
from lossfix.source.text import Span, Text

_LINE = re.compile(r"(?<=\(line )\d+(?=\))")


@dataclass(frozen=True, slots=True)
class Note:
    """A place that a finding rests on: lines and columns 1-based, columns in code points."""

    path: str  # "" for the checked file itself
    line: int
    column: int
    end_line: int
    end_column: int
    message: str


@dataclass(frozen=True, slots=True)
class Noted:
    """A finding as an editor shows it. `site` is None for one that matches no value."""

    row: FindingRow
    site: Site | None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Loss:
    """A function that may be run to have its fixes proved; `line` is that of its `def`."""

    name: str
    line: int
    key: int  # equal keys: its text, and what it depends on in the file, are the same


@dataclass(frozen=True, slots=True)
class Checked:
    """All that is known of one text.

    `key_of` gives for a function's name what its findings and verdicts rest on. With an `error`
    the findings are those of an earlier text.
    """

    text: str
    findings: tuple[Noted, ...] = ()
    losses: tuple[Loss, ...] = ()
    keys: tuple[tuple[str, int], ...] = ()
    reads: frozenset[str] = frozenset()
    error: SourceError | None = None

    def key_of(self, function: str) -> int:
        keys = dict(self.keys)
        return keys.get(function.partition(".")[0], keys.get(TOP, 0))


@dataclass(frozen=True, slots=True)
class _Kept:
    """A finding with its lines as parts have them, so that it can move with them."""

    noted: Noted
    first: tuple[PartId, int]
    last: tuple[PartId, int]
    notes: tuple[tuple[tuple[PartId, int], tuple[PartId, int]] | None, ...]
    spoken: tuple[tuple[PartId, int], ...]  # lines that the message speaks of


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a group of functions was found to hold."""

    kept: tuple[_Kept, ...]
    reads: frozenset[str]


class Rechecker:
    """Checks the texts of one file, one after the other."""

    def __init__(self, path: Path, packages: Packages) -> None:
        self.path = path
        self.packages = packages
        self._answers: dict[int, _Answer] = {}
        self._good: Checked | None = None
        self._parts: Parts | None = None

    def forget(self) -> None:
        """Drop what rests on other files, which have changed."""
        self._answers = {}

    def check(
        self, text: str, rules: Sequence[Rule], roles: RoleOverrides = NO_OVERRIDES
    ) -> Checked:
        """The findings of a text. Raises RuleError for a rule pack that cannot be loaded."""
        data = text.encode("utf-8", "surrogatepass")
        if not may_hold_a_loss(data) or not may_hold_a_finding(text, self.path, rules):
            self._answers, self._good = {}, None
            return Checked(text)
        try:
            checked = self._check(text, rules, roles)
        except SourceError as error:
            return self._unparsed(text, error)
        self._good = checked
        return checked

    def _check(self, text: str, rules: Sequence[Rule], roles: RoleOverrides) -> Checked:
        source = Source(self.path, text, "utf-8", False, "")
        view = Text(text)
        self.packages.clear_reads()
        module = lifted(source, self.packages, roles)
        asked = hash((tuple(rule.code for rule in rules), roles))
        parts = self._parts = Parts(module.tree, view, asked, self._parts)
        answers: dict[int, _Answer] = {}
        if may_speak_to_lossfix(text):  # a comment may speak of the whole file
            found = _guarded(source, lambda: find_in(module, view, rules, None, None))
            findings = _with_comments(found, source, view, rules)
        else:
            answers = self._answers_for(parts, module, view, source, rules)
            findings = _moved(answers.values(), parts)
        reads = frozenset(path for answer in answers.values() for path in answer.reads)
        reads |= self.packages.reads
        self._answers = answers
        keys = {name: group.key for group in parts.groups for name in group.names}
        losses = tuple(_losses(module, findings, keys))
        own = {os.path.abspath(self.path)}
        return Checked(text, findings, losses, tuple(keys.items()), frozenset(reads - own))

    def _answers_for(
        self, parts: Parts, module: Module, view: Text, source: Source, rules: Sequence[Rule]
    ) -> dict[int, _Answer]:
        """What each group holds: kept where its key is known, else found."""
        known = {group.key: self._answers.get(group.key) for group in parts.groups}
        names = {name for group in parts.groups if known[group.key] is None for name in group.names}
        if not names:
            return {key: answer for key, answer in known.items() if answer is not None}
        homes = {name: group.key for group in parts.groups for name in group.names}
        worth = _worth(names, homes, module, view, rules)
        found: Sequence[Finding] = ()
        if worth.losses or worth.others:
            found = _guarded(source, lambda: find_in(module, view, rules, None, worth))
        kept: defaultdict[int, list[_Kept]] = defaultdict(list)
        for finding in found:
            home = homes.get(_outermost(finding.function), homes.get(TOP, 0))
            kept[home].append(_kept(_noted(finding, source, view), parts))
        reads = frozenset(self.packages.reads)
        return {
            key: _Answer(tuple(kept[key]), reads) if answer is None else answer
            for key, answer in known.items()
        }

    def _unparsed(self, text: str, error: SourceError) -> Checked:
        """The findings of the last text that parsed, whose lines are still there."""
        if self._good is None:
            return Checked(text, error=error)
        findings = tuple(_still_there(self._good, text))
        return Checked(text, findings, reads=self._good.reads, error=error)


def _guarded(source: Source, find: Callable[[], Sequence[Finding]]) -> Sequence[Finding]:
    try:
        return find()
    except RecursionError:
        raise SourceError(str(source.path), "is nested too deeply to be analysed") from None


def _outermost(name: str) -> str:
    return name.partition(".")[0]


def _worth(
    names: set[str], homes: dict[str, int], module: Module, view: Text, rules: Sequence[Rule]
) -> Worth:
    """The units by these outermost names that are worth lifting."""
    index = module.index
    places = {
        name: place
        for name, place in index.places.items()
        if (_outermost(name) if _outermost(name) in homes else TOP) in names
    }
    worth = words_of(tuple(rules)).units(replace(index, places=places), view)
    if TOP in names:
        return worth
    losses = tuple(name for name in worth.losses if name != MODULE_LEVEL)
    return Worth(losses, worth.others)


def _with_comments(
    findings: Sequence[Finding], source: Source, view: Text, rules: Sequence[Rule]
) -> tuple[Noted, ...]:
    """The findings that no comment silences, and the comments without effect."""
    open_ = [_noted(each, source, view) for each in findings if not each.suppressed]
    rows, _ = with_problems((), (), findings, source, rules)
    noted = [*open_, *(Noted(row, None) for row in rows)]
    return tuple(sorted(noted, key=lambda each: (each.row.line, each.row.column)))


def _losses(module: Module, findings: Sequence[Noted], keys: dict[str, int]) -> Iterator[Loss]:
    """The losses by their names, and what has a finding."""
    found = {each.row.function for each in findings}
    for name, place in module.index.places.items():
        if name in found or may_be_loss(place, module.index):
            key = keys.get(_outermost(name), keys.get(TOP, 0))
            yield Loss(name, place.tree.lineno, key)


# findings with the places that they rest on


def _noted(finding: Finding, source: Source, view: Text) -> Noted:
    row = finding_row(finding, str(source.path), view)
    return Noted(row, site_of(finding), tuple(_notes(finding, view)))


def _notes(finding: Finding, view: Text) -> Iterator[Note]:
    """Where the values come from that make the pattern, outside the text that was found."""
    seen: list[Span] = [finding.span]
    names = {d.value.number: d.name for d in reversed(finding.unit.definitions)}
    home = finding.match.root.origin.frame.home if finding.match.root.origin else None
    for node in sorted(finding.match.interior, key=_size, reverse=True):
        origin = node.origin
        if origin is None or node is finding.match.root:
            continue
        name = names.get(node.number)
        message = f"{name} comes from here" if name else f"{node.op} is part of it"
        if origin.frame.home is not home:
            code = origin.code
            yield Note(
                origin.frame.home.path,
                code.lineno,
                code.col_offset + 1,
                code.end_lineno or code.lineno,
                (code.end_col_offset or 0) + 1,
                message,
            )
            continue
        span = view.span(origin.code)
        if any(other.covers(span) for other in seen):
            continue
        seen.append(span)
        start, end = view.position(span.start), view.position(span.end)
        yield Note("", start.line, start.column, end.line, end.column, message)


def _size(node: Node) -> int:
    """How much text a value takes, roughly: lines count most."""
    code: ast.expr | ast.AugAssign | None = node.origin.code if node.origin else None
    if code is None:
        return 0
    lines = (code.end_lineno or code.lineno) - code.lineno
    return lines * 1000 + (code.end_col_offset or 0) - code.col_offset


# findings that move


def _kept(noted: Noted, parts: Parts) -> _Kept:
    row = noted.row
    return _Kept(
        noted,
        parts.within(row.line),
        parts.within(row.end_line),
        tuple(
            None if note.path else (parts.within(note.line), parts.within(note.end_line))
            for note in noted.notes
        ),
        tuple(parts.within(int(found.group())) for found in _LINE.finditer(row.message)),
    )


def _moved(answers: Iterable[_Answer], parts: Parts) -> tuple[Noted, ...]:
    """The findings where they stand in the text of `parts`, in its order."""
    found = [_at(kept, parts) for answer in answers for kept in answer.kept]
    return tuple(
        sorted(found, key=lambda n: (n.row.line, n.row.column, n.row.end_line, n.row.end_column))
    )


def _at(kept: _Kept, parts: Parts) -> Noted:
    row, notes = kept.noted.row, kept.noted.notes
    spoken = iter(kept.spoken)
    moved = replace(
        row,
        line=parts.line(*kept.first),
        end_line=parts.line(*kept.last),
        message=_LINE.sub(lambda _: str(parts.line(*next(spoken))), row.message),
    )
    places = tuple(
        (
            note
            if lines is None
            else replace(note, line=parts.line(*lines[0]), end_line=parts.line(*lines[1]))
        )
        for note, lines in zip(notes, kept.notes, strict=True)
    )
    return Noted(moved, kept.noted.site, places)


def _still_there(good: Checked, text: str) -> Iterator[Noted]:
    """Findings whose lines stand before or after all that differs between two texts."""
    old, new = good.text.split("\n"), text.split("\n")
    same = 0
    while same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    tail = 0
    while tail < min(len(old), len(new)) - same and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    shift = len(new) - len(old)
    for noted in good.findings:
        row = noted.row
        if row.end_line <= same:
            yield Noted(row, noted.site)
        elif row.line > len(old) - tail:
            moved = replace(row, line=row.line + shift, end_line=row.end_line + shift)
            yield Noted(moved, noted.site)
