"""Every rewrite that people believe and should not: the verdict is the one it deserves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from traps import TRAPS, Trap

from lossfix.proving import Prover
from lossfix.verify import Options, Program

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def prover() -> Iterator[Prover]:
    with Prover(Options(device="cpu")) as warm:
        yield warm


@pytest.mark.parametrize(
    ("code", "trap"),
    [pytest.param(code, trap, id=f"{code} {trap.name}") for code, rows in TRAPS for trap in rows],
)
def test_trap(prover: Prover, code: str, trap: Trap) -> None:
    prover.options = replace(prover.options, inputs=trap.inputs)
    verdict = prover.pair(trap.before, trap.after, trap.contract, _sharpness(trap.after))
    assert verdict.outcome is trap.outcome, verdict.reason
    assert trap.says in verdict.reason
    assert trap.notes in " ".join(verdict.notes)


def _sharpness(after: Program) -> str | None:
    return "k" if ", k=" in after.text else None
