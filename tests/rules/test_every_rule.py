"""The one test that every rule must pass: its contract, over the reals, on its whole domain."""

import pytest

from lossfix.rules.registry import all_rules
from lossfix.verify.proof import prove


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)
def test_the_replacement_keeps_the_rules_promise(rule):
    assert prove(rule) == ()
