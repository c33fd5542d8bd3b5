"""What the benchmark of mutants runs: each fixture mended rightly, and mended by a mutant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mutation import Mutant, mutants_of, spread

from lossfix.rewrite.engine import Rewritten, rewrite_text
from lossfix.rewrite.twin import twin_text
from lossfix.rules.contracts import Meaning
from lossfix.rules.find import find
from lossfix.rules.findings import Finding, site_of
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Rule

FIXTURES = Path(__file__).parents[1] / "fixtures" / "rules"
_NO_GRADIENT_EITHER = "no gradient passes the original either: the mutant mends nothing, and is it"
_NOTHING_TO_EQUAL = "the fix changes the loss, and nothing but its author says to which value"
_REASONS = {(code, "cut gradient"): _NO_GRADIENT_EITHER for code in ("LF301", "LF302", "LF306")}


@dataclass(frozen=True, slots=True)
class Case:
    """A fixture that one rewrite of one rule mends, by a replacement that is right or a mutant."""

    rule: Rule
    rewrite: Rewrite
    path: Path
    before: str
    findings: tuple[Finding, ...]
    mutant: Mutant | None = None

    @property
    def name(self) -> str:
        what = f"{self.mutant.kind}: {self.mutant.what}" if self.mutant else "the right rewrite"
        return f"{self.rule.code} {self.path.name.removesuffix('.before.py')}, {what}"

    @property
    def reason(self) -> str:
        """Why a mutant of this kind may survive, where that is known."""
        kind = self.mutant.kind if self.mutant is not None else ""
        unknown = "" if self.value_is_known else _NOTHING_TO_EQUAL
        return _REASONS.get((self.rule.code, kind), unknown)

    @property
    def value_is_known(self) -> bool:
        """Whether anything says what value the mended loss should have."""
        contract = self.rule.contract
        if not isinstance(contract, Meaning) or contract.by_row or contract.same_value:
            return True
        return bool(self.twin())

    def decide(self, finding: Finding) -> str:
        """Why another finding than the case's own is left."""
        sites = {site_of(each) for each in self.findings}
        return "" if site_of(finding) in sites else "in another function"

    def rewritten(self, sharpness: float | None) -> Rewritten:
        """The fixture rewritten once, by the mutant where there is one."""
        rule = self.rule
        if self.mutant is not None:
            term, index = self.mutant.term, rule.rewrites.index(self.rewrite)
            changed = [*rule.rewrites]
            changed[index] = replace(self.rewrite, after=term)
            rule = replace(rule, rewrites=tuple(changed))
        return rewrite_text(
            self.before, self.path, [rule], self.decide, sharpness=sharpness, once=True
        )

    def at(self, sharpness: float | None) -> str:
        return self.rewritten(sharpness).text

    def twin(self) -> str:
        """What a fix that changes the loss should be equal to, off its guard."""
        made = replace(self, mutant=None).rewritten(None).applied
        fixes = [fix.finding for fix in made]
        return twin_text(self.before, self.path, fixes, self.decide, once=True)


def cases(rules: Sequence[Rule], most: int) -> Iterator[Case]:
    """The right rewrite of every fixture, and mutants of every replacement that fixtures reach.

    `most` mutants a rule; each replacement is broken in the fixture that shows it first.
    """
    for rule in rules:
        broken: list[Case] = []
        reached: set[int] = set()
        for path in sorted(FIXTURES.glob(f"{rule.code}-*/*.before.py")):
            right = _right(rule, path)
            if right is None:
                continue
            yield right
            if most and id(right.rewrite) not in reached:
                reached.add(id(right.rewrite))
                broken.extend(_broken(right))
        mutants = [case.mutant for case in broken if case.mutant is not None]
        chosen = {id(mutant) for mutant in spread(mutants, most)}
        yield from (case for case in broken if id(case.mutant) in chosen)


def _right(rule: Rule, path: Path) -> Case | None:
    text = path.read_text()
    found = [f for f in find(text, [rule]) if f.fixable and f.function]
    if not found:
        return None
    name, rewrite = found[0].function, found[0].match.rewrite
    return Case(rule, rewrite, path, text, tuple(f for f in found if f.function == name))


def _broken(right: Case) -> Iterator[Case]:
    """Each text once: two mutants that print alike here are one."""
    seen = {right.before, right.at(None)}
    for mutant in mutants_of(right.rewrite, right.rule.contract):
        case = replace(right, mutant=mutant)
        try:
            text = case.at(None)
        except SyntaxError:
            continue
        if text not in seen:
            seen.add(text)
            yield case
