"""Each contract on losses that keep it and on losses that people believe keep it."""

from __future__ import annotations

import json
from dataclasses import replace

import losses as text
import pytest

from lossfix.rules.contracts import (
    Bounded,
    Contract,
    Diagnosis,
    Exact,
    Guarded,
    Meaning,
    Monotone,
    Relaxed,
    StraightThrough,
)
from lossfix.verify import Hints, Options, Outcome, Program, Session, Verdict, verify_pair
from lossfix.verify.verdict import verdict_from_json

pytestmark = pytest.mark.tensorflow

FAST = Options(device="cpu", dtypes=("float32", "float64"))
THRESHOLD = Hints(thresholds=(0.5,))


@pytest.mark.parametrize(
    ("before", "after", "contract"),
    [
        pytest.param(text.LOG_OF_SOFTMAX, text.LOG_SOFTMAX, Exact(), id="log-softmax"),
        pytest.param(text.SOFTPLUS_BY_HAND, text.SOFTPLUS, Exact(), id="softplus"),
        pytest.param(text.DISTANCE, text.DISTANCE_GUARDED, Guarded(), id="guarded-sqrt"),
        pytest.param(text.MEAN_EXP, text.LOG_SUM_EXP, Monotone(), id="log-sum-exp"),
        pytest.param(text.GATE, text.RIGHT_GATE, Relaxed(10.0), id="gate"),
        pytest.param(text.ROUNDED, text.ROUNDED_STRAIGHT, StraightThrough(), id="straight"),
        pytest.param(
            text.RELATIVE, text.RELATIVE_MOVED, Bounded(1e-3, relative=True), id="bounded"
        ),
        pytest.param(text.SQUARES, text.SQUARES_PER_ROW, Meaning(), id="meaning"),
    ],
)
def test_verified(session: Session, before: Program, after: Program, contract: Contract) -> None:
    verdict = verify_pair(before, after, contract, THRESHOLD, FAST, session=session)
    assert verdict.outcome is Outcome.VERIFIED, verdict.reason
    assert verdict.counterexample is None
    assert {c.mode for c in verdict.contexts} == {"eager", "graph", "xla"}
    assert all(c.outcome is Outcome.VERIFIED for c in verdict.contexts)


@pytest.mark.parametrize(
    ("before", "after", "contract", "says"),
    [
        pytest.param(
            text.GATE, text.PUBLISHED_GATE, Relaxed(10.0), "does not tend", id="flipped-gate"
        ),
        pytest.param(text.MEAN_EXP, text.LOG_SUM_EXP, Exact(), "the value is", id="mean-exp"),
        pytest.param(
            text.LOG_OF_SOFTMAX, text.CROSS_ENTROPY, Exact(), "the gradient for y_pred", id="T03"
        ),
        pytest.param(text.LOG_OF_SOFTMAX, text.PATCHED_LOG, Exact(), "the value is", id="T06"),
        pytest.param(
            text.LOG1MEXP, text.LOG1MEXP_ONE_WHERE, Exact(), "still NaN", id="T07-log1mexp"
        ),
        pytest.param(
            text.SOFTPLUS_BY_HAND, text.SOFTPLUS_ONE_WHERE, Exact(), "still NaN", id="T07-softplus"
        ),
        pytest.param(text.DISTANCE, text.DISTANCE_PLUS, Guarded(), "on the singular set", id="T08"),
        pytest.param(text.ROUNDED, text.ROUNDED_STEEP, Relaxed(1e4), "is zero", id="T12"),
        pytest.param(text.ROUNDED, text.SQUARES, StraightThrough(), "the value is", id="straight"),
        pytest.param(
            text.RELATIVE, text.RELATIVE_MOVED, Bounded(1e-4, relative=True), "moved", id="bounded"
        ),
        pytest.param(
            text.SQUARES, text.SQUARES_PER_ROW, Monotone(), "not a scalar", id="monotone-shape"
        ),
    ],
)
def test_refuted(
    session: Session, before: Program, after: Program, contract: Contract, says: str
) -> None:
    verdict = verify_pair(before, after, contract, THRESHOLD, FAST, session=session)
    assert verdict.outcome is Outcome.REFUTED, verdict.reason
    assert says in verdict.reason
    assert verdict.counterexample is not None
    assert "y_pred" in verdict.counterexample["inputs"]
    json.dumps(verdict.as_json(), allow_nan=False)


def test_counterexample_is_one_row(session: Session) -> None:
    verdict = verify_pair(
        text.LOG_OF_SOFTMAX, text.CROSS_ENTROPY, Exact(), options=FAST, session=session
    )
    assert verdict.counterexample is not None
    rows = verdict.counterexample["inputs"]["y_pred"]
    assert len(rows) == 1
    assert sum(x != 0.0 for x in rows[0]) < len(rows[0])
    assert {"before", "after", "reference", "regime", "mode"} <= set(verdict.counterexample)


def test_monotone_away_from_the_root(session: Session) -> None:
    verdict = verify_pair(
        text.MEAN_EXP, text.LOG_SUM_EXP, Monotone(), Hints(at_root=False), FAST, session=session
    )
    assert verdict.outcome is Outcome.REFUTED
    assert "root" in verdict.reason


def test_relaxed_takes_the_text_at_each_sharpness(session: Session) -> None:
    def after_at(k: float) -> str:
        return text.RIGHT_GATE.text.replace("10.0", repr(k))

    verdict = verify_pair(
        text.GATE, text.RIGHT_GATE, Relaxed(10.0), THRESHOLD, FAST,
        after_at=after_at, session=session,
    )  # fmt: skip
    assert verdict.outcome is Outcome.VERIFIED
    assert verdict.figures["distance at k=10"] > 100 * verdict.figures["distance at k=10240"]


def test_relaxed_without_a_sharpness_is_not_run(session: Session) -> None:
    verdict = verify_pair(text.GATE, text.SQUARES, Relaxed(10.0), THRESHOLD, FAST, session=session)
    assert verdict.outcome is Outcome.NOT_RUN
    assert "sharpness" in verdict.reason


def test_same_seed_same_verdict(session: Session) -> None:
    def once(seed: int) -> Verdict:
        options = replace(FAST, seed=seed, modes=("eager",))
        return verify_pair(
            text.LOG_OF_SOFTMAX, text.CROSS_ENTROPY, Exact(), options=options, session=session
        )

    first = once(4)
    assert first == once(4)
    assert first.counterexample != once(5).counterexample


def test_bits_and_context_disagreements(session: Session) -> None:
    verdict = verify_pair(
        text.LOG_OF_SOFTMAX, text.LOG_SOFTMAX, Exact(), options=FAST, session=session
    )
    eager = next(c for c in verdict.contexts if (c.mode, c.dtype) == ("eager", "float32"))
    assert eager.value_bits_before == 32.0
    assert eager.value_bits_after is not None
    assert eager.value_bits_after < 4.0
    assert verdict.versions["tensorflow"]
    assert "limits" in verdict.versions["sandbox"]
    # sqrt at zero: TensorFlow's eager gradient is 0 there and XLA's is NaN
    root = text.program("return tf.reduce_mean(tf.where(y_pred > 0, tf.sqrt(y_pred), 0.0))")
    verdict = verify_pair(root, root, Exact(), options=FAST, session=session)
    assert any("not in xla" in told for told in verdict.disagreements)


def test_dtype_clash_costs_its_contexts_only(session: Session) -> None:
    narrow = text.program(
        "y_true = tf.cast(y_true, tf.float32)\nreturn tf.reduce_mean(y_true * y_pred)"
    )
    verdict = verify_pair(narrow, narrow, Exact(), options=Options(device="cpu"), session=session)
    assert verdict.outcome is Outcome.VERIFIED
    outcomes = {c.dtype: c.outcome for c in verdict.contexts}
    assert outcomes == {
        "float32": Outcome.VERIFIED,
        "bfloat16": Outcome.NOT_RUN,
        "float16": Outcome.NOT_RUN,
        "float64": Outcome.VERIFIED,  # the reference widens what the loss narrows
    }


def test_new_loss_that_raises(session: Session) -> None:
    verdict = verify_pair(
        text.SQUARES, text.program("return tf.nosuch(y_pred)"), Exact(), options=FAST,
        session=session,
    )  # fmt: skip
    assert verdict.outcome is Outcome.REFUTED
    assert "raises" in verdict.reason


def test_diagnosis_is_not_run(session: Session) -> None:
    verdict = verify_pair(text.SQUARES, text.SQUARES, Diagnosis(), options=FAST, session=session)
    assert verdict.outcome is Outcome.NOT_RUN


def test_verdict_survives_json(session: Session) -> None:
    verdict = verify_pair(text.SQUARES, text.MEAN_EXP, Exact(), options=FAST, session=session)
    assert verdict_from_json(json.loads(json.dumps(verdict.as_json()))) == verdict


CLASS = """
import tensorflow as tf
from tensorflow import keras

@keras.utils.register_keras_serializable()
class Focal(keras.losses.Loss):
    def __init__(self, gamma, alpha=0.25, **kwargs):
        super().__init__(**kwargs)
        self.gamma = gamma
        self.alpha = alpha

    def call(self, y_true, y_pred):
        p = tf.sigmoid(y_pred)
        ce = -(y_true * tf.math.log(p) + (1 - y_true) * tf.math.log(1 - p))
        pt = y_true * p + (1 - y_true) * (1 - p)
        return tf.reduce_mean(self.alpha * tf.pow(1 - pt, self.gamma) * ce)
"""
CLOSURE = """
from tensorflow.keras import backend as K

def make(smooth):
    def dice(y_true, y_pred):
        i = K.sum(y_true * y_pred, axis=[1, 2, 3])
        u = K.sum(y_true, axis=[1, 2, 3]) + K.sum(y_pred, axis=[1, 2, 3])
        return 1 - K.mean((2 * i + smooth) / (u + smooth))
    return dice
"""
OPS = """
from keras import ops

def loss(y_true, y_pred):
    return ops.mean(ops.log(1 + ops.exp(y_pred)) - y_true * y_pred)
"""
SPARSE = """
import tensorflow as tf

def loss(labels, logits):
    p = tf.nn.softmax(logits)
    index = tf.stack([tf.range(tf.shape(p)[0]), labels], axis=1)
    return -tf.reduce_mean(tf.math.log(tf.gather_nd(p, index)))
"""


@pytest.mark.parametrize(
    ("source", "old", "new", "function", "note"),
    [
        pytest.param(
            CLASS,
            "-(y_true * tf.math.log(p) + (1 - y_true) * tf.math.log(1 - p))",
            "tf.nn.sigmoid_cross_entropy_with_logits(labels=y_true, logits=y_pred)",
            "Focal.call",
            "gamma=2.0 was guessed",
            id="class",
        ),
        pytest.param(
            CLOSURE, "(2 * i + smooth) / (u + smooth)", "(i + i + smooth) / (u + smooth)",
            "make.dice", "smooth=1.0 was guessed", id="closure",
        ),
        pytest.param(
            OPS, "ops.log(1 + ops.exp(y_pred))", "ops.softplus(y_pred)", "loss",
            "inputs:", id="keras-ops",
        ),
        pytest.param(
            SPARSE, "tf.math.log(tf.gather_nd(p, index))",
            "tf.gather_nd(tf.nn.log_softmax(logits), index)", "loss",
            "labels=int32[8] index", id="class-indices",
        ),
    ],
)  # fmt: skip
def test_kinds_of_loss(
    session: Session, source: str, old: str, new: str, function: str, note: str
) -> None:
    assert old in source
    before = text.module(source, function)
    after = text.module(source.replace(old, new), function)
    verdict = verify_pair(before, after, Exact(), options=FAST, session=session)
    assert verdict.outcome is Outcome.VERIFIED, verdict.reason
    assert any(note in n for n in verdict.notes)


def test_inputs_from_the_user_and_from_a_comment(session: Session) -> None:
    body = "return tf.reduce_mean(tf.ensure_shape(y_pred, [5, 7]) - y_true)"
    loss = text.program(body)
    verdict = verify_pair(loss, loss, Exact(), options=FAST, session=session)
    assert verdict.outcome is Outcome.NOT_RUN
    assert "--input" in verdict.reason
    options = replace(FAST, inputs=("y_pred=float32[5,7] in (0,1)", "y_true=float32[5,7]"))
    verdict = verify_pair(loss, loss, Exact(), options=options, session=session)
    assert verdict.outcome is Outcome.VERIFIED
    said = text.program(f"# lossfix: input y_pred=float32[5,7] in (0,1)\n{body}")
    verdict = verify_pair(said, said, Exact(), options=FAST, session=session)
    assert verdict.outcome is Outcome.VERIFIED, verdict.reason
