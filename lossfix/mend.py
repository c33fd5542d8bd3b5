"""Mending a file: rewrite it, run both versions of every loss that changed, keep what held.

Fixes are made contract by contract, the ones that need no asking first, and each step is judged
against the text it started from. A refuted fix is dropped, and the step made again without it.
"""

from __future__ import annotations

import os
from collections import ChainMap, Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from lossfix.check import findings_of, open_source, placed, with_problems
from lossfix.errors import LossfixError, SourceError
from lossfix.graph.module import NO_OVERRIDES
from lossfix.graph.packages import Packages
from lossfix.proving import Prover
from lossfix.report.rows import FileRow, FindingRow, State, finding_row
from lossfix.rewrite.diff import unified_diff
from lossfix.rewrite.edits import Fix
from lossfix.rewrite.engine import Decide, Rewritten, rewrite_text
from lossfix.rules.contracts import CONTRACTS, Contract, Relaxed
from lossfix.rules.findings import Finding, Site, site_of
from lossfix.rules.rule import Rule
from lossfix.rules.steer import choice_for
from lossfix.source.files import Source, write_source
from lossfix.source.roles import RoleOverrides
from lossfix.source.text import Text
from lossfix.verify.verdict import Outcome, Verdict

Ask = Callable[[FindingRow, str], bool]
"""Whether to make a fix, given its row and its own diff."""

BY_ANOTHER = "mended by another fix"
_BY_DEFAULT = tuple(kind.name for kind in CONTRACTS if kind.by_default)
_STEPS: tuple[tuple[str, ...], ...] = (
    _BY_DEFAULT,
    *((kind.name,) for kind in CONTRACTS if not kind.by_default and kind.name != "diagnosis"),
)


@dataclass(frozen=True)
class Settings:
    """What a person asked for. `prover` is None where nothing is to be run."""

    rules: Sequence[Rule]
    allow: frozenset[str] = frozenset()  # contract names and rule codes, as `allowed_by` gives
    sharpness: float | None = None
    write: bool = False
    ask: Ask | None = None
    prover: Prover | None = None
    roles: RoleOverrides = NO_OVERRIDES
    keep_unrun: bool = True  # fixes that could not be run stay, and are not called verified
    packages: Packages | None = None  # remembers files from one to the next


class Stage(NamedTuple):
    """The file's bytes with the fixes of the rules up to `code`, in the order of their codes."""

    code: str
    data: bytes


@dataclass(frozen=True)
class Mended:
    """What became of a file, and what it would be; no `stages` where it stays as it is."""

    row: FileRow
    source: Source | None = None
    text: str = ""
    stages: tuple[Stage, ...] = ()


@dataclass
class _Progress:
    """What has happened to a file so far."""

    content: str
    applied: list[Fix] = field(default_factory=list)
    verdicts: dict[Site, Verdict] = field(default_factory=dict)
    dropped: dict[Site, Verdict] = field(default_factory=dict)


def mend_file(path: Path, settings: Settings, function: str | None = None) -> FileRow:
    """The file rewritten, or what would be; written only where `settings.write` says so."""
    try:
        mended = _mended(path, settings, function, None)
        if settings.write and mended.source is not None and mended.row.diff:
            write_source(mended.source, mended.text)
        return mended.row
    except LossfixError as error:
        return FileRow(str(path), State.FAILED, str(error))


def mend_in_stages(path: Path, settings: Settings, data: bytes) -> Mended:
    """What would become of a file that holds `data`, rule by rule; nothing is written."""
    try:
        return _mended(path, settings, None, data, in_stages=True)
    except LossfixError as error:
        return Mended(FileRow(str(path), State.FAILED, str(error)))


def _mended(
    path: Path,
    settings: Settings,
    function: str | None,
    data: bytes | None,
    in_stages: bool = False,
) -> Mended:
    """Raises LossfixError."""
    source = open_source(path, function, settings.rules, data)
    if isinstance(source, FileRow):
        return Mended(source)
    mending = _Mending(source, settings, function)
    row = mending.row()
    stages = mending.stages() if in_stages and row.diff else ()
    return Mended(row, source, mending.progress.content, stages)


class _Mending:
    """One file on its way."""

    def __init__(self, source: Source, settings: Settings, function: str | None) -> None:
        self.source = source
        self.settings = settings
        self.function = function
        self.path = source.path
        self.progress = _Progress(source.text)
        self.chosen: frozenset[Site] | None = None
        self.reads: tuple[str, ...] = ()

    @property
    def _falls(self) -> tuple[Outcome, ...]:
        """The outcomes that a fix is dropped for."""
        kept = self.settings.keep_unrun
        return (Outcome.REFUTED,) if kept else (Outcome.REFUTED, Outcome.NOT_RUN)

    def row(self) -> FileRow:
        """Raises SourceError and RuleError."""
        packages = self.settings.packages or Packages()
        packages.clear_reads()
        findings = findings_of(
            self.source, self.settings.rules, self.function, packages, self.settings.roles
        )
        self.reads = tuple(sorted(packages.reads - {os.path.abspath(self.path)}))
        waiting: Sequence[Finding] = [found for found in findings if not found.suppressed]
        if not waiting:
            return self._row(findings, (), "")
        if self.settings.ask is not None:
            self.chosen = frozenset(self._asked(findings))
        for contracts in _STEPS:
            if any(f.rule.contract.name in contracts and self._allowed(f) for f in waiting):
                waiting = self._step(contracts)
        last = self._rewrite(self.progress.content, lambda finding: self._left_because(finding))
        rows = self._rows(findings, last)
        return self._row(findings, rows, self._diff(self.progress.content))

    def stages(self) -> tuple[Stage, ...]:
        """The file after the fixes of one rule, of that and the next, and so on to the last."""
        codes = sorted({fix.finding.rule.code for fix in self.progress.applied})
        try:
            texts = [self._only_rules(frozenset(codes[:n])) for n in range(1, len(codes))]
        except LossfixError:  # they cannot be told apart: all of it is the last one's
            codes, texts = codes[-1:], []
        texts.append(self.progress.content)
        return tuple(
            Stage(code, self.source.encoded(text)) for code, text in zip(codes, texts, strict=True)
        )

    def _only_rules(self, codes: frozenset[str]) -> str:
        """The text with those of the fixes that these rules made."""
        made = {fix.finding.rule.contract.name for fix in self.progress.applied}
        content = self.source.text

        def decide(finding: Finding) -> str:
            wanted = finding.rule.code in codes and finding.rule.contract.name in contracts
            dropped = site_of(finding) in self.progress.dropped
            return "" if wanted and not dropped and self._allowed(finding) else "later"

        for contracts in _STEPS:
            if made.intersection(contracts):
                content = self._rewrite(content, decide).text
        return content

    def _diff(self, content: str) -> str:
        """The change of the file that `content` makes."""
        before, after = (self.source.file_text(text) for text in (self.source.text, content))
        return unified_diff(before, after, self.path)

    def _row(self, findings: Sequence[Finding], rows: tuple[FindingRow, ...], diff: str) -> FileRow:
        """The finished row: what a comment suppresses stands apart, idle comments are findings."""
        text, path = Text(self.source.text), str(self.path)
        suppressed = tuple(finding_row(f, path, text) for f in findings if f.suppressed)
        if self.function is None:
            rows, suppressed = with_problems(
                rows, suppressed, findings, self.source, self.settings.rules
            )
        state = _state(rows)
        rows, suppressed = placed(rows, self.source), placed(suppressed, self.source)
        return FileRow(path, state, "", rows, diff, suppressed, reads=self.reads)

    def _rewrite(self, content: str, decide: Decide, forced: float | None = None) -> Rewritten:
        try:
            return rewrite_text(
                content,
                self.path,
                self.settings.rules,
                decide,
                function=self.function,
                sharpness=self.settings.sharpness,
                forced=forced,
                roles=self.settings.roles,
            )
        except SyntaxError as error:
            message = f"a fix would not parse ({error.msg}); nothing written"
            raise SourceError(str(self.path), message) from None

    # which fixes

    def _asked(self, findings: Sequence[Finding]) -> Iterator[Site]:
        assert self.settings.ask is not None
        text = Text(self.source.text)
        for finding in findings:
            if not finding.fixable:
                continue
            site = site_of(finding)
            alone = self._rewrite(self.source.text, _only(site, lambda _: ""))
            diff = self._diff(alone.text)
            row = finding_row(finding, str(self.path), text)
            if diff and self.settings.ask(row, diff):
                yield site

    def _allowed(self, finding: Finding) -> bool:
        if self.chosen is not None:
            return site_of(finding) in self.chosen
        contract = finding.rule.contract
        by_contract = contract.name in self.settings.allow and not contract.by_name_only
        return contract.by_default or by_contract or finding.rule.code in self.settings.allow

    def _left_because(self, finding: Finding) -> str:
        """Why a finding stays as it is; never empty."""
        dropped = self.progress.dropped.get(site_of(finding))
        if dropped is not None and dropped.outcome is Outcome.NOT_RUN:
            return f"not-runnable: {dropped.reason}"
        if dropped is not None:
            return "refuted: running both versions showed a difference"
        if self.chosen is not None:
            return "declined"
        if not self._allowed(finding):
            contract = finding.rule.contract
            name = finding.rule.code if contract.by_name_only else contract.name
            return f"needs-opt-in: --allow {name}"
        return "withheld: it would change what other fixes made"

    # one contract after the other

    def _step(self, contracts: tuple[str, ...]) -> Sequence[Finding]:
        """Every fix of these contracts that is allowed, less those that running does not let stand.

        Gives the findings that are left.
        """
        progress = self.progress
        start = progress.content

        def decide(finding: Finding) -> str:
            if finding.rule.contract.name not in contracts or not self._allowed(finding):
                return "later"
            return "dropped" if site_of(finding) in progress.dropped else ""

        while True:
            made = self._rewrite(start, decide)
            if made.text == start or self.settings.prover is None:
                break
            verdicts = self._verdicts(start, made, decide)
            fallen = {site: v for site, v in verdicts.items() if v.outcome in self._falls}
            if not fallen:
                progress.verdicts.update(verdicts)
                break
            progress.dropped.update(fallen)
        progress.content = made.text
        progress.applied.extend(made.applied)
        return [entry.finding for entry in made.left]

    def _verdicts(self, start: str, made: Rewritten, decide: Decide) -> dict[Site, Verdict]:
        """A verdict for each fix: of all fixes of its function together, or of it alone."""
        assert self.settings.prover is not None
        functions: dict[str, list[Fix]] = defaultdict(list)
        for fix in made.applied:
            functions[fix.finding.function].append(fix)
        tasks = [
            partial(self._verdicts_on, start, made.text, fixes, decide)
            for fixes in functions.values()
        ]
        return dict(ChainMap(*reversed(self.settings.prover.together(tasks))))

    def _verdicts_on(
        self, start: str, text: str, fixes: Sequence[Fix], decide: Decide
    ) -> dict[Site, Verdict]:
        """A verdict for each fix of one function."""
        together = self._run(start, text, fixes, decide)
        sites = [site_of(fix.finding) for fix in fixes]
        found = dict.fromkeys(sites, together)
        if together.outcome is Outcome.REFUTED and len(set(sites)) > 1:
            found = self._one_by_one(start, fixes, decide) or found
        return found

    def _one_by_one(self, start: str, fixes: Sequence[Fix], decide: Decide) -> dict[Site, Verdict]:
        """The fixes that alone are refuted; empty where it takes several of them."""
        refuted: dict[Site, Verdict] = {}
        for fix in fixes:
            site = site_of(fix.finding)
            only = _only(site, decide)
            alone = self._rewrite(start, only)
            if alone.text == start:
                continue
            verdict = self._run(start, alone.text, [fix], only)
            if verdict.outcome is Outcome.REFUTED:
                refuted[site] = verdict
        return refuted

    def _run(self, before: str, after: str, fixes: Sequence[Fix], decide: Decide) -> Verdict:
        assert self.settings.prover is not None
        findings = [fix.finding for fix in fixes]
        return self.settings.prover.prove(
            before,
            after,
            self.path,
            findings,
            _joint_contract(fixes),
            lambda k: self._rewrite(before, decide, k).text,
        )

    # what is shown

    def _rows(self, findings: Sequence[Finding], last: Rewritten) -> tuple[FindingRow, ...]:
        """Each original finding once, matched with what was applied and what is left."""
        text = Text(self.source.text)
        path = str(self.path)
        applied = _Pool([fix.finding for fix in self.progress.applied])
        reasons = {id(entry.finding): entry.reason for entry in last.left}
        left = _Pool([entry.finding for entry in last.left if not entry.finding.suppressed])
        rows: list[FindingRow] = []
        for finding in findings:
            if finding.suppressed:
                continue
            row = finding_row(finding, path, text)
            made = applied.take(finding)
            stayed = None if made is not None else left.take(finding)
            if made is not None:
                verdict = self.progress.verdicts.get(site_of(made))
                note = self._note(made)
                rows.append(replace(row, applied=True, reason="", verdict=verdict, note=note))
            elif stayed is None:
                rows.append(replace(row, reason=row.reason or BY_ANOTHER))
            else:
                verdict = self.progress.dropped.get(site_of(stayed))
                rows.append(replace(row, reason=reasons[id(stayed)], verdict=verdict))
        for extra in applied.rest():
            row = finding_row(extra, path, text)
            verdict = self.progress.verdicts.get(site_of(extra))
            rows.append(replace(row, applied=True, verdict=verdict, note=self._note(extra)))
        return tuple(rows)

    def _note(self, finding: Finding) -> str:
        choice = choice_for(finding, self.settings.sharpness)
        return choice.note if choice is not None else ""


class _Pool:
    """Findings to match the original ones with: by the same code there, else by the same rule."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self._by_site: defaultdict[Site, list[Finding]] = defaultdict(list)
        self._by_rule: defaultdict[tuple[str, str], list[Finding]] = defaultdict(list)
        self._taken: set[int] = set()
        for finding in findings:
            self._by_site[site_of(finding)].append(finding)
            self._by_rule[finding.rule.code, finding.function].append(finding)

    def take(self, finding: Finding) -> Finding | None:
        """The finding's entry, taken out; None where there is none."""
        kin = self._by_rule[finding.rule.code, finding.function]
        for entry in (*self._by_site[site_of(finding)], *kin):
            if id(entry) not in self._taken:
                self._taken.add(id(entry))
                return entry
        return None

    def rest(self) -> list[Finding]:
        entries = [entry for group in self._by_site.values() for entry in group]
        return [entry for entry in entries if id(entry) not in self._taken]


def _only(site: Site, decide: Decide) -> Decide:
    return lambda finding: decide(finding) if site_of(finding) == site else "not now"


def _joint_contract(fixes: Sequence[Fix]) -> Contract:
    """The weakest promise among contracts of one step, at the sharpness that the fix was given."""
    ranked = sorted(
        fixes,
        key=lambda fix: [kind.name for kind in CONTRACTS].index(fix.finding.rule.contract.name),
    )
    contract = ranked[-1].finding.rule.contract
    if isinstance(contract, Relaxed) and ranked[-1].sharpness is not None:
        return replace(contract, sharpness=ranked[-1].sharpness)
    return contract


def _state(rows: Sequence[FindingRow]) -> State:
    if not rows:
        return State.CLEAN
    states = Counter(row.applied or row.reason == BY_ANOTHER for row in rows)
    if not states[True]:
        return State.FINDINGS
    return State.PARTLY_FIXED if states[False] else State.FIXED
