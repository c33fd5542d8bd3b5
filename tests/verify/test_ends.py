"""What a context cannot hold is a note; a rewrite that is wrong in float16 alone is refuted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from losses import program

from lossfix.rules.contracts import Bounded, Contract, Exact, Guarded, Meaning
from lossfix.verify import Options, Outcome, Program, Session, verify_pair

pytestmark = pytest.mark.tensorflow

WIDE = Options(device="cpu", modes=("eager",), dtypes=("float32", "bfloat16", "float64"))
HALF = replace(WIDE, dtypes=("float32", "float16", "float64"))

DISTANCE = "return tf.reduce_mean(tf.sqrt(tf.reduce_sum(tf.square(y_true - y_pred), -1){}))"
SQUARE = "s = tf.square(y_true - y_pred)\nreturn tf.reduce_mean({})"

WRONG_IN_FLOAT16 = [
    pytest.param(
        program(DISTANCE.format("")),
        program(DISTANCE.format(" + 1e-8")),
        Bounded(2e-4),
        "the gradient for y_pred is NaN on the singular set",
        id="an epsilon that is 0 there",
    ),
    pytest.param(
        program("return tf.reduce_mean(tf.sqrt(tf.nn.relu(y_pred)))"),
        program("return tf.reduce_mean(tf.sqrt(tf.nn.relu(y_pred) + 1e-8))"),
        Bounded(2e-4),
        "on the singular set",
        id="another one, under a root",
    ),
    pytest.param(
        program(SQUARE.format("s * (s / (1.0 + s))")),
        program(SQUARE.format("tf.square(s) / (1.0 + s)")),
        Exact(),
        "where it was finite",
        id="a square that overflows",
    ),
]


@pytest.mark.parametrize(("before", "after", "contract", "says"), WRONG_IN_FLOAT16)
def test_a_rewrite_that_is_wrong_in_float16_alone_is_refuted(
    session: Session, before: Program, after: Program, contract: Contract, says: str
) -> None:
    elsewhere = verify_pair(before, after, contract, options=WIDE, session=session)
    assert elsewhere.outcome is Outcome.VERIFIED, elsewhere.reason
    verdict = verify_pair(before, after, contract, options=HALF, session=session)
    assert verdict.outcome is Outcome.REFUTED
    assert says in verdict.reason
    assert "float16" in verdict.reason


SCALED = """centre = tf.reduce_mean(y_pred, -1, keepdims=True)
scale = {}
return tf.reduce_mean(tf.square(y_true - (y_pred - centre) / (scale + 1e-6)))"""
GUARDED = """tf.math.reduce_variance(y_pred, -1, keepdims=True)
scale = tf.where(scale > 0, tf.sqrt(tf.where(scale > 0, scale, 1.0)), 0.0)"""


@pytest.mark.parametrize(
    ("before", "after", "contract"),
    [
        pytest.param(
            program(SCALED.format("tf.math.reduce_std(y_pred, -1, keepdims=True)")),
            program(SCALED.format(GUARDED)),
            Guarded(),
            id="none before either, and a number over the reals",
        ),
        pytest.param(
            program("return tf.reduce_mean(tf.square(y_true - 1) / tf.exp(y_pred))"),
            program("return tf.reduce_mean(tf.square(y_true - 1) * tf.exp(-y_pred))"),
            Exact(),
            id="the true value is beyond the largest number",
        ),
        pytest.param(
            program("return tf.reduce_mean(tf.cast(tf.abs(y_true - y_pred) > 1, tf.float32))"),
            program("return tf.reduce_sum(tf.square(y_true - y_pred))"),
            Meaning(),
            id="another loss has other numbers",
        ),
    ],
)
def test_what_float16_cannot_hold_is_a_note(
    session: Session, before: Program, after: Program, contract: Contract
) -> None:
    verdict = verify_pair(before, after, contract, options=HALF, session=session)
    assert verdict.outcome is Outcome.VERIFIED, verdict.reason
    told = [note for note in verdict.notes if note.startswith("not held against it")]
    assert told
    assert all("float16" in note for note in told)
