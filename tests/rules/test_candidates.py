"""No rewrite that fits a value is left out before the match."""

import ast
from pathlib import Path

import pytest

from lossfix.graph.module import lift_module
from lossfix.rules.candidates import candidates_of
from lossfix.rules.find import facts_of
from lossfix.rules.match import match
from lossfix.rules.registry import all_rules

FIXTURES = Path(__file__).parents[2] / "fixtures"
TEXTS = sorted((FIXTURES / "rules").glob("*/*.before.py"))


def written(hit, there):
    """Whether all values of a match stand in the code: `exp(x)` as `-p` makes up a p = -exp(x)."""
    return all(node.number in there for node in hit.values.values())


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_fits_a_value_is_among_its_candidates(path):
    module = lift_module(ast.parse(path.read_text()))
    rules = tuple(all_rules())
    fitting = 0
    for facts in facts_of(module.units):
        there = {part.number for node in facts.unit.nodes for part in node.walk()}
        for node in facts.unit.nodes:
            among = {id(rewrite) for _, rewrite in candidates_of(rules).of(node)}
            for rewrite in (rewrite for rule in rules for rewrite in rule.rewrites):
                hits = match(rewrite, node, facts.unit, facts, module.numbers)
                if any(written(hit, there) for hit in hits):
                    fitting += 1
                    assert id(rewrite) in among, (rewrite.before, node.op)
    assert fitting, "nothing fits here: the test shows nothing"
