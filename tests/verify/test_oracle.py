"""The oracle of a whole loss: true numbers where float64 has none."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import pytest
from losses import program

from lossfix.verify import Hints, Program
from lossfix.verify.inputs import plans
from lossfix.verify.load import Loaded
from lossfix.verify.oracle import NoOracleError, Oracle, believed, oracle_of
from lossfix.verify.regimes import Draw
from lossfix.verify.results import Result
from lossfix.verify.slice import slice_module


def oracle(loss: Program) -> Oracle:
    def signature(y_true: Any, y_pred: Any) -> None: ...

    part = slice_module(loss.text, loss.function)
    loaded = Loaded(signature, inspect.signature(signature), "", part, loss.text, ())
    plan = next(iter(plans(loaded.signature, Hints(), ())))
    return oracle_of(loaded, loss.function, plan)


def at(*numbers: float) -> Draw:
    values = np.asarray([numbers])
    return Draw("typical", "float32", {"y_true": np.ones_like(values), "y_pred": values})


def test_a_difference_that_float64_cannot_see() -> None:
    loss = program("return tf.reduce_mean((tf.exp(y_pred) - 1) / y_pred)")
    x = 1e-20
    assert (math.exp(x) - 1) / x == 0.0
    true = oracle(loss).truth(at(x))
    assert true is not None
    assert float(true.value) == pytest.approx(1.0 + x / 2, rel=1e-15)
    assert true.gradients["y_pred"] == pytest.approx(np.asarray([[0.5 + x / 3]]), rel=1e-15)


def test_a_probability_below_all_floats() -> None:
    loss = program("return -tf.reduce_sum(tf.math.log(tf.nn.softmax(y_pred)[..., :1]))")
    picked = program("return -tf.reduce_sum(tf.math.log(tf.nn.softmax(y_pred)))")
    with pytest.raises(NoOracleError, match="does not know"):
        oracle(loss)
    true = oracle(picked).truth(at(-900.0, 0.0))
    assert true is not None
    assert float(true.value) == pytest.approx(900.0, rel=1e-15)


def test_beyond_its_digits_it_says_nothing() -> None:
    loss = program("return tf.reduce_mean(tf.exp(y_pred))")
    assert oracle(loss).truth(at(1e6)) is None


def test_it_is_believed_where_float64_agrees() -> None:
    one = Result(np.asarray(1.0), {"y_pred": np.asarray([2.0])})
    near = Result(np.asarray(1.0 + 1e-12), {"y_pred": np.asarray([2.0])})
    far = Result(np.asarray(1.0), {"y_pred": np.asarray([2.1])})
    assert believed(one, near)
    assert not believed(one, far)
    assert not believed(None, one)
