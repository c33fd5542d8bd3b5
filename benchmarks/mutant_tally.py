"""What became of each case of the benchmark of mutants: kept in a file, counted and listed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from mutant_cases import Case

from lossfix.cache.program import program_digest
from lossfix.verify import Outcome

TARGET = 0.98


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one case. `proof` says why it is equivalent, where it is."""

    case: Case
    outcome: Outcome
    reason: str
    proof: str = ""
    quick: bool = False  # in the cheapest contexts alone
    notes: tuple[str, ...] = ()  # the verdict's, such as what was not held against the loss
    by: str = ""  # the state of lossfix that judged it

    @property
    def refuted(self) -> bool:
        return self.outcome is Outcome.REFUTED

    @property
    def survived(self) -> bool:
        return self.case.mutant is not None and not self.refuted and not self.proof

    @property
    def line(self) -> str:
        proof = f" ({self.proof})" if self.proof else ""
        return f"{self.case.name}: {self.outcome.value}, {self.reason}{proof}"


class Kept:
    """Outcomes in a file of JSON lines, so that a run that was cut short goes on where it was.

    A case is known by its name and both texts. One whose rule or fixture changed is judged again;
    one that another state of lossfix judged is not, and the report says so.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[tuple[str, str], dict[str, Any]] = {}
        self.by = (program_digest() or b"").hex()[:12]
        if path is not None and path.exists():
            for row in map(json.loads, path.read_text().splitlines()):
                self._known[row["case"], row["texts"]] = row

    def known(self, case: Case, *, quick: bool) -> Judged | None:
        """What was found earlier, if it decides: a quick survivor has yet to survive the rest."""
        row = self._known.get((case.name, _digest(case)))
        if row is None:
            return None
        found = Judged(
            case,
            Outcome(row["outcome"]),
            row["reason"],
            row["proof"],
            row["quick"],
            tuple(row["notes"]),
            row["by"],
        )
        decides = quick or not found.quick or (case.mutant is not None and not found.survived)
        return found if decides else None

    def add(self, judged: Judged) -> Judged:
        """Writes a line at once, and gives back what was judged and by which state of lossfix."""
        judged = replace(judged, by=self.by)
        if self._path is not None:
            row = {
                "case": judged.case.name,
                "texts": _digest(judged.case),
                "outcome": judged.outcome.value,
                "reason": judged.reason,
                "proof": judged.proof,
                "quick": judged.quick,
                "notes": judged.notes,
                "by": judged.by,
            }
            with self._path.open("a") as file:
                file.write(json.dumps(row) + "\n")
        return judged


def _digest(case: Case) -> str:
    return sha256(f"{case.before}\0{case.at(None)}".encode()).hexdigest()[:16]


# what is shown


def header() -> None:
    print(f"{'rule':8} {'contract':17} {'right':>6} {'mutants':>8} {'equivalent':>11}", end="")
    print(f" {'refuted':>8} {'survived':>9} {'not run':>8}", flush=True)


def line_of_rule(judged: Sequence[Judged]) -> None:
    """The counts of one rule."""
    rule = judged[0].case.rule
    _line(rule.code, rule.contract.name, _count(judged))


def report(judged: Sequence[Judged]) -> int:
    """Prints the total and every case that is not as it should be; gives the exit code."""
    total = _count(judged)
    _line("all", "", total)
    wrong = [o for o in judged if o.case.mutant is None and o.outcome is not Outcome.VERIFIED]
    broken = [o for o in judged if o.case.mutant is not None]
    _listed("right rewrites not verified", wrong)
    _listed("survivors", [o for o in broken if o.survived])
    _listed("equivalent, and set aside", [o for o in broken if o.proof and not o.refuted])
    _listed("refuted, though equal over the reals", [o for o in broken if o.proof and o.refuted])
    states = len({o.by for o in judged})
    if states > 1:
        print(f"\nthese were judged by {states} states of lossfix; a new file judges all anew")
    held = [o for o in broken if o.case.value_is_known]
    share = _share("mutants", held)
    if len(held) < len(broken):
        _share("mutants of fixes whose value only the author knows", broken, held)
    refuted = sum(o.refuted for o in wrong)
    print(f"{refuted} of {total['right']} right rewrites refuted")
    return 1 if share < TARGET or refuted else 0


def _share(what: str, judged: Sequence[Judged], less: Sequence[Judged] = ()) -> float:
    """Prints which part of mutants was refuted, the equivalent ones aside, and gives it."""
    count = _count(judged) - _count(less)
    meant = count["refuted"] + count["survived"] + count["not run"]
    share = count["refuted"] / meant if meant else 1.0
    print(f"\n{count['refuted']} of {meant} {what} refuted: {share:.1%}")
    return share


def _count(judged: Sequence[Judged]) -> Counter[str]:
    count: Counter[str] = Counter()
    for each in judged:
        if each.case.mutant is None:
            count["right"] += 1
            continue
        count["mutants"] += 1
        if each.refuted:
            count["refuted"] += 1
        elif each.proof:
            count["equivalent"] += 1
        else:
            count["not run" if each.outcome is Outcome.NOT_RUN else "survived"] += 1
    return count


def _line(code: str, contract: str, count: Counter[str]) -> None:
    print(f"{code:8} {contract:17} {count['right']:6} {count['mutants']:8}", end="")
    print(f" {count['equivalent']:11} {count['refuted']:8} {count['survived']:9}", end="")
    print(f" {count['not run']:8}", flush=True)


def _listed(title: str, judged: Sequence[Judged]) -> None:
    if judged:
        print(f"\n{title}:")
    for each in judged:
        print(f"  {each.case.name}\n      {each.outcome.value}: {each.reason}")
        if each.survived and each.case.reason:
            print(f"      {each.case.reason}")
        if each.proof:
            print(f"      {each.proof}")
