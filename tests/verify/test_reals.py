"""Terms over the reals agree with mpmath's own derivative, and with what is known."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lossfix.graph.nodes import Dynamic
from lossfix.rules.terms import Apply, Var, ops
from lossfix.verify.reals import Sample, UnknownOpError, evaluate

x = Var("x")
SMOOTH = ["exp", "sigmoid", "tanh", "softplus", "square", "sin", "neg", "expm1", "log_sigmoid"]


def chain(names):
    term = x
    for name in names:
        term = Apply(name, (term,))
    return term


def at(value, term=None, **attrs):
    return evaluate(term, Sample({"x": np.asarray(value, dtype=float)}, attrs))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(SMOOTH), min_size=1, max_size=3), st.floats(-2, 2))
def test_the_derivative_is_the_limit_of_the_difference(names, point):
    term = chain(names)
    real = at(point, term)
    with mpmath.workdps(60):
        step = mpmath.mpf(10) ** -20
        rise = [at_exact(term, mpmath.mpf(point) + s) for s in (step, -step)]
        slope = (rise[0] - rise[1]) / (2 * step)
        assert abs(real.gradients["x"][0] - slope) <= 1e-15 * max(1, abs(slope))


def at_exact(term, value):
    """The term by mpmath's functions alone."""
    known = {
        "exp": mpmath.exp,
        "sigmoid": lambda v: 1 / (1 + mpmath.exp(-v)),
        "tanh": mpmath.tanh,
        "softplus": lambda v: mpmath.log(1 + mpmath.exp(v)),
        "square": lambda v: v * v,
        "sin": mpmath.sin,
        "neg": lambda v: -v,
        "expm1": lambda v: mpmath.exp(v) - 1,
        "log_sigmoid": lambda v: -mpmath.log(1 + mpmath.exp(-v)),
    }
    return value if term == x else known[term.op](at_exact(term.args[0], value))


def test_precision_rises_until_nothing_is_lost():
    real = at(380.0, ops.log(1 - ops.sigmoid(x)))
    assert abs(real.value.flat[0] + 380) < 1e-150
    assert abs(real.gradients["x"][0] + 1) < 1e-150


def test_the_gradient_of_log_softmax_is_one_minus_the_probability():
    real = at([[1.0, 2.0]], ops.column(ops.log_softmax(x), index=0))
    p = 1 / (1 + mpmath.exp(1))
    assert abs(real.gradients["x"][0] - (1 - p)) < 1e-12


def test_the_norm_at_zero_has_a_value_and_no_slope():
    real = at([0.0, 0.0], ops.norm(x))
    assert real.value.flat[0] == 0
    assert not real.finite


def test_a_step_has_no_gradient_and_says_so():
    assert at(0.3, ops.round(x)).lost
    assert not at(0.3, ops.tanh(x)).lost


def test_an_op_that_has_no_meaning_over_the_reals_is_an_error():
    with pytest.raises(UnknownOpError, match="bincount"):
        at([1.0], ops.bincount(x))


def test_what_is_only_known_at_run_time_is_told_and_is_no_crash():
    with pytest.raises(UnknownOpError, match="depth is only known"):
        at(0.0, ops.one_hot(x, depth=Dynamic("depth")))
