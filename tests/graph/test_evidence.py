"""Evidence: an end counts where the operands can be at their own ends at once."""

import ast
import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lossfix.graph.facts import Facts
from lossfix.graph.intervals import UNIT, UNKNOWN
from lossfix.graph.module import lift_module
from lossfix.graph.nodes import INPUT, Node
from lossfix.graph.number import Numbering
from lossfix.graph.ranges import Ranges

INF = math.inf
SIGMOIDS = "p = tf.sigmoid(y_pred)\nq = tf.sigmoid(y_true)\n"
SOFTMAX = "p = tf.nn.softmax(y_pred)\n"
ONE_HOT = SOFTMAX + "y = tf.one_hot(y_true, 10)\n"


def reached(body, *points, arguments="y_true, y_pred", dtype="float32"):
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    head = "import tensorflow as tf\nfrom tensorflow.keras import backend as K\n"
    module = lift_module(ast.parse(f"{head}def my_loss({arguments}):\n{lines}\n"))
    unit = next(unit for unit in module.units if unit.name == "my_loss")
    ranges = Facts(unit).ranges(dtype)
    return [point for point in points if ranges.reaches(unit.results[0], point)]


@pytest.mark.parametrize(
    "body",
    [
        SOFTMAX + "return p",
        SOFTMAX + "return 1 - p",
        SOFTMAX + "return p[:, 0]",
        SOFTMAX + "return tf.gather_nd(p, y_true)",
        SIGMOIDS + "return 1 - p - q",
        SIGMOIDS + "return tf.reduce_sum(p)",
        SIGMOIDS + "return 1e-10 + 1 - p",
        SIGMOIDS + "return p * (1 - p)",
        SIGMOIDS + "return tf.reduce_mean(tf.pow(1 - p, 2.0))",
        ONE_HOT + "return tf.reduce_sum(y * p, -1)",
        "return tf.maximum(y_pred, 0.0)",
        "return tf.nn.relu(y_pred)",
        "return tf.clip_by_value(y_pred, 0, 1)",
        "return 1 - tf.clip_by_value(y_pred, 1e-8, 1 - 1e-8)",
        "return tf.reduce_sum(tf.square(y_pred - y_true), -1)",
        "return y_pred[:, 0] ** 2 + y_pred[:, 1] ** 2",
        "return (y_pred[:, 0] - y_true[:, 0]) ** 2 + (y_pred[:, 1] - y_true[:, 1]) ** 2",
        "return tf.norm(y_pred - y_true, axis=-1)",
        "return tf.norm(y_true - self.model(y_true), axis=-1)",
        "return tf.square(y_pred - tf.reduce_mean(y_pred, -1, keepdims=True))",
        "return tf.square(tf.expand_dims(y_pred, 1) - tf.expand_dims(y_pred, 0))",
        "return tf.square(y_pred - tf.transpose(y_pred))",
        "return tf.nn.relu(tf.matmul(tf.placeholder(tf.float32), tf.get_variable('w', [3])))",
        "return tf.sigmoid(tf.placeholder(tf.float32) * tf.Variable(tf.random_uniform([3])))",
        "return tf.einsum('...i,...i->...', y_pred, y_pred)",
        "return tf.einsum('ij,ij->i', tf.nn.relu(y_pred), tf.nn.relu(y_true))",
        "return tf.reduce_max(y_pred) - tf.reduce_min(y_pred)",
        "return y_pred - tf.reduce_max(y_pred, -1, keepdims=True)",
        "return tf.math.reduce_std(y_pred, -1)",
        "return tf.random.uniform(tf.shape(y_pred))",
        "return tf.reduce_sum(tf.cast(y_pred > 0.5, tf.float32))",
        "return tf.math.softplus(y_pred)",
        "return 1.0 - tf.tanh(y_pred) ** 2",
        "s = 0.0\nfor i in range(4):\n    s += tf.square(y_pred[i])\nreturn s",
        SIGMOIDS + "return tf.where(y_true > 0.5, p, 1 - p)",
        SIGMOIDS
        + "tp = tf.reduce_sum(q * p)\nfp = tf.reduce_sum((1 - q) * p)\n"
        + "fn = tf.reduce_sum(q * (1 - p))\nreturn tp + fp + fn",
    ],
)
def test_these_come_to_0(body):
    assert reached(body, 0.0) == [0.0]


@pytest.mark.parametrize(
    "body",
    [
        "return y_pred",
        "return y_pred - y_true",
        "return y_pred * y_pred - y_true",
        "return self.model(y_pred)",
        "return tf.square(y_pred - (y_pred + 0.5))",
        "return 2 * self.width ** 2",
        "return tf.square(sigma)",
        "return tf.sqrt(y_pred)",
        "return tf.norm(tf.eye(3))",
        "return tf.reduce_sum(tf.random.uniform([3]))",
        "n = 0\nfor i in y_pred:\n    n += 1\nreturn n",
        "return 2.0 / tf.cast(tf.shape(y_pred)[0], tf.float32)",
        "return tf.cast(tf.shape(y_pred)[0], tf.float32)",
        SOFTMAX + "return p + 1e-10",
        SOFTMAX + "return tf.reduce_sum(p, -1)",
        SOFTMAX + "return tf.reduce_sum(p)",
        SOFTMAX + "return tf.reduce_max(p, -1)",
        SIGMOIDS + "return 1 - p + 1e-10",
        SIGMOIDS + "return p + (1 - p)",
        SIGMOIDS + "return 2.0 * tf.reduce_sum(p * q) + 1e-7",
        SIGMOIDS + "return p ** 2 + (1 - p) ** 2",
        SIGMOIDS + "return tf.sqrt(p + 1e-6)",
        SIGMOIDS + "return tf.where(p > 0.5, p, 1 - p)",
        "return tf.sigmoid(y_pred) + tf.sigmoid(-y_pred)",
        "return tf.clip_by_value(y_pred, 1e-7, 1 - 1e-7)",
        "return 1 - tf.clip_by_value(y_pred, 1e-7, 1 - 1e-7)",
        "return tf.maximum(tf.nn.relu(y_pred), K.epsilon())",
        "n = tf.norm(y_pred)\nreturn tf.where(tf.equal(n, 0), 1.0, n)",
        "return tf.where(y_pred > 0, y_pred, 1.0)",
        "return tf.exp(tf.clip_by_value(y_pred, -50.0, 50.0))",
        "return tf.square(y_pred) + tf.square(1 - y_pred)",
        "return tf.nn.softmax(tf.clip_by_value(y_pred, -5.0, 5.0))",
    ],
)
def test_of_these_nothing_says_that_they_come_to_0(body):
    assert reached(body, 0.0, arguments="y_true, y_pred, sigma=None") == []


def test_a_smoothing_constant_keeps_a_denominator_off_0_unless_its_default_is_0():
    body = SIGMOIDS + "return tf.reduce_sum(p) + smooth"
    assert reached(body, 0.0, arguments="y_true, y_pred, smooth=1.0") == []
    assert reached(body, 0.0, arguments="y_true, y_pred, smooth=0") == [0.0]


def test_an_epsilon_of_unknown_size_is_no_evidence_that_it_rounds_away():
    body = "return 1 - tf.clip_by_value(y_pred, eps, 1 - eps)"
    assert reached(body, 0.0, arguments="y_true, y_pred, eps") == []
    assert reached(body, 0.0, arguments="y_true, y_pred, eps=1e-7") == []
    assert reached(body, 0.0, arguments="y_true, y_pred, eps=1e-9") == [0.0]


def test_the_logarithm_of_what_comes_to_0_comes_to_minus_infinity():
    assert reached(SOFTMAX + "return tf.math.log(p)", -INF, 0.0, -1.0) == [-INF, 0.0]
    assert reached(ONE_HOT + "return tf.math.log(tf.reduce_sum(y * p, -1))", -INF) == [-INF]
    assert reached("return tf.math.log(tf.random.uniform([3]))", -INF) == [-INF]


def test_an_overflow_of_what_nobody_knows_is_no_evidence():
    assert reached("return tf.exp(y_pred)", INF) == []
    assert reached("return y_pred + y_true", INF, -INF) == []
    assert reached("return tf.exp(tf.clip_by_value(y_pred, -100.0, 100.0))", INF) == [INF]


def test_a_unit_vector_comes_past_1_by_rounding():
    assert reached("return tf.math.l2_normalize(y_pred, -1)", -1.0, 1.0) == [-1.0, 1.0]


@pytest.mark.parametrize(
    ("dtype", "epsilon", "idle"),
    [
        ("float32", "1e-8", True),
        ("float32", "1e-7", False),
        ("bfloat16", "1e-3", True),
        ("bfloat16", "4e-3", False),
        ("float16", "1e-4", True),
        ("float16", "1e-3", False),
    ],
)
def test_one_minus_epsilon_is_1_where_the_format_is_too_coarse(dtype, epsilon, idle):
    body = f"return 1 - tf.clip_by_value(y_pred, {epsilon}, 1 - {epsilon})"
    assert reached(body, 0.0, dtype=dtype) == ([0.0] if idle else [])


def test_a_cast_to_more_digits_makes_a_small_epsilon_count():
    body = "p = tf.sigmoid(tf.cast(y_pred, tf.float64))\nreturn 1e-10 + 1 - p"
    assert reached(body, 0.0) == []
    body = "p = tf.sigmoid(tf.cast(y_pred, tf.float32))\nreturn p + 1e-8"
    assert reached(body, 0.0, dtype="float16") == []
    assert reached("return tf.sigmoid(y_pred) + 1e-8", 0.0, dtype="float16") == [0.0]


# an end that is told to be attained is attained: all corners and zeros are tried

NUMBERS = Numbering()
A, B, U = (Node(INPUT, (), {}, NUMBERS.fresh(), name=name) for name in "abu")
GRID = {
    A: [i / 4 for i in range(5)],
    B: [i / 4 for i in range(5)],
    U: [*(i / 16 for i in range(-64, 65)), -1e3, 1e3],
}
OPS = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "maximum": max,
    "minimum": min,
    "square": lambda x: x * x,
    "neg": lambda x: -x,
    "abs": abs,
    "relu": lambda x: max(x, 0.0),
}


@st.composite
def polynomials(draw):
    stack = [A, B, U, NUMBERS.constant(draw(st.sampled_from([0.5, 1.0, 2.0])))]
    for _ in range(draw(st.integers(1, 6))):
        op = draw(st.sampled_from(sorted(OPS)))
        arity = 1 if op in ("square", "neg", "abs", "relu") else 2
        args = tuple(draw(st.sampled_from(stack[-3:] + stack)) for _ in range(arity))
        stack.append(NUMBERS.apply(op, args))
    return stack[-1]


def is_small(node):
    """Whether the grid goes beyond every constant of it."""
    return all(abs(inner.value) <= 4.0 for inner in node.walk() if inner.op == "const")


def values(node):
    """The node at every point of the grid."""
    leaves = [leaf for leaf in (A, B, U) if any(inner is leaf for inner in node.walk())]
    for point in itertools.product(*(GRID[leaf] for leaf in leaves)):
        yield _at(node, dict(zip(map(id, leaves), point, strict=True)))


def _at(node, known):
    if id(node) not in known:
        args = [_at(arg, known) for arg in node.args]
        known[id(node)] = node.value if node.op == "const" else OPS[node.op](*args)
    return known[id(node)]


@settings(max_examples=400, deadline=None)
@given(node=polynomials().filter(is_small))
def test_an_end_that_counts_is_attained(node):
    ranges = Ranges(lambda leaf: UNKNOWN if leaf is U else UNIT)
    found = ranges.of(node)
    grid = list(values(node))
    near = 0.15  # zeros lie between the points of the grid too
    if math.isfinite(found.low) and ranges.reaches(node, found.low):
        assert min(grid) <= found.low + near
    if math.isfinite(found.high) and ranges.reaches(node, found.high):
        assert max(grid) >= found.high - near
