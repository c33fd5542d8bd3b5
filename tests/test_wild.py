"""Losses as people write them: rewritten by the default rules, and every fix proved by running."""

from pathlib import Path

import pytest

from lossfix.mend import Settings, mend_file
from lossfix.proving import Prover
from lossfix.report.rows import State
from lossfix.rules.find import find
from lossfix.rules.registry import all_rules
from lossfix.verify import Options, Outcome

WILD = Path(__file__).parents[1] / "fixtures" / "wild"


@pytest.mark.tensorflow
@pytest.mark.parametrize("before", sorted(WILD.glob("*.before.py")), ids=lambda p: p.name)
def test_every_fix_is_verified_and_the_text_is_the_golden_one(before, tmp_path):
    copy = tmp_path / "loss.py"
    copy.write_bytes(before.read_bytes())
    with Prover(Options()) as prover:
        row = mend_file(copy, Settings(all_rules(), write=True, prover=prover))
    assert row.state is State.FIXED
    assert {finding.verdict.outcome for finding in row.findings} == {Outcome.VERIFIED}
    assert all(finding.verdict.regimes for finding in row.findings)
    golden = before.with_name(before.name.replace(".before.", ".after."))
    assert copy.read_text() == golden.read_text()


def test_healthy_losses_get_no_finding():
    assert find((WILD / "healthy.py").read_text(), all_rules()) == ()
