"""How many wrong rewrites the verifier refutes, and whether it ever refutes a right one.

    python benchmarks/mutants.py [--rules LF101,LF2] [--most 16] [-j 2] [--quick] [--keep FILE]

Every rule's replacement is broken in many ways (`mutation.py`), printed into the rule's fixtures in
place of the right one, and held to the rule's contract by running. Mutants go to the cheapest
contexts first and to all the others where those find nothing. What survives is listed, and so is
what is set aside as equivalent, with its proof. With --keep each outcome is written to a file at
once, and a run that was cut short goes on from there. Exit 1 where a right rewrite is refuted, or
fewer than 98 of 100 mutants are. Mutants of a fix that changes the loss, to a value that only its
author can know, are counted apart.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from threading import Lock

from equivalence import loss_keeps, same_loss
from mutant_cases import Case, cases
from mutant_tally import Judged, Kept, header, line_of_rule, report

from lossfix.proving import hints_of
from lossfix.rules.contracts import Meaning, Monotone
from lossfix.rules.registry import all_rules, selected
from lossfix.verify import Options, Outcome, Program, Session, Verdict, verify_pair
from lossfix.verify.proof import prove

MOST = 16
QUICK = Options(device="cpu", modes=("eager",), dtypes=("float32", "float64"), brief=True)
WHOLE = Options(device="cpu", brief=True)


def judged(case: Case, session: Session, *, quick: bool) -> Judged:
    """The verdict of running, in all contexts if need be, and the proof of an equivalent one."""
    whole = not quick
    if case.mutant is None:
        return _judged(case, _run(case, session, WHOLE if whole else QUICK), whole=whole)
    first = _run(case, session, QUICK)
    refuted = first.outcome is Outcome.REFUTED
    proof = _proof(case) if not refuted or case.rule.contract.by_default else ""
    if refuted or proof or quick:
        return _judged(case, first, proof)
    return _judged(case, _run(case, session, WHOLE), whole=True)


def _judged(case: Case, verdict: Verdict, proof: str = "", *, whole: bool = False) -> Judged:
    found = verdict.outcome, verdict.reason, proof
    return Judged(case, *found, quick=not whole, notes=verdict.notes)


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
    held = (
        not isinstance(contract, Meaning)
        or contract.equal_on
        or contract.same_value
        or case.rewrite.meant is not None
    )
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


def run(
    work: Iterable[Case], jobs: int, *, quick: bool, keep: Path | None = None
) -> Iterator[list[Judged]]:
    """The cases of one rule after the other, in `jobs` processes at a time."""
    kept = Kept(keep)

    def one(case: Case) -> Judged:
        known = kept.known(case, quick=quick)
        if known is not None:
            return known
        start = time.perf_counter()
        found = kept.add(judged(case, session, quick=quick))
        print(f"{found.line} [{time.perf_counter() - start:.0f} s]", file=sys.stderr, flush=True)
        return found

    with Session("cpu", jobs) as session, ThreadPoolExecutor(jobs) as pool:
        for _, each in groupby(work, key=lambda case: case.rule.code):
            yield list(pool.map(one, each))


def main() -> int:
    """Break, run, print, and give the exit code."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rules", default="", help="codes, prefixes or names, by commas")
    arguments.add_argument("--most", type=int, default=MOST, help="mutants a rule")
    arguments.add_argument("--quick", action="store_true", help="eagerly, in two dtypes, only")
    arguments.add_argument("--keep", type=Path, help="a file that outcomes are kept in")
    arguments.add_argument("-j", dest="jobs", type=int, default=2, help="worker processes")
    given = arguments.parse_args()
    rules = selected(given.rules.split(","), ()) if given.rules else all_rules()
    work = cases([rule for rule in rules if rule.fixable], given.most)
    start = time.perf_counter()
    header()
    found: list[Judged] = []
    for each in run(work, given.jobs, quick=given.quick, keep=given.keep):
        line_of_rule(each)
        found += each
    code = report(found)
    print(f"{time.perf_counter() - start:.0f} s with {given.jobs} workers")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
