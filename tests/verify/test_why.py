"""`why`: the line on which a gradient is lost, and the input at which a NaN is born."""

from __future__ import annotations

import losses as text
import pytest

from lossfix.verify import Options, Session, trace_gradients

pytestmark = pytest.mark.tensorflow

CPU = Options(device="cpu")


@pytest.mark.parametrize(
    ("body", "status", "line", "code"),
    [
        (
            "p = y_pred * 1.0\nr = tf.round(p)\nreturn tf.reduce_mean(tf.square(y_true - r))",
            "none", 4, "tf.round(p)",
        ),
        (
            ("seen = tf.argmax(y_pred, axis=-1) + 1\n"
            "c = tf.argmax(y_pred, axis=-1)\nt = tf.argmax(y_true, axis=-1)\n"
            "return tf.reduce_mean(tf.cast(tf.not_equal(c, t), tf.float32))"),
            "none", 4, "tf.argmax(y_pred, axis=-1)",
        ),
        (
            ("import numpy as np\na = y_pred + 1.0\nb = a.numpy()\n"
            "return tf.reduce_mean(tf.constant(np.abs(b)) - y_true)"),
            "none", 5, "a.numpy()",
        ),
        (
            ("hit = tf.cast(y_pred, tf.bool)\n"
            "return tf.reduce_mean(tf.cast(hit, tf.float32) * y_true)"),
            "none", 3, "tf.cast(y_pred, tf.bool)",
        ),
        (
            "s = tf.sign(y_pred - 0.5)\nreturn tf.reduce_mean(tf.square(s - y_true))",
            "zero", 3, "tf.sign(y_pred - 0.5)",
        ),
        (
            ("d = tf.reduce_sum(tf.square(y_true - y_pred), axis=-1)\n"
            "return tf.reduce_mean(\n    tf.sqrt(d))"),
            "nan", 5, "tf.sqrt(d)",
        ),
        (
            "return -tf.reduce_mean(y_true * tf.math.log(y_pred))",
            "nan", 3, "tf.math.log(y_pred)",
        ),
    ],
)  # fmt: skip
def test_names_the_line(session: Session, body: str, status: str, line: int, code: str) -> None:
    trace = trace_gradients(text.program(body), options=CPU, session=session)
    assert (trace.status, trace.line, trace.code) == (status, line, code), trace
    assert trace.inputs is not None
    assert set(trace.inputs) == {"y_true", "y_pred"}
    assert any(row.line == line and row.code == code for row in trace.rows)
    assert trace.message


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (
            "p = y_pred * 1.0\nr = tf.round(p)\nreturn tf.reduce_mean(tf.square(y_true - r))",
            {"y_pred * 1.0": ("none", "tf.round(p)"), "tf.round(p)": ("ok", "")},
        ),
        (
            "h = y_pred + 1.0 > 1.5\nreturn tf.reduce_mean(tf.cast(h, tf.float32) * y_true)",
            {"y_pred + 1.0": ("none", "y_pred + 1.0 > 1.5")},
        ),
        (
            (
                "d = tf.square(y_true - y_pred)\ns = tf.reduce_sum(d, axis=-1)\n"
                "return tf.reduce_mean(tf.sqrt(s))"
            ),
            {
                "y_true - y_pred": ("nan", "tf.sqrt(s)"),
                "tf.reduce_sum(d, axis=-1)": ("inf", "tf.sqrt(s)"),
                "tf.sqrt(s)": ("ok", ""),
            },
        ),
        (
            "l = tf.math.log(y_pred)\nreturn -tf.reduce_mean(y_true * l)",
            {"y_true * l": ("ok", "tf.math.log(y_pred)")},
        ),
    ],
)
def test_each_value_tells_where_it_went_bad(
    session: Session, body: str, rows: dict[str, tuple[str, str]]
) -> None:
    trace = trace_gradients(text.program(body), options=CPU, session=session)
    found = {row.code: (row.gradient, row.born) for row in trace.rows}
    assert {code: found[code] for code in rows} == rows


def test_a_bad_input_is_searched_where_no_regime_has_one(session: Session) -> None:
    loss = text.program("return tf.reduce_mean(y_true / (y_pred * 3.0 - 1.0))")
    trace = trace_gradients(loss, options=CPU, session=session)
    assert trace.status in ("nan", "inf")
    assert trace.regime.startswith("search: ")
    assert trace.op == "/"


def test_born_in_a_helper(session: Session) -> None:
    helper = text.module(
        "import tensorflow as tf\n\n"
        "def root(x):\n    y = tf.square(x)\n    return tf.sqrt(y)\n\n"
        "def loss(y_true, y_pred):\n    return tf.reduce_mean(root(y_true - y_pred))\n"
    )
    trace = trace_gradients(helper, options=CPU, session=session)
    assert (trace.status, trace.line, trace.code) == ("nan", 5, "tf.sqrt(y)")
    assert "sqrt is NaN" in trace.message


def test_a_healthy_loss(session: Session) -> None:
    trace = trace_gradients(text.SQUARES, options=CPU, session=session)
    assert trace.status == "ok"
    assert [row.gradient for row in trace.rows] == ["ok"] * 3


def test_not_run_says_why(session: Session) -> None:
    trace = trace_gradients(text.program("raise KeyError('lost')"), options=CPU, session=session)
    assert trace.status == "not run"
    assert "lost" in trace.reason
