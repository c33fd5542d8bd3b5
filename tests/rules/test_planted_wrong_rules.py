"""Rules that are wrong on purpose: the proof must see each, and say what is wrong with it."""

from dataclasses import replace

import pytest

from lossfix.rules.contracts import Bounded, Exact, Guarded, Meaning, Monotone, StraightThrough
from lossfix.rules.pattern import Rewrite
from lossfix.rules.registry import all_rules
from lossfix.rules.rule import Domain
from lossfix.rules.terms import AttrVar, Bind, Sharpness, Var, ops
from lossfix.verify.proof import prove

RULES = {rule.code: rule for rule in all_rules()}
x, y, t, z = Var("x"), Var("y"), Var("t"), Var("z")
axis, keepdims = AttrVar("axis"), AttrVar("keepdims")
squared = Bind("squared", ops.sum(ops.square(x), axis=axis, keepdims=keepdims))
norm = ops.sqrt(ops.sum(ops.square(x), axis=axis, keepdims=keepdims))
softmax = ops.exp(x) / ops.sum(ops.exp(x), axis=axis, keepdims=True)
gate = ops.where(x > t, y, 0)

WRONG = {
    "a sign": ("LF107", ops.log(1 - ops.sigmoid(x)), ops.log_sigmoid(x), "value"),
    "another function": ("LF115", ops.log(1 + ops.exp(x)), ops.softplus(-x), "value"),
    "half of it": ("LF127", ops.exp(x) - 1, ops.exp(x), "value"),
    "a softmax over everything": ("LF116", softmax, ops.softmax(x, axis=axis), "value"),
    "a lost axis": ("LF116", softmax, ops.softmax(x), "value"),
    "a lost keepdims": (
        "LF117",
        ops.log(ops.sum(ops.exp(x), axis=axis, keepdims=keepdims)),
        ops.logsumexp(x, axis=axis),
        "value",
    ),
    "a guard everywhere": ("LF106", ops.log(ops.sigmoid(x)), ops.log_sigmoid(x) + 1e-9, "value"),
    "epsilon outside the root": ("LF140", norm, norm + 1e-12, "value"),
    "one where for two": (
        "LF140",
        norm,
        ops.where(squared > 0, ops.sqrt(squared + 0.0), ops.sqrt(squared)),
        "gradient",
    ),
    "the gate upside down": ("LF203", gate, (1 - ops.sigmoid(Sharpness() * (x - t))) * y, "gate"),
    "a step that is not one": (
        "LF201",
        ops.where(x > t, 1, 0),
        0.5 * ops.sigmoid(Sharpness() * (x - t)),
        "gate",
    ),
    "branches swapped": (
        "LF203",
        ops.where(x > t, 0, y),
        ops.sigmoid(Sharpness() * (x - t)) * y,
        "gate",
    ),
    "no gradient after all": (
        "LF207",
        ops.sign(x),
        ops.sign(x) + 0.0 * ops.stop_gradient(Sharpness() * x),
        "gradient",
    ),
    "an unknown variable": ("LF101", ops.log(ops.softmax(x)), ops.log_softmax(z), "structure"),
    "an unknown axis": (
        "LF101",
        ops.log(ops.softmax(x)),
        ops.log_softmax(x, axis=axis),
        "structure",
    ),
    "a sharpness in an exact rule": (
        "LF106",
        ops.log(ops.sigmoid(x)),
        ops.log_sigmoid(Sharpness() * x),
        "structure",
    ),
    "soft counts that are not": ("LF218", ops.round(ops.clip(x, 0, 1)), ops.square(x) + 1, "value"),
    "the entries of another column": (
        "LF105",
        ops.log(ops.column(ops.softmax(x), index=0)),
        ops.column(ops.log_softmax(x), index=1),
        "gradient",
    ),
    "0 by convention where the original is not": (
        "LF160",
        z / y,
        ops.divide_no_nan(z, y) * ops.cast(y > 1, dtype="float32"),
        "value",
    ),
    "a variance that is half of one": (
        "LF148",
        ops.mean(ops.square(x)) - ops.square(ops.mean(x)),
        ops.mean(ops.square(x - 0.5 * ops.mean(x))),
        "value",
    ),
    "a guard taken out of another function": (
        "LF109",
        ops.log(ops.sigmoid(x) + Var("eps")),
        ops.log_sigmoid(-x),
        "value",
    ),
    "a guard taken out with half the gradient": (
        "LF103",
        ops.log(ops.softmax(x) + Var("eps")),
        0.5 * ops.log_softmax(x) + ops.stop_gradient(0.5 * ops.log_softmax(x)),
        "gradient",
    ),
    "a focal loss whose weight is that of the other class": (
        "LF113",
        ops.pow(1 - ops.sigmoid(x), Var("g")) * ops.log(ops.sigmoid(x)),
        ops.exp(Var("g") * ops.log_sigmoid(x)) * ops.log_sigmoid(x),
        "value",
    ),
    "the textbook log of 1 - exp(x) with one where": (
        "LF120",
        ops.log(1 - ops.exp(x)),
        ops.where(x > -0.7, ops.log(-ops.expm1(x)), ops.log1p(ops.exp(x))),
        "value",
    ),
    "odds upside down": (
        "LF122",
        ops.sigmoid(x) / (1 - ops.sigmoid(x)),
        ops.exp(-x),
        "value",
    ),
    "log-cosh without its constant": (
        "LF129",
        ops.log(ops.cosh(x)),
        ops.abs(x) + ops.log1p(ops.exp(-2 * ops.abs(x))),
        "value",
    ),
    "a quotient's logarithm with the sign lost": (
        "LF133",
        ops.log(ops.exp(x) / y),
        x + ops.log(y),
        "value",
    ),
    "log(x ** 2) of negative x too": ("LF134", ops.log(ops.square(x)), 2 * ops.log(x), "value"),
    "a series cut off too early": (
        "LF157",
        ops.sin(x) / x,
        ops.where(ops.abs(x) > 1.0, ops.sin(x) / x, 1 - ops.square(x) / 6),
        "value",
    ),
    "a mean for a sum": (
        "LF171",
        ops.sum(ops.cast(x, dtype="float16")),
        ops.cast(ops.mean(x), dtype="float16"),
        "value",
    ),
    "nothing changed": ("LF404", ops.mean(x), ops.mean(x), "value"),
}
RELABELLED = {
    "log-sum-exp called equal to the mean": ("LF179", Exact(), "value"),
    "a norm called exactly guarded without a guard": ("LF144", Monotone(), "value"),
    "a gate called straight-through": ("LF218", StraightThrough(), "value"),
    "a logarithm called within a bound": ("LF179", Bounded(bound=0.5), "value"),
}


@pytest.mark.parametrize(("code", "before", "after", "kind"), WRONG.values(), ids=WRONG)
def test_a_wrong_replacement_is_seen(code, before, after, kind):
    domains = {"y": Domain(0.0, 5.0), "z": Domain(-5.0, 5.0), **RULES[code].domains}
    wrong = replace(RULES[code], rewrites=(Rewrite(before, after),), domains=domains)
    assert [flaw.kind for flaw in prove(wrong)] == [kind]
    assert prove(RULES[code]) == ()


@pytest.mark.parametrize(("code", "contract", "kind"), RELABELLED.values(), ids=RELABELLED)
def test_a_wrong_contract_is_seen(code, contract, kind):
    flaws = prove(replace(RULES[code], contract=contract))
    assert kind in {flaw.kind for flaw in flaws}


def test_another_loss_than_the_one_that_is_meant_is_seen():
    right = RULES["LF425"]
    rewrite, *_ = right.rewrites
    wrong = replace(
        right, rewrites=(replace(rewrite, after=ops.softmax(2.0 * z, axis=AttrVar("one_axis"))),)
    )
    assert [flaw.kind for flaw in prove(wrong)] == ["gradient"]  # equal logits have equal shares


def test_a_falling_function_is_not_monotone():
    wrong = replace(
        RULES["LF179"],
        rewrites=(Rewrite(ops.mean(ops.exp(x)), -ops.logsumexp(x)),),
    )
    assert prove(wrong)[0].kind in ("gradient", "order")


def test_a_guard_that_leaves_its_singular_set_open_is_seen():
    wrong = replace(RULES["LF144"], rewrites=(Rewrite(ops.sqrt(ops.square(x)), norm_like()),))
    assert [flaw.kind for flaw in prove(wrong)] == ["gradient"]
    assert isinstance(wrong.contract, Guarded)


def norm_like():
    return ops.where(x > 0, x, ops.sqrt(ops.square(x)))


def test_a_variable_without_a_domain_is_seen():
    wrong = replace(RULES["LF102"], domains={"x": Domain()})
    assert {flaw.kind for flaw in prove(wrong)} == {"structure"}
    assert isinstance(RULES["LF404"].contract, Meaning)
