"""Proving a fix: what the graph knows, handed to the verifier with both texts."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from lossfix.cache import verdicts
from lossfix.check import findings_of
from lossfix.errors import SourceError, VerifyError
from lossfix.graph.index import defaults_of
from lossfix.graph.module import lift_module
from lossfix.graph.nodes import CONST, Unit
from lossfix.rules.conditions import at_root
from lossfix.rules.contracts import Contract
from lossfix.rules.findings import Finding
from lossfix.rules.registry import all_rules, every_rule
from lossfix.rules.rule import Rule
from lossfix.source.files import Source
from lossfix.source.text import Text
from lossfix.verify import (
    Hints,
    Options,
    Outcome,
    Program,
    Session,
    Trace,
    Verdict,
    not_run,
    trace_gradients,
    verify_pair,
)
from lossfix.verify.proof import Flaw, prove
from lossfix.verify.request import contract_as_json, hints_as_json
from lossfix.verify.slice import SliceError, slice_module
from lossfix.verify.verdict import verdict_from_json

T = TypeVar("T")

_COMPARISONS = frozenset({"greater", "greater_equal", "less", "less_equal"})
_OTHER_UNITS = frozenset("sigmoid softmax tanh exp log log_softmax log_sigmoid".split())
"""Functions that give a value other units than the predictions have."""
_STEPS = {"round": 0.5, "sign": 0.0}
_STOPPED = "the run was stopped before there was a verdict"
_MODULE_LEVEL = "the loss stands at module level; put it in a function to have it run"


class Prover:
    """A warm worker, started with the first loss that is run. Use as a context manager.

    `jobs` losses are run at a time, where several threads ask. What an earlier run found is told
    again where `recalling`; what this one finds is kept either way. With `curves` each verdict
    carries one, for a report to draw.
    """

    def __init__(
        self, options: Options, jobs: int = 1, recalling: bool = True, curves: bool = False
    ) -> None:
        self.options = options
        self._curves = curves
        self.jobs = jobs
        self._recalling = recalling
        self._verdicts = verdicts.opened()
        self._session: Session | None = None
        self._lock = Lock()
        self._closed = False

    def __enter__(self) -> Prover:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the worker and what it runs; a verdict that is waited for is then VerifyError."""
        self._closed = True
        if self._session is not None:
            self._session.close()

    def session(self) -> Session:
        with self._lock:
            if self._closed:
                raise VerifyError(_STOPPED)
            if self._session is None:
                self._session = Session(self.options.device, self.jobs).__enter__()
            return self._session

    def together(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """What the tasks give, in their order; as many as there are jobs are done at a time."""
        if self.jobs == 1 or len(tasks) == 1:
            return [task() for task in tasks]
        with ThreadPoolExecutor(self.jobs) as threads:
            return list(threads.map(lambda task: task(), tasks))

    def prove(
        self,
        before: str,
        after: str,
        path: Path,
        findings: Sequence[Finding],
        contract: Contract,
        after_at: Callable[[float], str],
    ) -> Verdict:
        """The verdict on the function that the findings are in. Raises NoDevice."""
        function = findings[0].function
        if not function:
            return not_run(contract.name, _MODULE_LEVEL)
        verdict = self._verdict(
            Program(before, str(path), function),
            Program(after, str(path), function),
            contract,
            hints_of(findings[0].unit, findings),
            after_at,
        )
        return self._with_terms(verdict, [finding.rule for finding in findings])

    def pair(
        self, before: Program, after: Program, contract: Contract, sharpness: str | None
    ) -> Verdict:
        """The verdict on any two losses; `sharpness` names the argument of `after` that is its k.

        Raises NoDevice, and VerifyError where `after` has no such argument with a number.
        """
        if sharpness is None:
            return self._verdict(before, after, contract, program_hints(before, None))
        default = _default_of(after, sharpness)
        value = ast.literal_eval(default)
        return self._verdict(
            before,
            after,
            contract,
            program_hints(before, float(value)),
            lambda k: _with_default(after, default, k),
            sharpness,
        )

    def trace(self, program: Program) -> Trace:
        """Where the gradient of a loss is lost. Raises NoDevice."""
        hints = program_hints(program, None)
        return trace_gradients(program, hints, self.options, session=self.session())

    def _verdict(
        self,
        before: Program,
        after: Program,
        contract: Contract,
        hints: Hints,
        after_at: Callable[[float], str] | None = None,
        sharpness: str | None = None,
    ) -> Verdict:
        """The verdict of this run, or the same of an earlier one."""
        session, known = self.session(), self._verdicts
        question = {
            "device": session.device if self.options.device == "auto" else self.options.device,
            "options": asdict(self.options),
            "contract": contract_as_json(contract),
            "hints": hints_as_json(hints),
            "losses": [loaded_part(before), loaded_part(after)],
            "sharpness": sharpness,
            "curve": self._curves,
        }
        if known is not None and self._recalling:
            with suppress(KeyError, TypeError, ValueError):
                return verdict_from_json(known.known(question))
        asked = verdicts.now()
        verdict = verify_pair(
            before,
            after,
            contract,
            hints,
            self.options,
            after_at=after_at,
            session=session,
            curve=self._curves,
        )
        if self._closed:  # somebody stopped the run, which says nothing about the loss
            raise VerifyError(_STOPPED)
        if known is not None and verdict.outcome is not Outcome.NOT_RUN:
            known.keep(question, verdict.as_json(), verdict.reads, asked)
        return verdict

    def _with_terms(self, verdict: Verdict, rules: Sequence[Rule]) -> Verdict:
        """The verdict with the other level of evidence: each rule's term over the reals."""
        for rule in dict.fromkeys(rules):
            flaws = self._flaws(rule)
            if not flaws:
                note = f"term: {rule.code} keeps its promise over the reals, on its whole domain"
            elif flaws[0].kind == "structure":
                note = f"term: {rule.code} was not checked over the reals: {flaws[0].message}"
            elif verdict.outcome is Outcome.REFUTED:
                continue
            else:
                reason = f"over the reals, {rule.code} breaks its promise: {flaws[0].message}"
                return replace(verdict, outcome=Outcome.REFUTED, reason=reason)
            verdict = replace(verdict, notes=(note, *verdict.notes))
        return verdict

    def _flaws(self, rule: Rule) -> tuple[Flaw, ...]:
        """What is wrong with a rule's term; the registered rules are part of the cache's key."""
        if self._verdicts is None or rule not in every_rule():
            return term_flaws(rule)
        question = {"term": rule.code}
        with suppress(TypeError):
            return tuple(Flaw(**flaw) for flaw in self._verdicts.known(question))
        flaws = term_flaws(rule)
        self._verdicts.keep(question, [asdict(flaw) for flaw in flaws])
        return flaws


def loaded_part(program: Program) -> list[Any]:
    """What a loss is told by: where it is from, what is loaded of its module, what comments say."""
    try:
        part = slice_module(program.text, program.function)
    except SliceError:
        return [program.place, program.function, program.text]
    lines = program.text.splitlines()
    said = [line for line in lines if "lossfix:" in line]
    return [program.place, program.function, part.text, part.left_out, said]


_proving = Lock()  # mpmath has one precision for the whole process


def term_flaws(rule: Rule) -> tuple[Flaw, ...]:
    """What is wrong with a rule's term; worked out once a run."""
    with _proving:
        return _term_flaws(rule)


@cache
def _term_flaws(rule: Rule) -> tuple[Flaw, ...]:
    return prove(rule)


def _default_of(program: Program, argument: str) -> ast.expr:
    """The default of a function's argument: a positive number. Raises VerifyError."""
    unit = lift_module(_parsed(program)).unit(program.function)
    arguments = getattr(unit.tree, "args", None) if unit is not None else None
    for parameter, default in defaults_of(arguments) if arguments is not None else ():
        value = default.value if isinstance(default, ast.Constant) else None
        if parameter == argument and isinstance(value, (int, float)) and value > 0:
            return default
    where = f"{program.path}::{program.function}"
    raise VerifyError(f"{where} has no argument {argument!r} with a positive number as default")


def _with_default(program: Program, default: ast.expr, value: float) -> str:
    text = Text(program.text)
    span = text.span(default)
    return f"{program.text[: span.start]}{value!r}{program.text[span.end :]}"


def _parsed(program: Program) -> ast.Module:
    try:
        return ast.parse(program.text)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise SourceError(program.path, f"cannot be parsed: {error}", line) from None


def rules_at(program: Program, trace: Trace) -> list[Rule]:
    """The rules whose pattern holds a value of the traced line, the fixable ones first."""
    if trace.line == 0:
        return []
    source = Source(Path(program.path), program.text, "utf-8", False, "")
    found = [
        finding.rule
        for finding in findings_of(source, all_rules(), program.function)
        for node in finding.match.interior
        if node.origin is not None
        and node.origin.code.lineno <= trace.line <= (node.origin.code.end_lineno or 0)
    ]
    return sorted(dict.fromkeys(found), key=lambda rule: not rule.fixable)


def program_hints(program: Program, sharpness: float | None) -> Hints:
    """What the graph knows of a loss, nothing where it does not know the function."""
    unit = lift_module(_parsed(program)).unit(program.function)
    if unit is not None:
        known = hints_of(unit, ())
        return Hints(known.thresholds, known.roles, True, sharpness)
    return Hints(sharpness=sharpness)


def hints_of(unit: Unit, findings: Sequence[Finding]) -> Hints:
    """Roles of the parameters, and thresholds that values are compared with."""
    roles = {name: node.role.value for name, node in unit.inputs.items() if node.role}
    whole = any(at_root(finding.match) for finding in findings) if findings else True
    return Hints(tuple(dict.fromkeys(_thresholds(unit))), roles, whole)


def _thresholds(unit: Unit) -> Iterator[float]:
    for node in unit.nodes:
        if node.op in _COMPARISONS:
            if any(part.op in _OTHER_UNITS for part in node.walk()):
                continue  # a threshold on a share is none on the logits
            for arg in node.args:
                if arg.op == CONST and isinstance(arg.value, (int, float)):
                    yield float(arg.value)
        elif node.op in _STEPS:
            yield _STEPS[node.op]
