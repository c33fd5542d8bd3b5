"""Proving a fix: what the graph knows, handed to the verifier with both texts."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from lossfix.check import findings_of
from lossfix.errors import SourceError, VerifyError
from lossfix.graph.index import defaults_of
from lossfix.graph.module import lift_module
from lossfix.graph.nodes import CONST, Unit
from lossfix.rules.conditions import at_root
from lossfix.rules.contracts import Contract
from lossfix.rules.findings import Finding
from lossfix.rules.registry import all_rules
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

_COMPARISONS = frozenset({"greater", "greater_equal", "less", "less_equal"})
_STEPS = {"round": 0.5, "sign": 0.0}
_MODULE_LEVEL = "the loss stands at module level; put it in a function to have it run"


class Prover:
    """A warm worker, started with the first loss that is run. Use as a context manager."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._session: Session | None = None

    def __enter__(self) -> Prover:
        return self

    def __exit__(self, *_: object) -> None:
        if self._session is not None:
            self._session.__exit__(None, None, None)

    def session(self) -> Session:
        if self._session is None:
            self._session = Session(self.options.device).__enter__()
        return self._session

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
        verdict = verify_pair(
            Program(before, str(path), function),
            Program(after, str(path), function),
            contract,
            hints_of(findings[0].unit, findings),
            self.options,
            after_at=after_at,
            session=self.session(),
        )
        return _with_terms(verdict, [finding.rule for finding in findings])

    def pair(
        self, before: Program, after: Program, contract: Contract, sharpness: str | None
    ) -> Verdict:
        """The verdict on any two losses; `sharpness` names the argument of `after` that is its k.

        Raises NoDevice, and VerifyError where `after` has no such argument with a number.
        """
        if sharpness is None:
            hints = program_hints(before, None)
            return verify_pair(before, after, contract, hints, self.options, session=self.session())
        default = _default_of(after, sharpness)
        value = ast.literal_eval(default)
        return verify_pair(
            before,
            after,
            contract,
            program_hints(before, float(value)),
            self.options,
            after_at=lambda k: _with_default(after, default, k),
            session=self.session(),
        )

    def trace(self, program: Program) -> Trace:
        """Where the gradient of a loss is lost. Raises NoDevice."""
        hints = program_hints(program, None)
        return trace_gradients(program, hints, self.options, session=self.session())


def _with_terms(verdict: Verdict, rules: Sequence[Rule]) -> Verdict:
    """The verdict with the other level of evidence: each rule's term over the reals."""
    for rule in dict.fromkeys(rules):
        flaws = term_flaws(rule)
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


@cache
def term_flaws(rule: Rule) -> tuple[Flaw, ...]:
    """What is wrong with a rule's term; worked out once a run."""
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
            for arg in node.args:
                if arg.op == CONST and isinstance(arg.value, (int, float)):
                    yield float(arg.value)
        elif node.op in _STEPS:
            yield _STEPS[node.op]
