"""Trials: the fixes of one function, each run alone against the text that it was found in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lossfix.editing.offers import Offer, fixed_alone, fixed_safely, offers_in
from lossfix.editing.question import Question
from lossfix.errors import RewriteError
from lossfix.proving import Prover, rules_at
from lossfix.report.alone import alone
from lossfix.report.titles import fix_title
from lossfix.report.why_text import why_text
from lossfix.rewrite.edits import Applicability
from lossfix.rules.contracts import CONTRACTS, Contract, Meaning
from lossfix.verify import Outcome, Program, Verdict, not_run

TOGETHER = "together"
"""The key of the trial of all exact and guarded fixes of a function at once."""

ALONE = "alone"
"""The key of the look at a loss that has no fix."""

Step = Callable[[int, int, str], None]
"""Is told how many trials are done, how many there are, and what is run next."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A fix, or all that are safe, and what running it showed. `title` is for a menu."""

    key: str
    code: str
    title: str
    verdict: Verdict


def trials_of(question: Question, function: str, prover: Prover, step: Step) -> Iterator[Trial]:
    """A trial of each fix in a function; of the loss itself where it has none.

    Raises SourceError where the text does not parse, and NoDevice.
    """
    offers = [each for each in offers_in(question, function=function) if not each.reason]
    sites = {offer.site.key: offer for offer in offers}  # the same code twice is one fix
    safe = [key for key, offer in sites.items() if offer.kind is Applicability.SAFE]
    total = len(sites) + (len(safe) > 1) or 1
    if not sites:
        step(0, total, "the loss itself")
        yield _looked_at(question, function, prover)
        return
    for number, (key, offer) in enumerate(sites.items()):
        rule = offer.finding.rule
        title = fix_title(rule, question.sharpness)
        step(number, total, f"{rule.code}: {title}")
        yield Trial(key, rule.code, title, _tried(question, key, offer, prover))
    if len(safe) > 1:
        step(len(sites), total, "all exact and guarded fixes together")
        yield _together(question, function, [sites[key] for key in safe], prover)


def _tried(question: Question, key: str, offer: Offer, prover: Prover) -> Verdict:
    contract = offer.finding.rule.contract
    try:
        after = fixed_alone(question, key)
    except RewriteError as error:
        return not_run(contract.name, str(error))
    return prover.prove(
        question.text,
        after,
        question.path,
        [offer.finding],
        contract,
        lambda k: fixed_alone(question, key, k),
    )


def _together(question: Question, function: str, offers: Sequence[Offer], prover: Prover) -> Trial:
    contract = _weakest([offer.finding.rule.contract for offer in offers])
    try:
        after = fixed_safely(question, function=function)
    except RewriteError as error:
        return Trial(TOGETHER, "", "All together", not_run(contract.name, str(error)))
    findings = [offer.finding for offer in offers]
    verdict = prover.prove(question.text, after, question.path, findings, contract, lambda _: after)
    return Trial(TOGETHER, "", "All exact and guarded fixes together", verdict)


def _weakest(contracts: Sequence[Contract]) -> Contract:
    order = [kind.name for kind in CONTRACTS]
    return max(contracts, key=lambda contract: order.index(contract.name))


def _looked_at(question: Question, function: str, prover: Prover) -> Trial:
    program = Program(question.text, str(question.path), function)
    trace = prover.trace(program)
    verdict = alone(trace, prover.pair(program, program, Meaning(), None))
    return Trial(ALONE, "", "The loss itself", verdict)


def why(question: Question, function: str, prover: Prover) -> tuple[str, int, bool]:
    """Where the gradient of a loss is lost, in words; the line, 0 for none; whether it ran."""
    program = Program(question.text, str(question.path), function)
    trace = prover.trace(program)
    rules = rules_at(program, trace)
    text = why_text(trace, program.path, function, rules)
    return text, trace.line, trace.status != "not run"


def outcome_of(trials: Sequence[Trial]) -> Outcome:
    """Refuted where one is, else not run where one is, else verified."""
    found = {trial.verdict.outcome for trial in trials}
    for outcome in (Outcome.REFUTED, Outcome.NOT_RUN):
        if outcome in found or not found:
            return outcome
    return Outcome.VERIFIED
