"""Rewrites of the catalogue, right and wrong, run eagerly: the tolerances must tell them apart."""

from __future__ import annotations

import losses as text
import pytest

from lossfix.rules.contracts import Contract, Exact, Guarded, Meaning, Monotone, Relaxed
from lossfix.verify import Options, Outcome, Session, verify_pair

pytestmark = pytest.mark.tensorflow

FAST = Options(device="cpu", modes=("eager",), dtypes=("float32", "float64"))
GOOD, BAD = Outcome.VERIFIED, Outcome.REFUTED


@pytest.mark.parametrize(
    ("before", "after", "contract", "outcome"),
    [
        pytest.param(
            "-tf.math.log(1 - tf.sigmoid(y_pred))", "-tf.math.log_sigmoid(-y_pred)",
            Exact(), GOOD, id="A07",
        ),
        pytest.param(
            "-y_true * tf.math.log(tf.nn.softmax(y_pred) + 1e-10)",
            "-y_true * tf.nn.log_softmax(y_pred)", Exact(), BAD, id="A03",
        ),
        pytest.param(
            "tf.math.log(tf.cosh(y_pred - y_true))",
            "(y_pred - y_true) + tf.nn.softplus(-2 * (y_pred - y_true)) - 0.6931471805599453",
            Exact(), GOOD, id="A29",
        ),
        pytest.param(
            "-y_true * tf.math.log(y_pred)", "-tf.math.xlogy(y_true, y_pred)",
            Guarded(), GOOD, id="A37-keeps-the-pole",
        ),
        pytest.param(
            "tf.reduce_mean(y_pred**2, -1) - tf.reduce_mean(y_pred, -1)**2",
            "tf.math.reduce_variance(y_pred, -1)", Exact(), GOOD, id="A48",
        ),
        pytest.param(
            "y_true / y_pred", "tf.math.divide_no_nan(y_true, y_pred)",
            Guarded(), GOOD, id="A60",
        ),
        pytest.param(
            "y_true / y_pred", "y_true / (y_pred + 1e-7)", Guarded(), BAD, id="T10",
        ),
        pytest.param(
            "y_true * tf.math.log(y_pred)", "y_true * tf.maximum(tf.math.log(y_pred), -100.0)",
            Guarded(), BAD, id="A67",
        ),
        pytest.param(
            "tf.math.log(tf.reshape(tf.nn.softmax(y_pred), [-1]))",
            "tf.reshape(tf.nn.log_softmax(y_pred), [-1])", Exact(), GOOD, id="A05",
        ),
        pytest.param(
            "tf.math.log(tf.reduce_mean(tf.exp(y_pred)))",
            "tf.math.log(tf.reduce_mean(tf.exp(y_pred - tf.stop_gradient(tf.reduce_max(y_pred)))))"
            " + tf.stop_gradient(tf.reduce_max(y_pred))", Exact(), GOOD, id="A18",
        ),
        pytest.param(
            "tf.math.log1p(tf.reduce_sum(tf.exp(y_pred), -1))",
            "tf.nn.softplus(tf.reduce_logsumexp(y_pred, -1))", Exact(), GOOD, id="A17-with-1",
        ),
        pytest.param(
            "y_true * tf.math.log(tf.sigmoid(y_pred) + 1e-7)",
            "y_true * tf.math.log_sigmoid(y_pred)", Meaning(), GOOD, id="A09",
        ),
        pytest.param(
            "y_true * tf.math.log(tf.sigmoid(y_pred) + 1e-7)",
            "y_true * tf.math.log(tf.sigmoid(y_pred))", Meaning(), BAD, id="A09-by-half",
        ),
        pytest.param(
            "tf.math.reduce_std(y_pred, -1)",
            "tf.where(tf.math.reduce_variance(y_pred, -1) > 0, tf.sqrt(tf.where("
            "tf.math.reduce_variance(y_pred, -1) > 0, tf.math.reduce_variance(y_pred, -1), 1.0)),"
            " 0.0)", Guarded(), GOOD, id="A47",
        ),
        pytest.param(
            "tf.math.reduce_std(y_pred, -1)", "tf.math.reduce_std(y_pred, -1) + 1e-12",
            Guarded(), BAD, id="A47-epsilon-outside",
        ),
        pytest.param(
            "y_true * tf.sqrt(tf.exp(y_pred))", "y_true * tf.exp(y_pred / 2)",
            Exact(), GOOD, id="A59",
        ),
        pytest.param(
            "tf.cast(y_pred > 0, y_pred.dtype) * tf.math.log(y_pred)",
            "tf.where(y_pred > 0, tf.math.log(tf.where(y_pred > 0, y_pred, 1.0)), 0.0)",
            Guarded(), GOOD, id="A66",
        ),
        pytest.param(
            "tf.cast(y_pred > 0, y_pred.dtype) * tf.math.log(y_pred)",
            "tf.math.multiply_no_nan(tf.math.log(y_pred), tf.cast(y_pred > 0, y_pred.dtype))",
            Guarded(), BAD, id="A66-value-only",
        ),
        pytest.param(
            "tf.pow(tf.abs(y_pred), 0.75)",
            "tf.where(tf.abs(y_pred) > 0, "
            "tf.pow(tf.where(tf.abs(y_pred) > 0, tf.abs(y_pred), 1.0), 0.75), 0.0)",
            Guarded(), GOOD, id="A74",
        ),
        pytest.param(
            "tf.sqrt(tf.square(y_pred))", "tf.sqrt(tf.square(y_pred)) + 1e-9",
            Guarded(), BAD, id="T08-by-element",
        ),
        pytest.param(
            "y_true * (1 - tf.sigmoid(y_pred))", "y_true * tf.sigmoid(-y_pred)",
            Exact(), GOOD, id="T13",
        ),
        pytest.param(
            "tf.maximum(0.0, 1 - y_true * y_pred)", "tf.maximum(1 - y_true * y_pred, 0.0)",
            Exact(), GOOD, id="T26",
        ),
        pytest.param(
            "tf.abs(y_true - y_pred)", "tf.sqrt(tf.square(y_true - y_pred) + 1e-12)",
            Exact(), BAD, id="smooth-abs",
        ),
        pytest.param(
            "tf.reduce_max(y_pred, -1)", "tf.reduce_logsumexp(10.0 * y_pred, -1) / 10.0",
            Relaxed(10.0), GOOD, id="smooth-max",
        ),
        pytest.param(
            "tf.square(y_true - y_pred)", "-tf.square(y_true - y_pred)",
            Monotone(), BAD, id="falling",
        ),
    ],
)  # fmt: skip
def test_pair(
    session: Session, before: str, after: str, contract: Contract, outcome: Outcome
) -> None:
    pair = [text.program(f"return tf.reduce_mean({body})") for body in (before, after)]
    verdict = verify_pair(*pair, contract, options=FAST, session=session)
    assert verdict.outcome is outcome, verdict.reason
