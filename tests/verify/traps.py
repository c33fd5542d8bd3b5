"""Rewrites that people believe, each with the verdict that it deserves.

A row is a pair of losses given to the verifier as `lossfix verify` gives it. Where a trap is one
only under a stronger contract, another row shows that the weaker one holds.
"""

from __future__ import annotations

from dataclasses import dataclass

from losses import module, program

from lossfix.rules.contracts import (
    Bounded,
    Contract,
    Exact,
    Guarded,
    Meaning,
    Monotone,
    Relaxed,
    StraightThrough,
)
from lossfix.verify import Outcome, Program

GOOD, BAD = Outcome.VERIFIED, Outcome.REFUTED


@dataclass(frozen=True)
class Trap:
    """One pair under one contract. `says` is a part of the verdict's reason, `notes` of its notes.

    `inputs` are specs as `--input` takes them. A trap of another framework is run where that is
    installed.
    """

    name: str
    before: Program
    after: Program
    contract: Contract
    outcome: Outcome
    says: str = ""
    notes: str = ""
    inputs: tuple[str, ...] = ()
    framework: str = "tensorflow"


def _mean(expression: str, arguments: str = "y_true, y_pred") -> Program:
    return program(f"return tf.reduce_mean({expression})", arguments=arguments)


def _lines(*lines: str, arguments: str = "y_true, y_pred") -> Program:
    return program("\n".join(lines), arguments=arguments)


def _relaxed(*lines: str, sharpness: float) -> Program:
    return program("\n".join(lines), arguments=f"y_true, y_pred, k={sharpness}")


def _jax(expression: str) -> Program:
    head = "import jax.numpy as jnp\nfrom jax.scipy.special import xlogy\n\n"
    return module(f"{head}def loss(q, p):\n    return jnp.mean({expression})\n")


_GATE = _lines(
    "e = tf.where(y_pred > 0.5, y_true - y_pred, 0.0)", "return tf.reduce_mean(tf.square(e))"
)
_MEAN_EXP = _mean("tf.exp(y_pred)")
_CROSS = _lines("return -tf.reduce_sum(y_true * tf.math.log(tf.nn.softmax(y_pred)))")
_FUSED = _lines(
    "return tf.reduce_sum(tf.nn.softmax_cross_entropy_with_logits(labels=y_true, logits=y_pred))"
)
_KERAS_FUSED = _lines(
    "return tf.reduce_sum(tf.keras.losses.categorical_crossentropy("
    "y_true, y_pred, from_logits=True))"
)
_LOG_SOFTMAX = _lines("return -tf.reduce_sum(y_true * tf.nn.log_softmax(y_pred))")
_WRONG_SIGN = _mean(
    "-(y_true * tf.math.log_sigmoid(y_pred) - (1 - y_true) * tf.math.log_sigmoid(-y_pred))"
)
_BCE = _mean("tf.nn.sigmoid_cross_entropy_with_logits(labels=y_true, logits=y_pred)")
_TWICE_SIGMOID = _mean(
    "-(y_true * tf.math.log(tf.sigmoid(y_pred)) + (1 - y_true) * tf.math.log(tf.sigmoid(y_pred)))"
)
_LOG = _mean("-y_true * tf.math.log(tf.nn.softmax(y_pred))")
_RATIO_LOG = _mean("-y_true * tf.math.log(y_pred)")
_LOG1MEXP = _mean("tf.math.log(1 - tf.exp(-tf.abs(y_pred)))")
_SOFTPLUS = _mean("tf.math.log(1 + tf.exp(y_pred))")
_SIGMOID = _mean("y_true * tf.exp(y_pred) / (1 + tf.exp(y_pred))")
_DISTANCE = _lines("return tf.sqrt(tf.reduce_sum(tf.square(y_true - y_pred)))")
_NORM = _mean("tf.norm(y_true - y_pred, axis=-1)")
_ACOS = _mean("tf.acos(y_pred)")
_ANGLE = ("y_pred=float32[8] in [-1,1]",)
_RATIO = _mean("y_true / y_pred")
_ROUND = _mean("tf.square(y_true - tf.round(y_pred))")
_EXPM1_RATIO = _mean("(tf.exp(y_pred) - 1) / y_pred")
_LOG_RATIO = _lines("return tf.reduce_mean(tf.math.log(a / b))", arguments="a, b")
_LOG_DIFFERENCE = _lines("return tf.reduce_mean(tf.math.log(a) - tf.math.log(b))", arguments="a, b")
_ABS = _mean("tf.abs(y_true - y_pred)")
_HUBER = _lines(
    "x = y_true - y_pred",
    "return tf.reduce_mean(tf.where(tf.abs(x) < 1.0, 0.5 * x * x, tf.abs(x) - 0.5))",
)
_ARGMAX = _lines(
    "i = tf.cast(tf.argmax(y_pred, axis=-1), y_pred.dtype)",
    "return tf.reduce_mean(tf.square(tf.cast(y_true, y_pred.dtype) - i))",
)
_SOFT_ARGMAX = _relaxed(
    "n = tf.cast(tf.range(tf.shape(y_pred)[-1]), y_pred.dtype)",
    "i = tf.reduce_sum(n * tf.nn.softmax(k * y_pred, axis=-1), axis=-1)",
    "return tf.reduce_mean(tf.square(tf.cast(y_true, y_pred.dtype) - i))",
    sharpness=10.0,
)
_CLASSES = ("y_pred=float32[8,3] real", "y_true=int32[8] in [0,2]")
_SIGN = _mean("tf.square(y_true - tf.sign(y_pred))")
_SIGN_STE = _lines(
    "s = y_pred + tf.stop_gradient(tf.sign(y_pred) - y_pred)",
    "return tf.reduce_mean(tf.square(y_true - s))",
)
_SIGN_CUSTOM = module("""import tensorflow as tf

@tf.custom_gradient
def hard_sign(x):
    def grad(upstream):
        return upstream
    return tf.sign(x), grad

def loss(y_true, y_pred):
    return tf.reduce_mean(tf.square(y_true - hard_sign(y_pred)))
""")
_ROUND_STE = _lines(
    "r = y_pred + tf.stop_gradient(tf.round(y_pred) - y_pred)",
    "return tf.reduce_mean(tf.square(y_true - r))",
)
_ACCURACY = _lines(
    "hit = tf.equal(tf.argmax(y_true, axis=-1), tf.argmax(y_pred, axis=-1))",
    "return 1 - tf.reduce_mean(tf.cast(hit, y_pred.dtype))",
)
_KL = _mean("p * tf.math.log(p / q)", "q, p")
_MASKED = _lines(
    "z = tf.where(mask > 0, y_pred, -float('inf'))",
    "return -tf.reduce_mean(tf.reduce_sum(tf.nn.softmax(z) * y_true, axis=-1))",
    arguments="y_true, y_pred, mask",
)
_MASKED_FINITE = _lines(
    "z = tf.where(mask > 0, y_pred, tf.cast(-1e9, y_pred.dtype))",
    "return -tf.reduce_mean(tf.reduce_sum(tf.nn.softmax(z) * y_true, axis=-1))",
    arguments="y_true, y_pred, mask",
)
_MASKED_LOWEST = _lines(
    "z = tf.where(mask > 0, y_pred, y_pred.dtype.min / 2)",
    "return -tf.reduce_mean(tf.reduce_sum(tf.nn.softmax(z) * y_true, axis=-1))",
    arguments="y_true, y_pred, mask",
)
_SQUARES = _mean("tf.square(y_true - y_pred)")
_SQUEEZED = _lines("return tf.reduce_mean(tf.square(y_true - tf.squeeze(y_pred, -1)))")
_KERAS_SQUARES = _lines("return tf.keras.losses.MeanSquaredError()(y_true, y_pred)")
_COLUMN = ("y_true=float32[8] real", "y_pred=float32[8,1] real")

TRAPS: tuple[tuple[str, tuple[Trap, ...]], ...] = (
    ("T01", (
        Trap("gate flipped", _GATE, _relaxed(
            "e = (1 - tf.sigmoid(k * (y_pred - 0.5))) * (y_true - y_pred)",
            "return tf.reduce_mean(tf.square(e))", sharpness=10.0,
        ), Relaxed(10.0), BAD, "does not tend"),
        Trap("gate as it is", _GATE, _relaxed(
            "e = tf.sigmoid(k * (y_pred - 0.5)) * (y_true - y_pred)",
            "return tf.reduce_mean(tf.square(e))", sharpness=10.0,
        ), Relaxed(10.0), GOOD),
    )),
    ("T02", (
        Trap("not the same loss", _MEAN_EXP, _lines("return tf.reduce_logsumexp(y_pred)"),
             Exact(), BAD, "the value is"),
        Trap("an increasing function of it", _MEAN_EXP,
             _lines("return tf.reduce_logsumexp(y_pred)"), Monotone(), GOOD),
        Trap("inside a sum",
             _lines("e = tf.reduce_mean(tf.exp(y_pred))",
                    "return e + tf.reduce_mean(tf.square(y_pred - y_true))"),
             _lines("e = tf.reduce_logsumexp(y_pred)",
                    "return e + tf.reduce_mean(tf.square(y_pred - y_true))"),
             Monotone(), BAD),
        Trap("per sample", _lines("return tf.reduce_mean(tf.reduce_mean(tf.exp(y_pred), -1))"),
             _lines("return tf.reduce_mean(tf.reduce_logsumexp(y_pred, -1))"), Monotone(), BAD),
    )),
    ("T03", (
        Trap("labels of any sum", _CROSS, _FUSED, Exact(), BAD, "the gradient for y_pred"),
        Trap("Keras, labels of any sum", _CROSS, _KERAS_FUSED, Exact(), BAD, "the gradient for"),
        Trap("labels that sum to 1", _CROSS, _FUSED, Exact(), GOOD,
             inputs=("y_true=float32[8,10] softmax",)),
        Trap("log_softmax", _CROSS, _LOG_SOFTMAX, Exact(), GOOD),
        Trap("from a stable start", _LOG_SOFTMAX, _FUSED, Guarded(), BAD, "the gradient for"),
    )),
    ("T04", tuple(
        Trap(f"Keras renormalises, {contract.name}",
             _lines("return -tf.reduce_sum(y_true * tf.math.log(y_pred))"),
             _lines("return tf.reduce_sum("
                    "tf.keras.losses.categorical_crossentropy(y_true, y_pred))"),
             contract, BAD)
        for contract in (Exact(), Guarded())
    )),
    ("T05", (
        Trap("sign", _WRONG_SIGN, _BCE, Exact(), BAD, "the value is"),
        Trap("sign, guarded", _WRONG_SIGN, _BCE, Guarded(), BAD, "the value is"),
        Trap("one branch twice", _TWICE_SIGMOID, _BCE, Exact(), BAD),
        Trap("only its author can say so", _WRONG_SIGN, _BCE, Meaning(), GOOD),
    )),
    ("T06", tuple(
        Trap(f"{name}, {contract.name}", before, after, contract, BAD)
        for contract in (Exact(), Guarded())
        for name, before, after in (
            ("where is_finite", _LOG, _lines(
                "l = -y_true * tf.math.log(tf.nn.softmax(y_pred))",
                "return tf.reduce_mean(tf.where(tf.math.is_finite(l), l, 0.0))")),
            ("where is_nan", _RATIO_LOG, _lines(
                "l = -y_true * tf.math.log(y_pred)",
                "return tf.reduce_mean(tf.where(tf.math.is_nan(l), tf.zeros_like(l), l))")),
            ("nan_to_num", module(
                "from keras import ops\n\ndef loss(y_true, y_pred):\n"
                "    return -ops.mean(y_true * ops.log(ops.softmax(y_pred)))\n"), module(
                "from keras import ops\n\ndef loss(y_true, y_pred):\n"
                "    l = y_true * ops.log(ops.softmax(y_pred))\n"
                "    return -ops.mean(ops.nan_to_num(l, posinf=0.0, neginf=0.0))\n")),
            ("maximum with -100", _LOG,
             _mean("-y_true * tf.maximum(tf.math.log(tf.nn.softmax(y_pred)), -100.0)")),
            ("multiply_no_nan", _RATIO_LOG,
             _mean("-tf.math.multiply_no_nan(tf.math.log(y_pred), y_true)")),
        )
    )),
    ("T07", tuple(
        Trap(f"{name}, {contract.name}", before, after, contract, BAD, "NaN")
        for contract in (Exact(), Guarded())
        for name, before, after in (
            ("log1mexp", _LOG1MEXP, _lines(
                "x = tf.abs(y_pred)",
                "return tf.reduce_mean(tf.where(x < 0.6931, tf.math.log(-tf.math.expm1(-x)),"
                " tf.math.log1p(-tf.exp(-x))))")),
            ("softplus", _SOFTPLUS,
             _mean("tf.where(y_pred > 20.0, y_pred, tf.math.log(1 + tf.exp(y_pred)))")),
            ("sigmoid", _SIGMOID, _mean(
                "y_true * tf.where(y_pred >= 0, 1 / (1 + tf.exp(-y_pred)),"
                " tf.exp(y_pred) / (1 + tf.exp(y_pred)))")),
        )
    )),
    ("T08", (
        Trap("sqrt + eps", _DISTANCE,
             _lines("return tf.sqrt(tf.reduce_sum(tf.square(y_true - y_pred))) + 1e-7"),
             Guarded(), BAD, "on the singular set"),
        Trap("norm + eps", _NORM, _mean("tf.norm(y_true - y_pred, axis=-1) + 1e-7"),
             Guarded(), BAD, "on the singular set"),
        Trap("sqrt + eps, bounded", _DISTANCE,
             _lines("return tf.sqrt(tf.reduce_sum(tf.square(y_true - y_pred))) + 1e-7"),
             Bounded(1e-6), BAD, "on the singular set"),
        Trap("sqrt(x + eps), bounded", _DISTANCE,
             _lines("return tf.sqrt(tf.reduce_sum(tf.square(y_true - y_pred)) + 1e-6)"),
             Bounded(1e-3), GOOD),
    )),
    ("T09", (
        Trap("clip at 1", _ACOS, _mean("tf.acos(tf.clip_by_value(y_pred, -1.0, 1.0))"),
             Guarded(), BAD, "on the singular set", inputs=_ANGLE),
        Trap("clip at 1 - 1e-8", _ACOS,
             _mean("tf.acos(tf.clip_by_value(y_pred, -1 + 1e-8, 1 - 1e-8))"),
             Guarded(), BAD, "on the singular set", inputs=_ANGLE),
        Trap("clip at 1 - 1e-7", _ACOS,
             _mean("tf.acos(tf.clip_by_value(y_pred, -1 + 1e-7, 1 - 1e-7))"),
             Exact(), BAD, inputs=_ANGLE),
        Trap("clip at 1 - 1e-7, bounded", _ACOS,
             _mean("tf.acos(tf.clip_by_value(y_pred, -1 + 1e-7, 1 - 1e-7))"),
             Bounded(5e-4), GOOD, notes="gradient of the new loss for y_pred is 0 where",
             inputs=_ANGLE),
    )),
    ("T10", (
        Trap("eps in a signed denominator", _RATIO, _mean("y_true / (y_pred + 1e-7)"),
             Guarded(), BAD),
        Trap("bounded", _RATIO, _mean("y_true / (y_pred + 1e-3)"), Bounded(1e-2), BAD),
        Trap("the pole moves", _RATIO, _mean("y_true / (y_pred + 1e-3)"), Meaning(), BAD),
    )),
    ("T11", (
        Trap("sigmoid(1000 x)", _ROUND, _relaxed(
            "return tf.reduce_mean(tf.square(y_true - tf.sigmoid(k * (y_pred - 0.5))))",
            sharpness=1000.0), Relaxed(1000.0), BAD,
            inputs=("y_pred=float32[8,10] in (0,1)",)),
        Trap("exp / (1 + exp)", _ROUND, _relaxed(
            "e = tf.exp(k * (y_pred - 0.5))",
            "return tf.reduce_mean(tf.square(y_true - e / (1 + e)))",
            sharpness=1000.0), Relaxed(1000.0), BAD,
            inputs=("y_pred=float32[8,10] in (0,1)",)),
        Trap("sigmoid(10 x)", _ROUND, _relaxed(
            "return tf.reduce_mean(tf.square(y_true - tf.sigmoid(k * (y_pred - 0.5))))",
            sharpness=10.0), Relaxed(10.0), GOOD,
            inputs=("y_pred=float32[8,10] in (0,1)",)),
    )),
    ("T12", (
        Trap("a ramp of width 1e-4", _ROUND, _relaxed(
            "r = tf.minimum(tf.maximum(y_pred - 0.499, 0) * k, 1)",
            "return tf.reduce_mean(tf.square(y_true - r))", sharpness=1e4),
            Relaxed(1e4), BAD, inputs=("y_pred=float32[8,10] in (0,1)",)),
    )),
    ("T13", (
        Trap("1 - sigmoid", _mean("y_true * (1 - tf.sigmoid(y_pred))"),
             _mean("y_true * tf.sigmoid(-y_pred)"), Exact(), GOOD),
    )),
    ("T14", (
        Trap("expm1(x) / x, guarded", _EXPM1_RATIO, _mean("tf.math.expm1(y_pred) / y_pred"),
             Guarded(), BAD),
        Trap("expm1(x) / x, exact", _EXPM1_RATIO, _mean("tf.math.expm1(y_pred) / y_pred"),
             Exact(), BAD, "the gradient for y_pred"),
        Trap("with a series branch", _EXPM1_RATIO, _lines(
            "x = y_pred",
            "near = tf.abs(x) < 0.1",
            "far = tf.where(near, tf.ones_like(x), x)",
            "close = tf.where(near, x, tf.zeros_like(x))",
            "series = 1 + close / 2 * (1 + close / 3 * (1 + close / 4 * (1 + close / 5 *"
            " (1 + close / 6 * (1 + close / 7 * (1 + close / 8 * (1 + close / 9)))))))",
            "return tf.reduce_mean(tf.where(near, series, tf.math.expm1(far) / far))"),
            Guarded(), GOOD),
    )),
    ("T15", (
        Trap("a near b", _LOG_RATIO, _LOG_DIFFERENCE, Exact(), BAD, "the value is",
             inputs=("a=float32[8] in [1e30,1.0001e30]", "b=float32[8] in [1e30,1.0001e30]")),
        Trap("a far from b", _LOG_RATIO, _LOG_DIFFERENCE, Exact(), GOOD,
             inputs=("a=float32[8] in [1e-30,1e-25]", "b=float32[8] in [1e10,1e15]")),
        Trap("everywhere", _LOG_RATIO, _LOG_DIFFERENCE, Exact(), BAD),
    )),
    ("T16", (
        Trap("abs", _ABS, _mean("tf.sqrt(tf.square(y_true - y_pred) + 1e-6)"), Exact(), BAD),
        Trap("relu", _mean("tf.nn.relu(y_pred)"), _mean("tf.nn.softplus(10.0 * y_pred) / 10.0"),
             Guarded(), BAD),
        Trap("max", _mean("tf.reduce_max(y_pred, -1)"),
             _mean("tf.reduce_logsumexp(10.0 * y_pred, -1) / 10.0"), Exact(), BAD),
        Trap("huber", _HUBER, _lines("x = y_true - y_pred",
             "return tf.reduce_mean(tf.math.log(tf.cosh(x)))"), Guarded(), BAD),
        Trap("huber as it is", _HUBER, _HUBER, Exact(), GOOD),
    )),
    ("T17", (
        Trap("class numbers averaged", _ARGMAX, _SOFT_ARGMAX, Relaxed(10.0), BAD,
             "scores", inputs=_CLASSES),
        Trap("class numbers averaged, any inputs", _ARGMAX, _SOFT_ARGMAX, Relaxed(10.0), BAD),
    )),
    ("T18", (
        Trap("declared", _ROUND, _ROUND_STE, StraightThrough(), GOOD),
        Trap("exact", _ROUND, _ROUND_STE, Exact(), BAD, "gradient"),
        Trap("guarded", _ROUND, _ROUND_STE, Guarded(), BAD, "gradient"),
        Trap("relaxed", _ROUND, _ROUND_STE, Relaxed(10.0), BAD, "gradient"),
    )),
    ("T19", (
        Trap("x + sg(f(x) - x)", _SIGN, _SIGN_STE, StraightThrough(), BAD, "the value is"),
        Trap("custom_gradient", _SIGN, _SIGN_CUSTOM, StraightThrough(), GOOD),
    )),
    ("T20", tuple(
        Trap(f"{name}, {contract.name}", _ACCURACY, after, contract, outcome)
        for name, after in (
            ("squares", _SQUARES),
            ("cross entropy", _lines(
                "return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits("
                "labels=y_true, logits=y_pred))")),
        )
        for contract, outcome in (
            (Exact(), BAD), (Guarded(), BAD), (Monotone(), BAD), (Meaning(), GOOD),
        )
    )),
    ("T21", tuple(
        Trap(f"{name}, {contract.name}", _LOG, _mean(f"-y_true * {after}"), contract, BAD)
        for name, after in (
            ("clip at 1e-10", "tf.math.log(tf.clip_by_value(tf.nn.softmax(y_pred), 1e-10, 1.0))"),
            ("plus 1e-9", "tf.math.log(tf.nn.softmax(y_pred) + 1e-9)"),
        )
        for contract in (Exact(), Guarded(), Bounded(1e-9))
    )),
    ("T22", (
        Trap("whole", _KL, _mean("tf.math.xlogy(p, p / q)", "q, p"), Guarded(), BAD, "NaN"),
        Trap("whole, exact", _KL, _mean("tf.math.xlogy(p, p / q)", "q, p"), Exact(), BAD, "NaN"),
        Trap("split", _KL, _mean("tf.math.xlogy(p, p) - tf.math.xlogy(p, q)", "q, p"),
             Guarded(), GOOD),
    )),
    ("T23", (
        Trap("xlogy", _jax("p * jnp.log(p)"), _jax("xlogy(p, p)"), Guarded(), BAD, "NaN",
             framework="jax"),
    )),
    ("T24", (
        Trap("guarded", _RATIO, _mean("tf.math.divide_no_nan(y_true, y_pred)"), Guarded(), GOOD,
             notes="jumps"),
        Trap("exact", _RATIO, _mean("tf.math.divide_no_nan(y_true, y_pred)"), Exact(), BAD),
    )),
    ("T25", (
        Trap("fine eagerly", _lines("return tf.reduce_sum(tf.square(y_true - y_pred))"),
             _lines("return tf.norm(y_true - y_pred) ** 2"), Exact(), BAD, "NaN"),
    )),
    ("T26", (
        Trap("tie of a hinge", _mean("tf.maximum(0.0, 1 - y_true * y_pred)"),
             _mean("tf.maximum(1 - y_true * y_pred, 0.0)"), Exact(), GOOD,
             notes="both are subgradients"),
    )),
    ("T27", (
        Trap("-1e9", _MASKED, _MASKED_FINITE, Guarded(), BAD, "float16"),
        Trap("the dtype's own lowest", _MASKED, _MASKED_LOWEST, Guarded(), GOOD),
    )),
    ("T28", (
        Trap("a column against a row", _SQUARES, _SQUEEZED, Exact(), BAD, "the value is",
             inputs=_COLUMN),
        Trap("a loss that squeezes", _SQUARES, _KERAS_SQUARES, Exact(), BAD, "the value is",
             inputs=_COLUMN),
        Trap("a loss that squeezes, any inputs", _SQUARES, _KERAS_SQUARES, Exact(), BAD),
        Trap("only its author can ask", _SQUARES, _SQUEEZED, Meaning(), GOOD, inputs=_COLUMN),
    )),
)  # fmt: skip
