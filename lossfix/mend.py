"""Mending a file: rewrite it, run both versions of every loss that changed, keep what held.

Fixes are made contract by contract, the ones that need no asking first, and each step is judged
against the text it started from. A refuted fix is dropped, and the step made again without it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lossfix.check import findings_of, open_source, with_problems
from lossfix.errors import LossfixError, SourceError
from lossfix.graph.module import NO_OVERRIDES
from lossfix.proving import Prover
from lossfix.report.rows import FileRow, FindingRow, State, finding_row
from lossfix.rewrite.diff import unified_diff
from lossfix.rewrite.edits import Fix
from lossfix.rewrite.engine import Decide, Rewritten, rewrite_text
from lossfix.rules.contracts import CONTRACTS, Contract
from lossfix.rules.findings import Finding, Site, site_of
from lossfix.rules.rule import Rule
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
        source = open_source(path, function, settings.rules)
        if isinstance(source, FileRow):
            return source
        return _Mending(source, settings, function).row()
    except LossfixError as error:
        return FileRow(str(path), State.FAILED, str(error))


class _Mending:
    """One file on its way."""

    def __init__(self, source: Source, settings: Settings, function: str | None) -> None:
        self.source = source
        self.settings = settings
        self.function = function
        self.path = source.path
        self.progress = _Progress(source.text)
        self.chosen: frozenset[Site] | None = None

    def row(self) -> FileRow:
        """Raises SourceError and RuleError."""
        findings = findings_of(
            self.source, self.settings.rules, self.function, None, self.settings.roles
        )
        waiting: Sequence[Finding] = [found for found in findings if not found.suppressed]
        if not waiting:
            return self._row(findings, (), "")
        if self.settings.ask is not None:
            self.chosen = frozenset(self._asked(findings))
        for contracts in _STEPS:
            if any(f.rule.contract.name in contracts and self._allowed(f) for f in waiting):
                waiting = self._step(contracts)
        last = self._rewrite(self.progress.content, lambda finding: self._left_because(finding))
        content = self.progress.content
        rows = self._rows(findings, last)
        if self.settings.write and content != self.source.text:
            write_source(self.source, content)
        return self._row(findings, rows, unified_diff(self.source.text, content, self.path))

    def _row(self, findings: Sequence[Finding], rows: tuple[FindingRow, ...], diff: str) -> FileRow:
        """The finished row: what a comment suppresses stands apart, idle comments are findings."""
        text, path = Text(self.source.text), str(self.path)
        suppressed = tuple(finding_row(f, path, text) for f in findings if f.suppressed)
        if self.function is None:
            rows, suppressed = with_problems(
                rows, suppressed, findings, self.source, self.settings.rules
            )
        return FileRow(path, _state(rows), "", rows, diff, suppressed)

    def _rewrite(self, content: str, decide: Decide, sharpness: float | None = None) -> Rewritten:
        try:
            return rewrite_text(
                content,
                self.path,
                self.settings.rules,
                decide,
                function=self.function,
                sharpness=sharpness or self.settings.sharpness,
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
            diff = unified_diff(self.source.text, alone.text, self.path)
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
        if site_of(finding) in self.progress.dropped:
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
        """Every fix of these contracts that is allowed, less those that running refutes.

        Gives the findings that are left.
        """
        progress = self.progress
        start = progress.content

        def decide(finding: Finding) -> str:
            if finding.rule.contract.name not in contracts or not self._allowed(finding):
                return "later"
            return "refuted" if site_of(finding) in progress.dropped else ""

        while True:
            made = self._rewrite(start, decide)
            if made.text == start or self.settings.prover is None:
                break
            verdicts = self._verdicts(start, made, decide)
            refuted = {s: v for s, v in verdicts.items() if v.outcome is Outcome.REFUTED}
            if not refuted:
                progress.verdicts.update(verdicts)
                break
            progress.dropped.update(refuted)
        progress.content = made.text
        progress.applied.extend(made.applied)
        return [entry.finding for entry in made.left]

    def _verdicts(self, start: str, made: Rewritten, decide: Decide) -> dict[Site, Verdict]:
        """A verdict for each fix: of all fixes of its function together, or of it alone."""
        verdicts: dict[Site, Verdict] = {}
        for name in dict.fromkeys(fix.finding.function for fix in made.applied):
            fixes = [fix for fix in made.applied if fix.finding.function == name]
            together = self._run(start, made.text, fixes, decide)
            sites = [site_of(fix.finding) for fix in fixes]
            found = dict.fromkeys(sites, together)
            if together.outcome is Outcome.REFUTED and len(set(sites)) > 1:
                found = self._one_by_one(start, fixes, decide) or found
            verdicts.update(found)
        return verdicts

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
            _joint_contract(findings),
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
                rows.append(replace(row, applied=True, reason="", verdict=verdict))
            elif stayed is None:
                rows.append(replace(row, reason=row.reason or BY_ANOTHER))
            else:
                verdict = self.progress.dropped.get(site_of(stayed))
                rows.append(replace(row, reason=reasons[id(stayed)], verdict=verdict))
        for extra in applied.rest():
            row = finding_row(extra, path, text)
            verdict = self.progress.verdicts.get(site_of(extra))
            rows.append(replace(row, applied=True, verdict=verdict))
        return tuple(rows)


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


def _joint_contract(findings: Sequence[Finding]) -> Contract:
    """The weakest promise among contracts of one step."""
    ranked = sorted(
        (finding.rule.contract for finding in findings),
        key=lambda contract: [kind.name for kind in CONTRACTS].index(contract.name),
    )
    return ranked[-1]


def _state(rows: Sequence[FindingRow]) -> State:
    if not rows:
        return State.CLEAN
    states = Counter(row.applied or row.reason == BY_ANOTHER for row in rows)
    if not states[True]:
        return State.FINDINGS
    return State.PARTLY_FIXED if states[False] else State.FIXED
