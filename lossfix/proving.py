"""Proving a fix: what the graph knows, handed to the verifier with both texts."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lossfix.graph.module import lift_module
from lossfix.graph.nodes import CONST, Unit
from lossfix.rules.conditions import at_root
from lossfix.rules.contracts import Contract
from lossfix.rules.findings import Finding
from lossfix.verify import (
    Hints,
    Options,
    Program,
    Session,
    Trace,
    Verdict,
    not_run,
    trace_gradients,
    verify_pair,
)

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
        return verify_pair(
            Program(before, str(path), function),
            Program(after, str(path), function),
            contract,
            hints_of(findings[0].unit, findings),
            self.options,
            after_at=after_at,
            session=self.session(),
        )

    def pair(
        self, before: Program, after: Program, contract: Contract, sharpness: float | None
    ) -> Verdict:
        """The verdict on any two losses. Raises NoDevice."""
        hints = program_hints(before, sharpness)
        return verify_pair(before, after, contract, hints, self.options, session=self.session())

    def trace(self, program: Program) -> Trace:
        """Where the gradient of a loss is lost. Raises NoDevice."""
        hints = program_hints(program, None)
        return trace_gradients(program, hints, self.options, session=self.session())


def program_hints(program: Program, sharpness: float | None) -> Hints:
    """What the graph knows of a loss, nothing where it does not know the function."""
    try:
        units = lift_module(ast.parse(program.text)).units
    except (SyntaxError, ValueError, RecursionError):
        return Hints(sharpness=sharpness)
    for unit in units:
        if unit.name == program.function:
            known = hints_of(unit, ())
            return Hints(known.thresholds, known.roles, True, sharpness)
    return Hints(sharpness=sharpness)


def hints_of(unit: Unit, findings: Sequence[Finding]) -> Hints:
    """Roles of the parameters, and thresholds that values are compared with."""
    roles = {name: role.value for name, (_, role) in unit.inputs.items()}
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
