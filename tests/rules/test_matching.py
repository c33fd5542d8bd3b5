"""A term matches modulo commutativity, associativity, signs and the names of things."""

import pytest

from lossfix.rules.find import find
from lossfix.rules.registry import all_rules

HEAD = "import tensorflow as tf\ndef my_loss(y_true, y_pred):\n"


def codes(*lines):
    text = HEAD + "".join(f"    {line}\n" for line in lines)
    return [finding.rule.code for finding in find(text, all_rules())]


@pytest.mark.parametrize(
    "line",
    [
        "return tf.math.log(1 + tf.exp(y_pred)) - y_true",
        "return tf.math.log(tf.exp(y_pred) + 1.0) - y_true",
        "return -y_true + tf.math.log1p(tf.exp(y_pred))",
        "return tf.math.log(1 - -tf.exp(y_pred)) - y_true",
    ],
)
def test_orders_and_signs_do_not_hide_a_pattern(line):
    assert codes(line) == ["LF115"]


def test_the_gate_is_found_whichever_way_the_comparison_is_written():
    forms = ["y_pred > 0.5", "0.5 < y_pred", "y_pred >= 0.5", "tf.greater(y_pred, 0.5)"]
    for form in forms:
        assert codes(f"return tf.where({form}, y_true - y_pred, 0.0)") == ["LF203"], form


def test_a_pattern_spread_over_lines_is_one_finding_where_a_person_would_fix_it():
    text = HEAD + (
        "    e = tf.exp(y_pred)\n"
        "    s = tf.reduce_sum(e, -1, keepdims=True)\n"
        "    return -y_true * tf.math.log(e / s)\n"
    )
    (finding,) = find(text, all_rules())
    assert finding.rule.code == "LF102"
    assert text[finding.span.start : finding.span.end] == "-y_true * tf.math.log(e / s)"


def test_a_guard_above_takes_the_finding_away():
    guarded = ["y_pred = tf.clip_by_value(y_pred, -50.0, 50.0)", "z = tf.exp(y_pred)"]
    total = "tf.reduce_sum(z, -1)"
    assert codes(*guarded, f"return tf.math.log({total}) - y_true") == []
    assert codes("z = tf.exp(y_pred)", f"return tf.math.log({total}) - y_true") == ["LF117"]


def test_a_name_that_is_no_loss_is_looked_at_when_it_is_named():
    text = "import tensorflow as tf\ndef helper(a, b):\n    return tf.round(b) - a\n"
    assert find(text, all_rules()) == ()
    assert [f.rule.code for f in find(text, all_rules(), "helper")] == ["LF204"]
