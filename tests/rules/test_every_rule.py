"""The one test that every rule must pass: its contract, over the reals, on its whole domain."""

import pytest

from lossfix.rules.contracts import Meaning
from lossfix.rules.registry import all_rules
from lossfix.rules.terms import variables
from lossfix.verify.proof import prove


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)
def test_the_replacement_keeps_the_rules_promise(rule):
    assert prove(rule) == ()


@pytest.mark.parametrize(
    "rule", [r for r in all_rules() if isinstance(r.contract, Meaning)], ids=lambda rule: rule.code
)
def test_a_replacement_that_changes_the_loss_is_held_to_something(rule):
    if rule.contract.by_row or rule.contract.same_value:
        return
    guards = {name for name, _, _ in rule.contract.equal_on}
    for rewrite in rule.rewrites:
        said = rewrite.meant is not None or guards & set(variables(rewrite.before))
        assert said or rewrite.after is None
