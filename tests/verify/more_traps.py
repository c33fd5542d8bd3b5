"""Traps of the same kinds that no list names: rows as in `traps`, by what they hide."""

from __future__ import annotations

from losses import module, program
from traps import BAD, GOOD, Trap

from lossfix.rules.contracts import Bounded, Exact, Guarded, Monotone, Relaxed
from lossfix.verify import Outcome, Program


def _mean(expression: str, arguments: str = "y_true, y_pred") -> Program:
    return program(f"return tf.reduce_mean({expression})", arguments=arguments)


def _masked(total: str) -> Program:
    return program(
        f"e = mask * tf.square(y_true - y_pred)\nreturn {total}", arguments="y_true, y_pred, mask"
    )


_OVER_MASK = _masked("tf.reduce_sum(e) / tf.reduce_sum(mask)")
_VARIANCE = _mean("tf.math.reduce_variance(y_pred, -1)")
_COSINE = program(
    "n = tf.reduce_sum(y_true * y_pred, -1)\n"
    "d = tf.sqrt(tf.reduce_sum(y_true**2, -1)) * tf.sqrt(tf.reduce_sum(y_pred**2, -1))\n"
    "return -tf.reduce_mean(n / d)"
)
_DICE = program(
    "i = tf.reduce_sum(y_true * y_pred)\n"
    "return 1 - 2 * i / (tf.reduce_sum(y_true) + tf.reduce_sum(y_pred))"
)

MORE: tuple[Trap, ...] = (
    Trap("a mask that may be empty", _OVER_MASK,
         _masked("tf.math.divide_no_nan(tf.reduce_sum(e), tf.reduce_sum(mask))"), Guarded(), GOOD),
    Trap("a mask, and an epsilon that float16 rounds away", _OVER_MASK,
         _masked("tf.reduce_sum(e) / (tf.reduce_sum(mask) + 1e-9)"), Guarded(), BAD, "float16"),
    Trap("a mask counted, not summed", _OVER_MASK,
         _masked("tf.math.divide_no_nan(tf.reduce_sum(e),"
                 " tf.cast(tf.math.count_nonzero(mask), e.dtype))"), Guarded(), BAD),
    Trap("a mask left out of the mean", _OVER_MASK, _masked("tf.reduce_mean(e)"), Guarded(), BAD),
    Trap("a stable variance undone", _VARIANCE,
         _mean("tf.reduce_mean(y_pred**2, -1) - tf.reduce_mean(y_pred, -1)**2"), Exact(), BAD),
    Trap("softmax without its shift", _mean("y_true * tf.nn.softmax(y_pred)"),
         _mean("y_true * tf.exp(y_pred) / tf.reduce_sum(tf.exp(y_pred), -1, keepdims=True)"),
         Exact(), BAD),
    Trap("a shift by the whole batch", _mean("tf.reduce_logsumexp(y_pred, -1)"), program(
        "m = tf.reduce_max(y_pred)\n"
        "return tf.reduce_mean(tf.math.log(tf.reduce_sum(tf.exp(y_pred - m), -1)) + m)"),
        Exact(), BAD),
    Trap("a gate of the wrong sign", _mean("tf.nn.relu(tf.sign(y_pred))"),
         _mean("0.5 * (1 - tf.tanh(10.0 * y_pred))"), Relaxed(10.0), BAD),
    Trap("a threshold that moved", _mean("tf.cast(y_pred > 0.5, y_pred.dtype)"),
         _mean("tf.sigmoid(10.0 * (y_pred - 0.45))"), Relaxed(10.0), BAD),
    Trap("cosine with eps in the denominator", _COSINE, program(
        "n = tf.reduce_sum(y_true * y_pred, -1)\n"
        "d = tf.norm(y_true, axis=-1) * tf.norm(y_pred, axis=-1) + 1e-8\n"
        "return -tf.reduce_mean(n / d)"), Guarded(), BAD),
    Trap("dice smoothed", _DICE, program(
        "i = tf.reduce_sum(y_true * y_pred)\n"
        "return 1 - (2 * i + 1) / (tf.reduce_sum(y_true) + tf.reduce_sum(y_pred) + 1)"),
        Guarded(), BAD),
    Trap("the sum for the mean", _mean("tf.square(y_true - y_pred)"),
         program("return tf.reduce_sum(tf.square(y_true - y_pred))"), Exact(), BAD),
    Trap("the sum for the mean, monotone", _mean("tf.square(y_true - y_pred)"),
         program("return tf.reduce_sum(tf.square(y_true - y_pred))"), Monotone(), GOOD),
    Trap("a shape that only some batches have", _mean("tf.square(y_true - y_pred)"),
         program("return tf.reduce_sum(tf.square(y_true - y_pred)) / 80.0"), Exact(), BAD),
    Trap("a gradient stopped", _mean("tf.nn.softplus(y_pred)"), program(
        "m = tf.stop_gradient(tf.maximum(y_pred, 0.0))\n"
        "return tf.reduce_mean(m + tf.math.log1p(tf.exp(-tf.abs(y_pred))))"), Exact(), BAD),
    Trap("an epsilon larger than it says", _mean("tf.math.log(y_pred)"),
         _mean("tf.math.log(y_pred + 1e-3)"), Bounded(1e-3), BAD),
    Trap("an index that is compared as a number", _mean("tf.abs(y_true - tf.floor(y_pred))"),
         _mean("tf.abs(y_true - (y_pred + tf.stop_gradient(tf.floor(y_pred) - y_pred)))"),
         Exact(), BAD),
    Trap("a random original", module(
        "import tensorflow as tf\n\ndef loss(y_true, y_pred):\n"
        "    return tf.reduce_mean(y_pred + tf.random.normal(tf.shape(y_pred)))\n"),
        _mean("y_pred"), Exact(), Outcome.NOT_RUN, "another value each time"),
)  # fmt: skip
