"""Every rewrite that people believe and should not: the verdict is the one it deserves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from more_traps import MORE
from traps import TRAPS, Trap

from lossfix.proving import Prover
from lossfix.verify import Options, Program
from lossfix.verify.backends import installed

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def prover() -> Iterator[Prover]:
    with Prover(Options(device="cpu")) as warm:
        yield warm


@pytest.mark.parametrize(
    ("code", "trap"),
    [
        pytest.param(code, trap, id=f"{code} {trap.name}")
        for code, rows in (*TRAPS, ("more", MORE))
        for trap in rows
    ],
)
def test_trap(prover: Prover, code: str, trap: Trap) -> None:
    if not installed(trap.framework):
        pytest.skip(f"{trap.framework} is not installed")
    prover.options = replace(prover.options, inputs=trap.inputs)
    verdict = prover.pair(trap.before, trap.after, trap.contract, _sharpness(trap.after))
    assert verdict.outcome is trap.outcome, verdict.reason
    assert trap.says in verdict.reason
    assert trap.notes in " ".join(verdict.notes)


def test_every_trap_is_there() -> None:
    codes = [code for code, rows in TRAPS if rows]
    assert codes == [f"T{number:02}" for number in range(1, 29)]


def _sharpness(after: Program) -> str | None:
    return "k" if ", k=" in after.text else None
