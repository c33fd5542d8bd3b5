"""The table of conventions, against the frameworks that are installed."""

from __future__ import annotations

import importlib.util
import math
from typing import Any

import pytest

from lossfix.verify.kinks import KINKS, Kink, conventions_in

NO_JAX = importlib.util.find_spec("jax") is None


def same(got: float | None, told: float | None) -> bool:
    if got is None or told is None:
        return got is told
    return got == told or (math.isnan(got) and math.isnan(told))


@pytest.mark.tensorflow
@pytest.mark.parametrize("kink", KINKS, ids=[k.words for k in KINKS])
@pytest.mark.parametrize("context", ["tensorflow", "xla"])
def test_tensorflow(kink: Kink, context: str) -> None:
    import tensorflow as tf

    def gradient(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = eval(kink.spelled["tensorflow"], {"tf": tf, "x": x})
        return tape.gradient(value, x)

    run = tf.function(gradient, jit_compile=True) if context == "xla" else gradient
    got = run(tf.constant(kink.at))
    assert same(None if got is None else float(got), kink.gradient[context])


@pytest.mark.skipif(NO_JAX, reason="JAX is not installed: pip install 'jax[cpu]'")
@pytest.mark.parametrize("kink", KINKS, ids=[k.words for k in KINKS])
def test_jax(kink: Kink) -> None:
    import jax
    import jax.numpy as jnp
    import jax.scipy.special

    space = {"jax": jax, "jnp": jnp}
    got = jax.grad(lambda x: eval(kink.spelled["jax"], {**space, "x": x}))(kink.at)
    assert same(float(got), kink.gradient["jax"])


def test_a_loss_is_told_what_its_calls_differ_in() -> None:
    text = "def loss(y, p):\n    return ops.mean(ops.abs(y - p))\n"
    assert conventions_in([text], ("tensorflow", "jax")) == [
        "by convention the gradient of abs(x) at 0 is 0.0 under tensorflow, 1.0 under jax"
    ]
    assert conventions_in([text], ("tensorflow",)) == []
