"""A finding on a range says the range, and what set it."""

import math
from dataclasses import replace

import pytest

from lossfix.graph.intervals import UNKNOWN, Interval, point
from lossfix.rules import conditions as c
from lossfix.rules.contracts import Diagnosis
from lossfix.rules.find import find
from lossfix.rules.pattern import Rewrite
from lossfix.rules.range_text import interval_text
from lossfix.rules.registry import all_rules
from lossfix.rules.rule import ROOT
from lossfix.rules.terms import Var, ops

INF = math.inf
HEAD = "import tensorflow as tf\ndef my_loss(y_true, y_pred, eps=1e-7, margin=1.0):\n"
x = Var("x")


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(0.0, 1.0), "[0, 1]"),
        (Interval(0.0, INF, True, True), "(0, inf)"),
        (Interval(-INF, 0.0), "[-inf, 0]"),
        (UNKNOWN, "(-inf, inf)"),
        (Interval(1e-7, 0.5, False, True), "[1e-07, 0.5)"),
        (Interval(0.0, 0.9999998807907104), "[0, 0.999999881]"),
        (Interval(-1 / 3, 2 / 3), "[-0.333333, 0.666667]"),
        (point(1.0), "1"),
        (Interval(-0.0, 1.0), "[0, 1]"),
        (Interval(0.0, INF, nan=True), "[0, inf] or NaN"),
    ],
)
def test_an_interval_as_text(interval, text):
    assert interval_text(interval) == text


def rule(before, when=None, range_of="x"):
    return replace(
        all_rules()[0],
        rewrites=(Rewrite(before),),
        contract=Diagnosis(),
        when=when,
        range_of=range_of,
        message="m",
    )


def messages(body, one_rule):
    text = HEAD + "".join(f"    {line}\n" for line in body.splitlines())
    return [finding.message for finding in find(text, [one_rule])]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "p = tf.nn.softmax(y_pred)\nreturn tf.math.log(p) * y_true",
            "m; here p is in [0, 1] by softmax (line 3)",
        ),
        (
            "return tf.math.log(tf.nn.relu(y_pred)) * y_true",
            "m; here tf.nn.relu(y_pred) is in [0, inf) by relu (line 3)",
        ),
        (
            "q = tf.maximum(tf.tanh(y_pred), 0.0)\nreturn tf.math.log(1 - q) * y_true",
            "m; here 1 - q is in [0, 1] by tanh (line 3) and maximum (line 3)",
        ),
        ("return tf.math.log(2.0 * y_pred) * y_true", "m"),
        (
            "s = tf.reduce_sum(tf.nn.sigmoid(y_pred))\nreturn tf.math.log(\n    s\n    + eps\n)",
            "m; here s + eps is in [1e-10, inf) by sigmoid (line 3)",
        ),
    ],
)
def test_the_message_ends_with_the_range_and_its_cause(body, message):
    assert messages(body, rule(ops.log(x))) == [message]


def test_the_range_may_be_the_whole_matchs():
    body = "return tf.math.log(tf.sigmoid(y_pred)) * y_true"
    (message,) = messages(body, rule(ops.log(x), range_of=ROOT))
    assert message == (
        "m; here tf.math.log(tf.sigmoid(y_pred)) is in [-inf, 0] by sigmoid (line 3)"
    )


def test_a_rule_that_names_no_range_says_none():
    body = "return tf.math.log(tf.sigmoid(y_pred)) * y_true"
    assert messages(body, rule(ops.log(x), range_of="")) == ["m"]


def test_a_spelling_without_the_variable_says_none():
    body = "return tf.math.log(tf.sigmoid(y_pred)) * y_true"
    assert messages(body, rule(ops.log(x), range_of="t")) == ["m"]


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        (c.reaches("x", 0.0), "tf.nn.softmax(y_pred)", True),
        (c.reaches("x", 0.0), "tf.nn.softmax(y_pred) + 1e-10", False),
        (c.reaches("x", 0.0), "2.0 * y_pred", False),
        (c.reaches("x", 0.0), "tf.nn.sigmoid(y_pred) + 1e-8", False),
        (c.may_be_zero("x"), "2.0 * y_pred", True),
        (c.may_be_zero("x"), "tf.exp(tf.clip_by_value(y_pred, -9.0, 9.0))", False),
        (c.may_exceed("x"), "2.0 * y_pred", True),
        (c.may_exceed("x"), "tf.minimum(y_pred, 80.0)", False),
        (c.may_go_below("x", 0.0), "2.0 * y_pred", True),
        (c.may_go_below("x", 0.0), "tf.nn.relu(y_pred)", False),
        (c.nonnegative("x"), "tf.square(y_pred)", True),
        (c.nonnegative("x"), "2.0 * y_pred", False),
        (c.near("x", 0.0), "tf.abs(y_pred) + margin", True),
        (c.near("x", 0.0), "tf.abs(y_pred) + 1.0", False),
        (c.inside("x", 0.0, 1.0), "tf.sigmoid(y_pred)", True),
        (c.inside("x", 0.0, 1.0), "tf.tanh(y_pred)", False),
        (c.unshifted("x"), "y_pred - tf.reduce_max(y_pred, -1, keepdims=True)", False),
        (c.unshifted("x"), "2.0 * y_pred", True),
    ],
)
def test_a_condition_on_the_range_of_what_a_logarithm_is_taken_of(condition, value, holds):
    body = f"return tf.math.log({value}) * y_true"
    assert bool(messages(body, rule(ops.log(x), condition))) is holds
