"""Losses as text, in pairs and alone, that the tests of the verifier run."""

from __future__ import annotations

from lossfix.verify import Program

HEAD = "import tensorflow as tf\n"


def program(body: str, function: str = "loss", arguments: str = "y_true, y_pred") -> Program:
    """A module with one loss of these lines; the path exists nowhere."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return Program(f"{HEAD}def {function}({arguments}):\n{lines}", "/nowhere/loss.py", function)


def module(text: str, function: str = "loss") -> Program:
    return Program(text, "/nowhere/loss.py", function)


GATE = program(
    "e = tf.where(y_pred > 0.5, y_true - y_pred, 0.0)\nreturn tf.reduce_mean(tf.square(e))"
)
PUBLISHED_GATE = program(
    "e = (1 - tf.sigmoid(10.0 * (y_pred - 0.5))) * (y_true - y_pred)\n"
    "return tf.reduce_mean(tf.square(e))"
)
RIGHT_GATE = program(
    "e = tf.sigmoid(10.0 * (y_pred - 0.5)) * (y_true - y_pred)\n"
    "return tf.reduce_mean(tf.square(e))"
)
MEAN_EXP = program("return tf.reduce_mean(tf.exp(tf.abs(y_true - y_pred)))")
LOG_SUM_EXP = program("return tf.reduce_logsumexp(tf.abs(y_true - y_pred))")
LOG_OF_SOFTMAX = program(
    "p = tf.nn.softmax(y_pred)\n"
    "return -tf.reduce_mean(tf.reduce_sum(y_true * tf.math.log(p), axis=-1))"
)
LOG_SOFTMAX = program(
    "return -tf.reduce_mean(tf.reduce_sum(y_true * tf.nn.log_softmax(y_pred), axis=-1))"
)
CROSS_ENTROPY = program(
    "return tf.reduce_mean("
    "tf.nn.softmax_cross_entropy_with_logits(labels=y_true, logits=y_pred))"
)
PATCHED_LOG = program(
    "l = tf.math.log(tf.nn.softmax(y_pred))\n"
    "l = tf.where(tf.math.is_finite(l), l, 0.0)\n"
    "return -tf.reduce_mean(tf.reduce_sum(y_true * l, axis=-1))"
)
LOG1MEXP = program("x = tf.abs(y_pred)\nreturn tf.reduce_mean(tf.math.log(1 - tf.exp(-x)))")
LOG1MEXP_ONE_WHERE = program(
    "x = tf.abs(y_pred)\n"
    "return tf.reduce_mean(tf.where(x < 0.7, tf.math.log(-tf.math.expm1(-x)),"
    " tf.math.log1p(-tf.exp(-x))))"
)
SOFTPLUS_BY_HAND = program("return tf.reduce_mean(tf.math.log(1 + tf.exp(y_pred)))")
SOFTPLUS = program("return tf.reduce_mean(tf.nn.softplus(y_pred))")
SOFTPLUS_ONE_WHERE = program(
    "return tf.reduce_mean(" "tf.where(y_pred > 20, y_pred, tf.math.log(1 + tf.exp(y_pred))))"
)
DISTANCE = program("return tf.sqrt(tf.reduce_sum(tf.square(y_true - y_pred)))")
DISTANCE_PLUS = program("return tf.sqrt(tf.reduce_sum(tf.square(y_true - y_pred))) + 1e-7")
DISTANCE_GUARDED = program(
    "s = tf.reduce_sum(tf.square(y_true - y_pred))\n"
    "ok = s > 0\n"
    "return tf.where(ok, tf.sqrt(tf.where(ok, s, 1.0)), 0.0)"
)
ROUNDED = program("return tf.reduce_mean(tf.square(y_true - tf.round(y_pred)))")
ROUNDED_STRAIGHT = program(
    "r = y_pred + tf.stop_gradient(tf.round(y_pred) - y_pred)\n"
    "return tf.reduce_mean(tf.square(y_true - r))"
)
ROUNDED_STEEP = program(
    "return tf.reduce_mean(tf.square(y_true - tf.minimum(tf.maximum(y_pred - 0.499, 0) * 1e4, 1)))"
)
RELATIVE = program("return tf.reduce_mean(tf.abs(y_true - y_pred) / (tf.abs(y_true) + 1.0))")
RELATIVE_MOVED = program(
    "return tf.reduce_mean(tf.abs(y_true - y_pred) / (tf.abs(y_true) + 1.0 + 1e-3))"
)
SQUARES = program("return tf.reduce_mean(tf.square(y_true - y_pred))")
SQUARES_PER_ROW = program("return tf.reduce_mean(tf.square(y_true - y_pred), axis=-1)")
