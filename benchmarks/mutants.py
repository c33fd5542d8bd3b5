"""How many wrong rewrites the verifier refutes, and whether it ever refutes a right one.

    python benchmarks/mutants.py [--rules LF101,LF2] [--most 16] [--sample N] [-j 2] [--quick]

Every rule's replacement is broken in many ways (`mutation.py`), printed into the rule's fixtures in
place of the right one, and held to the rule's contract by running. Mutants go to the cheapest
contexts first and to all the others where those find nothing. What survives is listed, and so is
what is set aside as equivalent, with its proof. Exit 1 where a right rewrite is refuted, or fewer
than 98 of 100 mutants are.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

from equivalence import loss_keeps, same_loss
from mutation import Mutant, mutants_of, spread

from lossfix.proving import hints_of
from lossfix.rewrite.engine import Rewritten, rewrite_text
from lossfix.rewrite.twin import twin_text
from lossfix.rules.contracts import Meaning, Monotone
from lossfix.rules.find import find
from lossfix.rules.findings import Finding, site_of
from lossfix.rules.pattern import Rewrite
from lossfix.rules.registry import all_rules, selected
from lossfix.rules.rule import Rule
from lossfix.verify import Options, Outcome, Program, Session, Verdict, verify_pair
from lossfix.verify.proof import prove

FIXTURES = Path(__file__).parents[1] / "fixtures" / "rules"
TARGET = 0.98
MOST = 16
QUICK = Options(device="cpu", modes=("eager",), dtypes=("float32", "float64"), brief=True)
WHOLE = Options(device="cpu", brief=True)


_NO_GRADIENT_EITHER = "no gradient passes the original either: the mutant mends nothing, and is it"
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
        return _REASONS.get((self.rule.code, kind), "")

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


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of one case. `proof` says why it is equivalent, where it is."""

    case: Case
    verdict: Verdict
    proof: str = ""

    @property
    def refuted(self) -> bool:
        return self.verdict.outcome is Outcome.REFUTED

    @property
    def survived(self) -> bool:
        return self.case.mutant is not None and not self.refuted and not self.proof


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
            if id(right.rewrite) not in reached:
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


def judged(case: Case, session: Session, *, quick: bool) -> Outcomes:
    """The verdict of running, in all contexts if need be, and the proof of an equivalent one."""
    if case.mutant is None:
        return Outcomes(case, _run(case, session, QUICK if quick else WHOLE))
    first = _run(case, session, QUICK)
    if first.outcome is Outcome.REFUTED:
        return Outcomes(case, first, _proof(case) if case.rule.contract.by_default else "")
    proof = _proof(case)
    if quick or proof:
        return Outcomes(case, first, proof)
    return Outcomes(case, _run(case, session, WHOLE))


def _run(case: Case, session: Session, options: Options) -> Verdict:
    function, path = case.findings[0].function, str(case.path)
    return verify_pair(
        Program(case.before, path, function),
        Program(case.at(None), path, function),
        case.rule.contract,
        hints_of(case.findings[0].unit, case.findings),
        options,
        after_at=case.at,
        twin=case.twin(),
        session=session,
    )


_proving = Lock()  # mpmath has one precision for the whole process


def _proof(case: Case) -> str:
    """Why a mutant is equivalent; empty where it is not known to be."""
    with _proving:
        return _proved(case)


def _proved(case: Case) -> str:
    assert case.mutant is not None
    contract = case.rule.contract
    changed = replace(case.rewrite, after=case.mutant.term)
    held = not isinstance(contract, Meaning) or contract.equal_on
    if held and not prove(replace(case.rule, rewrites=(changed,))):
        return f"the term keeps the {contract.name} contract over the reals, by mpmath"
    function = case.findings[0].function
    if same_loss(function, replace(case, mutant=None).at(None), case.at(None)):
        return "the whole loss is the right one's over the reals, in value and gradient, by mpmath"
    if isinstance(contract, Monotone) and loss_keeps(
        function, case.before, case.at(None), contract
    ):
        return "the whole loss keeps the monotone contract over the reals, by mpmath"
    return ""


def run(work: Sequence[Case], jobs: int, *, quick: bool) -> list[Outcomes]:
    """Every case, in `jobs` processes at a time."""
    with Session("cpu", jobs) as session, ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda case: judged(case, session, quick=quick), work))


# what is shown


def report(outcomes: Sequence[Outcomes]) -> int:
    """Prints a line a rule, the total, and every case that is not as it should be."""
    print(f"{'rule':8} {'contract':17} {'right':>6} {'mutants':>8} {'equivalent':>11}", end="")
    print(f" {'refuted':>8} {'survived':>9} {'not run':>8}")
    total: Counter[str] = Counter()
    for code in dict.fromkeys(o.case.rule.code for o in outcomes):
        each = [o for o in outcomes if o.case.rule.code == code]
        count = _count(each)
        total += count
        _line(code, each[0].case.rule.contract.name, count)
    _line("all", "", total)
    wrong = [o for o in outcomes if o.case.mutant is None and o.verdict.outcome != "verified"]
    broken = [o for o in outcomes if o.case.mutant is not None]
    _listed("right rewrites not verified", wrong)
    _listed("survivors", [o for o in broken if not o.refuted and not o.proof])
    _listed("equivalent, and set aside", [o for o in broken if o.proof and not o.refuted])
    _listed("refuted, though equal over the reals", [o for o in broken if o.proof and o.refuted])
    meant = total["refuted"] + total["survived"] + total["not run"]
    share = total["refuted"] / meant if meant else 1.0
    print(f"\n{total['refuted']} of {meant} mutants refuted: {share:.1%}; ", end="")
    refuted = sum(o.refuted for o in wrong)
    print(f"{refuted} of {total['right']} right rewrites refuted")
    return 1 if share < TARGET or refuted else 0


def _count(outcomes: Sequence[Outcomes]) -> Counter[str]:
    count: Counter[str] = Counter()
    for each in outcomes:
        if each.case.mutant is None:
            count["right"] += 1
            continue
        count["mutants"] += 1
        if each.refuted:
            count["refuted"] += 1
        elif each.proof:
            count["equivalent"] += 1
        else:
            not_run = each.verdict.outcome is Outcome.NOT_RUN
            count["not run" if not_run else "survived"] += 1
    return count


def _line(code: str, contract: str, count: Counter[str]) -> None:
    print(f"{code:8} {contract:17} {count['right']:6} {count['mutants']:8}", end="")
    print(f" {count['equivalent']:11} {count['refuted']:8} {count['survived']:9}", end="")
    print(f" {count['not run']:8}")


def _listed(title: str, outcomes: Sequence[Outcomes]) -> None:
    if outcomes:
        print(f"\n{title}:")
    for each in outcomes:
        found = f"{each.verdict.outcome.value}: {each.verdict.reason}"
        print(f"  {each.case.name}\n      {found}")
        if each.survived and each.case.reason:
            print(f"      {each.case.reason}")
        if each.proof:
            print(f"      {each.proof}")


def main() -> int:
    """Break, run, print, and give the exit code."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rules", default="", help="codes, prefixes or names, by commas")
    arguments.add_argument("--most", type=int, default=MOST, help="mutants a rule")
    arguments.add_argument("--sample", type=int, help="every Nth case only")
    arguments.add_argument("--quick", action="store_true", help="eagerly, in two dtypes, only")
    arguments.add_argument("-j", dest="jobs", type=int, default=2, help="worker processes")
    given = arguments.parse_args()
    rules = selected(given.rules.split(","), ()) if given.rules else all_rules()
    work = list(cases([rule for rule in rules if rule.fixable], given.most))[:: given.sample or 1]
    start = time.perf_counter()
    code = report(run(work, given.jobs, quick=given.quick))
    print(f"{time.perf_counter() - start:.0f} s with {given.jobs} workers")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
