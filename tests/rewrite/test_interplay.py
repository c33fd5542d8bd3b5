"""Any two rules on one loss: one text whichever comes first, no cycle, the special one wins."""

import itertools
from pathlib import Path

import pytest
from spelling import TF, Unwritable, spelled

from lossfix.rewrite.engine import rewrite_text
from lossfix.rules.registry import all_rules, named

PATH = Path("pair.py")
_ATTRS = {
    **dict.fromkeys(("axis", "one_axis", "last", "unit"), "-1"),
    "keepdims": "True",
    "dtype": "tf.float32",
    "integer": "tf.int32",
    "half": "tf.float16",
    "index": "0",
    "place": "0",
    "copies": "[1, 1]",
    "over": "None",
    "none": "None",
    "shape": "(3, 2)",
    "smooth": "0.0",
    "k": "5",
    "threshold": "0.5",
    "out": "tf.float32",
    "stateful": "True",
}
_VALUES = {"y": "y_true", "t": "0.5", "eps": "1e-7", "low": "1e-7", "high": "0.9999999"} | {
    "k": "1000.0",
    "c": "-1e9",
    "w": "tf.exp(y_true)",
    "above": "1.00000001",
    "g": "g",
}
_BOUNDED = "p"  # a variable that stands for what is not negative


class _Values(dict):
    """What the variables of a pattern are written as: `value` where nothing else is known."""

    def __init__(self, value):
        super().__init__(_VALUES)
        self[_BOUNDED] = f"tf.nn.relu({value})"
        self.value = value

    def __missing__(self, name):
        return self.value


def written(rule, value):
    """The first spelling of a rule's pattern that TensorFlow has; None where it has none."""
    for rewrite in rule.rewrites:
        if rewrite.after is None:
            continue
        try:
            return spelled(rewrite.before, TF, _Values(value), _ATTRS, lambda texts: texts[0])
        except (Unwritable, KeyError, IndexError):
            continue
    return None


RULES = [rule for rule in all_rules() if written(rule, "y_pred") is not None]


def loss_of(first, second):
    """A loss with the pattern of one rule inside that of another."""
    return (
        "import tensorflow as tf\n\n\ndef my_loss(y_true, y_pred, g=0.5):\n"
        f"    inner = {written(first, 'y_pred')}\n"
        f"    other = {written(second, 'inner')}\n"
        "    return tf.reduce_sum(inner * y_true) + tf.reduce_sum(other)\n"
    )


def rewritten(text, rules):
    return rewrite_text(text, PATH, rules, lambda finding: "")


@pytest.mark.parametrize("first", RULES, ids=lambda rule: rule.code)
def test_two_rules_end_in_the_same_text_whichever_comes_first(first):
    for second in RULES:
        text = loss_of(first, second)
        one = rewritten(text, [first, second])
        other = rewritten(text, [second, first])
        assert one.text == other.text, text
        assert not any(left.reason.startswith("cycle") for left in one.left), text
        if first.code < second.code:
            assert rewritten(one.text, [first, second]).text == one.text, text


@pytest.mark.parametrize(
    ("first", "second"),
    list(itertools.islice(itertools.combinations(RULES, 2), 0, None, 29)),
    ids=lambda rule: rule.code,
)
def test_one_rule_after_the_other_settles(first, second):
    text = loss_of(first, second)
    for order in ([first, second], [second, first]):
        for rule in order:
            text = rewritten(text, [rule]).text
        settled = rewritten(text, order).text
        assert rewritten(settled, order[::-1]).text == settled


FALLING, RISING = "1 / (1 + tf.exp(-y_pred))", "tf.exp(y_pred) / (1 + tf.exp(y_pred))"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("tf.math.log(1 + tf.exp(y_pred))", "LF115"),  # softplus, and not log1p
        ("tf.math.log(1 - tf.exp(-tf.abs(y_pred)))", "LF120"),  # and not expm1
        ("y_true * tf.math.log(tf.nn.softmax(y_pred))", "LF102"),  # and not log-softmax
        ("(1 - tf.sigmoid(y_pred)) ** g * tf.math.log(tf.sigmoid(y_pred))", "LF113"),
        ("y_pred / tf.norm(y_pred, axis=-1, keepdims=True)", "LF146"),  # and not a norm at 0
        ("tf.norm(y_pred) ** 2", "LF145"),
        (f"tf.where(y_pred >= 0, {FALLING}, {RISING})", "LF123"),
    ],
)
def test_the_most_specific_rule_wins(line, code):
    text = f"import tensorflow as tf\ndef my_loss(y_true, y_pred, g=0.5):\n    return {line}\n"
    for rules in (all_rules(), all_rules()[::-1]):
        left = rewrite_text(text, PATH, rules, lambda finding: "later").left
        assert code in {item.finding.rule.code for item in left}
        fixed = rewritten(text, rules).applied[0]
        assert fixed.finding.rule.code == code


@pytest.mark.parametrize(
    "line",
    [
        "-(y_true * tf.math.log(p)) + (1 - y_true) * tf.math.log(1 - p)",
        "-(y_true * tf.math.log(p) - (1 - y_true) * tf.math.log(1 - p))",
    ],
)
def test_a_wrong_sign_of_a_cross_entropy_is_kept(line):
    """Each logarithm gets its stable form; that the sum is no cross entropy the author must see."""
    text = (
        "import tensorflow as tf\ndef my_loss(y_true, z):\n"
        f"    p = tf.sigmoid(z)\n    return tf.reduce_mean({line}, axis=-1)\n"
    )
    wanted = line.replace("tf.math.log(p)", "tf.math.log_sigmoid(z)")
    wanted = wanted.replace("tf.math.log(1 - p)", "tf.math.log_sigmoid(-z)")
    assert wanted in rewritten(text, named("LF1", all_rules())).text


def test_a_softmax_that_is_clipped_in_the_numerator_alone_is_no_softmax():
    text = (
        "import tensorflow as tf\ndef my_loss(y_true, z):\n"
        "    top = tf.exp(tf.clip_by_value(z, -50.0, 50.0))\n"
        "    p = top / tf.reduce_sum(tf.exp(z), axis=-1, keepdims=True)\n"
        "    return tf.reduce_mean(y_true * p, axis=-1)\n"
    )
    others = [rule for rule in all_rules() if rule.code != "LF425"]  # which changes the loss
    assert "softmax" not in rewritten(text, others).text


def test_labels_that_may_not_sum_to_one_keep_the_product():
    text = (
        "import tensorflow as tf\ndef my_loss(y_true, z):\n"
        "    return -tf.reduce_sum(y_true * tf.math.log(tf.nn.softmax(z)), axis=-1)\n"
    )
    made = rewritten(text, all_rules()).text
    assert "y_true * tf.nn.log_softmax(z)" in made
    assert "cross_entropy_with_logits" not in made
