"""A value that is used more than once at every step: no question goes along each path to it."""

import signal
from contextlib import contextmanager

import pytest

from lossfix.rules.find import find
from lossfix.rules.registry import all_rules

STEPS = {
    "sums": "x = x * y_true + x",
    "products": "x = x * (x + y_true)",
    "choices": "x = tf.where(x > y_true, x, 0.5 * x)",
    "branches": "x = x if flag else 0.5 * x",
    "floors": "x = x // (x + 1)",
    "calls": "x = tf.custom.mixed(x, x)",
}
ENDS = (
    "tf.cast(tf.cast(x, tf.int32), tf.float32)",
    "tf.cast(x > 0.5, tf.float32) * x + (1 - tf.cast(x > 0.5, tf.float32)) * y_true",
    "y_true / x + y_true / tf.reduce_sum(x) + y_true / tf.abs(x)",
    "tf.math.log(1 + x) + tf.math.log(1 + tf.exp(x)) - tf.math.log(x)",
    "tf.sqrt(x) + tf.norm(x) + tf.pow(x, 0.5) + tf.sqrt(tf.reduce_sum(tf.square(x)))",
    "tf.exp(x) / tf.reduce_sum(tf.exp(x), -1, keepdims=True)",
    "tf.math.acos(x) + tf.math.log(tf.clip_by_value(1 - x, 1e-7, 1.0))",
    "float(x) * y_true - tf.square(y_true - x)",
)


@contextmanager
def deadline(seconds):
    """Fail where the body takes for ever."""

    def late(signum, frame):
        raise AssertionError(f"still at work after {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_sixty_steps_are_checked(step, end):
    lines = ["import tensorflow as tf", "", "def chained_loss(y_true, y_pred, flag):"]
    lines += ["    x = y_pred", *[f"    {step}"] * 60, f"    return {end}", ""]
    with deadline(60):
        find("\n".join(lines), all_rules())
