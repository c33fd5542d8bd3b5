"""Every rule's rewrite can be broken in many ways, and the verifier refutes what is broken."""

import pytest
from equivalence import loss_keeps, same_loss
from mutant_cases import cases
from mutants import run
from mutation import mutants_of, spread

from lossfix.rules.contracts import Exact, Monotone
from lossfix.rules.pattern import Rewrite
from lossfix.rules.registry import all_rules, selected
from lossfix.rules.terms import Bind, Var, ops, subterms
from lossfix.verify import Outcome

x, y = Var("x"), Var("y")
SAFE_ROOT = ops.where(x > 0, ops.sqrt(ops.where(x > 0, x, 1.0)), 0.0)
FIXABLE = [rule for rule in all_rules() if rule.fixable]


def mutants(after, before=None, contract=None):
    return mutants_of(Rewrite(before or ops.sqrt(x), after), contract or Exact())


@pytest.mark.parametrize("rule", FIXABLE, ids=lambda rule: rule.code)
def test_every_rewrite_is_broken_in_ten_ways_or_more(rule):
    for rewrite in rule.rewrites:
        if rewrite.after is not None:
            found = mutants_of(rewrite, rule.contract)
            assert len(found) >= 10
            assert rewrite.after not in [mutant.term for mutant in found]


def test_the_mistakes_that_people_make_are_among_them():
    terms = {mutant.term: mutant.kind for mutant in mutants(SAFE_ROOT)}
    assert terms[ops.where(x > 0, ops.sqrt(x), 0.0)] == "dropped guard"
    assert terms[ops.where(x < 0, ops.sqrt(ops.where(x < 0, x, 1.0)), 0.0)] == "flipped gate"
    assert terms[ops.where(x > 0, 0.0, ops.sqrt(ops.where(x > 0, x, 1.0)))] == "swapped branches"
    assert terms[-SAFE_ROOT] == "sign"
    assert terms[ops.sqrt(x) + 1e-7] == "epsilon outside"
    assert terms[ops.sqrt(x + 1e-7)] == "epsilon inside"


def test_a_part_that_is_used_twice_is_changed_in_both_places():
    total = Bind("total", ops.sum(x, axis=-1))
    found = [mutant.term for mutant in mutants(total / (1 + total))]
    summed = ops.mean(x, axis=-1)
    changed = [term for term in found if summed in subterms(term)]
    assert changed
    assert all(ops.sum(x, axis=-1) not in subterms(term) for term in changed)


def test_a_choice_of_a_few_takes_many_kinds():
    every = mutants(SAFE_ROOT)
    few = spread(every, 6)
    assert len(few) == len({mutant.kind for mutant in few}) == 6
    assert len(spread(every, 1000)) == len(every)


LOSS = "import tensorflow as tf\ndef loss(y_true, y_pred):\n    return {}\n"


def loss(body):
    return LOSS.format(body)


def test_a_whole_loss_is_the_same_over_the_reals_or_it_is_not():
    square = loss("tf.reduce_mean(tf.square(y_true - y_pred))")
    assert same_loss("loss", square, loss("tf.reduce_mean(tf.square(y_pred - y_true))"))
    assert not same_loss("loss", square, loss("tf.reduce_mean(tf.square(y_pred + y_true))"))
    assert not same_loss("loss", square, loss("unknown(y_true, y_pred)"))
    cut = loss("tf.reduce_mean(tf.square(y_true - tf.stop_gradient(y_pred)))")
    assert not same_loss("loss", square, cut)


def test_a_whole_loss_may_rise_with_another_one():
    before = loss("tf.reduce_mean(tf.exp(tf.abs(y_true - y_pred)))")
    after = "tf.reduce_logsumexp(tf.abs(y_true - y_pred))"
    assert loss_keeps("loss", before, loss(f"tf.square({after})"), Monotone())
    assert not loss_keeps("loss", before, loss(f"-{after}"), Monotone())


@pytest.mark.tensorflow
def test_mutants_of_some_rules_are_refuted_and_their_right_rewrites_are_not():
    work = list(cases(selected(["LF107", "LF140", "LF404"], ()), 4))
    work = [case for case in work if case.mutant or "single" in case.path.name]
    outcomes = [each for rule in run(work, 1, quick=True) for each in rule]
    right = [each for each in outcomes if each.case.mutant is None]
    broken = [each for each in outcomes if each.case.mutant is not None and not each.proof]
    assert [each.outcome for each in right] == [Outcome.VERIFIED] * 3
    assert len(broken) >= 9
    assert [each.case.name for each in broken if not each.refuted] == []
