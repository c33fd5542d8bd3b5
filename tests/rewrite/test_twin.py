"""The twin of a fix that changes the loss: what is meant, or the original without its guard."""

from pathlib import Path

import pytest

from lossfix.rewrite.twin import twin_text
from lossfix.rules.find import find
from lossfix.rules.registry import selected

LOSS = "import tensorflow as tf\n\n\ndef my_loss(y_true, y_pred):\n    return {}\n"


def twin(body, *codes, decide=lambda finding: ""):
    text = LOSS.format(body)
    findings = find(text, selected(codes, ()))
    assert findings
    return twin_text(text, Path("loss.py"), findings, decide).removeprefix(LOSS.format("\0")[:-2])


@pytest.mark.parametrize(
    ("body", "code", "expected"),
    [
        (
            "tf.reduce_mean(y_true * tf.math.log(tf.nn.softmax(y_pred) + 1e-7))", "LF103",
            "tf.reduce_mean(y_true * tf.math.log(tf.nn.softmax(y_pred)))",
        ),
        (
            "tf.reduce_mean(tf.math.log(tf.clip_by_value(tf.sigmoid(y_pred), 1e-7, 0.9999)))",
            "LF109",
            "tf.reduce_mean(tf.math.log(tf.clip_by_value(tf.sigmoid(y_pred), 0.0, 1.0)))",
        ),
        # equal wherever the argument is not tiny: there is nothing to take out
        (
            "tf.reduce_mean(tf.math.log(tf.nn.relu(y_pred)))", "LF137",
            "tf.reduce_mean(tf.math.log(tf.nn.relu(y_pred)))",
        ),
        # what the fix means, in other words than those of the fix
        (
            "tf.nn.sigmoid_cross_entropy_with_logits(y_true, tf.sigmoid(y_pred))", "LF416",
            "tf.nn.softplus(y_pred) - y_true * y_pred",
        ),
        # row by row the loss stays as it is
        (
            "tf.reduce_sum(tf.square(y_true - y_pred))", "LF405",
            "tf.reduce_sum(tf.square(y_true - y_pred))",
        ),
        # a straight-through estimator is the value itself at whole numbers
        (
            "tf.reduce_mean(tf.cast(tf.cast(y_pred, tf.int32), tf.float32) - y_true)", "LF308",
            "tf.reduce_mean(y_pred - y_true)",
        ),
    ],
)  # fmt: skip
def test_twin_of(body, code, expected):
    assert twin(body, code) == f"{expected}\n"


def test_a_fix_that_promises_the_same_loss_needs_none():
    assert twin("tf.reduce_mean(tf.math.log(tf.nn.softmax(y_pred)))", "LF101") == ""


def test_a_text_changed_in_other_places_than_the_fixes_is_none():
    body = "tf.reduce_mean(tf.math.log(tf.nn.softmax(y_pred) + 1e-7))"
    assert twin(body, "LF103", decide=lambda finding: "not this one") == ""
