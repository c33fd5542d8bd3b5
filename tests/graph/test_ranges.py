"""Ranges of values in a loss: how far they go, in which format, and what set their ends."""

import ast
import math

import pytest

from lossfix.graph.facts import Facts
from lossfix.graph.intervals import POSITIVE, UNIT, UNKNOWN, Interval, point
from lossfix.graph.module import lift_module
from lossfix.graph.nodes import INPUT, JOIN, LOOP, Node
from lossfix.graph.number import Numbering
from lossfix.graph.ranges import Ranges
from lossfix.graph.relations import is_minus_its_max

INF = math.inf
HEAD = "import tensorflow as tf\nfrom tensorflow.keras import backend as K\n"


def lifted(body, arguments="y_true, y_pred"):
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    module = lift_module(ast.parse(f"{HEAD}def my_loss({arguments}):\n{lines}\n"))
    unit = next(unit for unit in module.units if unit.name == "my_loss")
    return Facts(unit), unit.results[0]


def range_of(expression, dtype="float32", **how):
    body = expression if "return" in expression else f"return {expression}"
    facts, node = lifted(body, **how)
    return facts.interval(node, dtype)


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("y_pred", UNKNOWN),
        ("tf.abs(y_pred)", Interval(0.0, INF, False, True)),
        ("tf.exp(-tf.abs(y_pred))", UNIT),
        ("tf.math.expm1(-tf.nn.relu(y_pred))", Interval(-1.0, 0.0)),
        ("tf.nn.log_softmax(y_pred)", Interval(-INF, 0.0)),
        ("tf.math.log_sigmoid(y_pred)", Interval(-INF, 0.0)),
        ("tf.maximum(y_pred, 1e-3) - 1e-3", Interval(0.0, INF, False, True)),
        ("tf.minimum(y_pred, 2.0)", Interval(-INF, 2.0, True)),
        ("y_pred ** 4", Interval(0.0, INF)),
        ("tf.sigmoid(y_pred) * tf.sigmoid(y_true)", UNIT),
        ("tf.reduce_mean(tf.sigmoid(y_pred))", UNIT),
        ("tf.one_hot(y_true, 3)", UNIT),
        ("tf.cast(y_pred > 0, tf.float32)", UNIT),
        ("tf.cast(tf.square(y_pred) >= 0, tf.float32)", point(1.0)),
        ("tf.cast(3.7 * tf.sigmoid(y_pred), tf.int32)", Interval(0.0, 3.0)),
        ("tf.cast(tf.sigmoid(y_pred) > 2, tf.float32)", point(0.0)),
        ("tf.stop_gradient(tf.nn.softmax(y_pred))[..., 0]", UNIT),
        ("tf.reshape(tf.transpose(tf.nn.softmax(y_pred)), [-1])", UNIT),
        ("tf.gather(tf.nn.softmax(y_pred), y_true)", UNIT),
        ("tf.boolean_mask(tf.nn.softmax(y_pred), y_true > 0)", UNIT),
        ("tf.Variable(tf.zeros([3]))", UNKNOWN),
        ("tf.concat([tf.sigmoid(y_pred), tf.tanh(y_pred)], -1)", Interval(-1.0, 1.0)),
        ("tf.concat(axis=-1, values=[tf.sigmoid(y_pred), tf.zeros([2])])", UNIT),
        ("tf.stack([tf.sigmoid(y_pred), 3.0 * tf.sigmoid(y_pred)])", Interval(0.0, 3.0)),
        ("tf.matmul(tf.nn.relu(y_pred), tf.nn.relu(y_true))", Interval(0.0, INF)),
        ("tf.einsum('bi,bi->b', y_pred, y_pred)", Interval(0.0, INF)),
        ("tf.einsum('bi,bi->b', y_pred, y_true)", Interval(-INF, INF, nan=True)),
        ("tf.random.uniform([3])", Interval(0.0, 1.0, False, True)),
        ("tf.ones([3]) - tf.zeros([3])", point(1.0)),
        ("tf.fill([2, 2], 0.5)", point(0.5)),
        ("tf.pad(1.0 + tf.sigmoid(y_pred), [[1, 1]])", Interval(0.0, 2.0)),
        ("tf.math.argmax(y_pred, -1)", Interval(0.0, INF, False, True)),
        ("y_pred - tf.reduce_logsumexp(y_pred, -1, keepdims=True)", Interval(-INF, 0.0)),
        ("tf.reduce_max(y_pred) - tf.reduce_min(y_pred)", Interval(0.0, INF)),
        ("y_pred - tf.stop_gradient(y_pred)", point(0.0)),
        ("tf.where(y_pred > 0, y_pred, 0.5)", POSITIVE),
        ("tf.where(0 < y_pred, y_pred, 0.5)", POSITIVE),
        ("tf.where(y_pred < 0, 0.0, y_pred)", Interval(0.0, INF, False, True)),
        ("tf.where(y_pred >= 0, -y_pred, y_pred)", Interval(-INF, 0.0, True)),
        ("tf.where(y_pred > 0, tf.sqrt(y_pred), 1.0)", POSITIVE),
        ("tf.where((y_pred > 0) & (y_pred < 1), y_pred, 0.5)", Interval(0.0, 1.0, True, True)),
        ("tf.where(tf.equal(K.abs(y_pred), 0), 1.0, K.abs(y_pred))", POSITIVE),
        ("K.switch(y_true > 0, tf.sigmoid(y_pred), -tf.sigmoid(y_pred))", Interval(-1.0, 1.0)),
        ("a = 0.0\nfor i in range(3):\n    a += y_pred[i] ** 2\nreturn a", Interval(0.0, INF)),
    ],
)
def test_the_range_of_an_expression(expression, told):
    found = range_of(expression)
    assert found == Interval(told.low, told.high, told.low_open, told.high_open, found.nan)
    assert found.nan or not told.nan


@pytest.mark.parametrize(
    ("expression", "nan"),
    [
        ("tf.sqrt(y_pred)", True),
        ("tf.sqrt(tf.nn.relu(y_pred))", False),
        ("tf.math.log(tf.sigmoid(y_pred) - 0.5)", True),
        ("tf.sigmoid(y_pred) / tf.sigmoid(y_true)", True),
        ("tf.sigmoid(y_pred) / (tf.sigmoid(y_true) + 1e-7)", False),
        ("tf.sigmoid(y_pred) * tf.math.log(tf.sigmoid(y_pred))", True),
        ("tf.nn.softmax(y_pred)", False),
        ("tf.nn.softmax(tf.where(y_true > 0, y_pred, -float('inf')))", True),
    ],
)
def test_where_nan_can_come_from(expression, nan):
    assert range_of(expression).nan is nan


def test_the_order_of_evaluation_decides_what_an_epsilon_is_worth():
    p = "p = tf.sigmoid(y_pred)\n"
    assert range_of(p + "return 1e-10 + 1 - p").holds(0.0)
    assert not range_of(p + "return 1 - p + 1e-10").holds(0.0)
    assert not range_of(p + "return p + 1e-10").holds(0.0)


@pytest.mark.parametrize(
    ("dtype", "expression", "held"),
    [
        ("float32", "tf.clip_by_value(y_pred, 1e-8, 1 - 1e-8)", Interval(1e-8, 1.0)),
        ("float32", "tf.clip_by_value(y_pred, 1e-7, 1 - 1e-7)", Interval(1e-7, 0.9999998807907104)),
        ("bfloat16", "tf.clip_by_value(y_pred, 0, 1 - 1e-3)", UNIT),
        ("bfloat16", "tf.clip_by_value(y_pred, 0, 1 - 4e-3)", Interval(0.0, 0.99609375)),
        ("float16", "tf.clip_by_value(y_pred, 1e-8, 1 - 1e-4)", UNIT),
        ("float16", "tf.clip_by_value(y_pred, 0, 1 - 1e-3)", Interval(0.0, 0.9990234375)),
        ("float16", "tf.sigmoid(y_pred) + 1e-8", UNIT),
        ("float16", "tf.exp(tf.clip_by_value(y_pred, 0.0, 12.0))", Interval(1.0, INF)),
        ("float32", "tf.exp(tf.clip_by_value(y_pred, 0.0, 89.0))", Interval(1.0, INF)),
        ("bfloat16", "tf.exp(tf.clip_by_value(y_pred, 0.0, 89.0))", Interval(1.0, INF)),
    ],
)
def test_ends_are_rounded_as_the_format_holds_them(dtype, expression, held):
    found = range_of(expression, dtype)
    assert (found.low, found.high) == (pytest.approx(held.low, rel=0.3), held.high)


def test_a_cast_changes_the_format_of_what_follows():
    p = "p = tf.sigmoid(tf.cast(y_pred, tf.{}))\nreturn 1 - tf.minimum(p, 1 - 1e-8)"
    assert range_of(p.format("float32")).holds(0.0)
    assert not range_of(p.format("float64")).holds(0.0)
    assert range_of("tf.cast(tf.sigmoid(y_pred) + 1e-6, tf.float16) - 1e-6").low == 0.0


@pytest.mark.parametrize(
    "shift",
    [
        "tf.reduce_max(z, -1, keepdims=True)",
        "tf.expand_dims(tf.reduce_max(z, -1), -1)",
        "tf.reduce_max(z, -1)[:, None]",
        "tf.reshape(tf.reduce_max(z, 1), [-1, 1])",
        "tf.stop_gradient(K.max(z, axis=-1, keepdims=True))",
        "tf.reduce_max(tf.stop_gradient(z), -1, keepdims=True)",
    ],
)
def test_a_maximum_that_is_taken_out_is_seen_however_it_is_written(shift):
    for body in (
        f"z = y_pred\nreturn z - {shift}",
        f"z = y_pred\nz -= {shift}\nreturn z",
        f"z = y_pred\nm = {shift}\nreturn (z - m) / 0.07",
        f"z = y_pred\nreturn z + (-{shift})",
    ):
        facts, node = lifted(body)
        assert is_minus_its_max(node), body
        assert facts.interval(node).high == 0.0, body


def test_another_tensors_maximum_is_no_shift():
    facts, node = lifted("return y_pred - tf.reduce_max(y_true, -1, keepdims=True)")
    assert not is_minus_its_max(node)
    assert facts.interval(node).high == INF


@pytest.mark.parametrize(
    ("expression", "end", "op"),
    [
        ("1.0 - tf.nn.softmax(y_pred)", "low", "softmax"),
        ("tf.math.log(tf.sigmoid(y_pred))", "low", "sigmoid"),
        ("tf.exp(tf.clip_by_value(y_pred, -9.0, 9.0))", "high", "clip"),
        ("tf.sqrt(tf.reduce_sum(tf.square(y_pred), -1))", "low", "square"),
        ("tf.maximum(y_pred, 0.0) + 1e-7", "low", "maximum"),
        ("tf.sigmoid(y_pred)", "high", "sigmoid"),
        ("tf.where(y_true > 0, 0.5, tf.sigmoid(y_pred))", "high", "sigmoid"),
        ("2.0 * y_pred", "low", None),
        ("tf.exp(y_pred)", "high", None),
        ("y_pred + 1.0", "low", None),
    ],
)
def test_the_node_that_set_an_end(expression, end, op):
    facts, node = lifted(f"return {expression}")
    cause = facts.ranges().bound_by(node, end)
    assert (cause.op if cause is not None else None) == op


def test_a_loop_that_comes_back_to_itself_ends():
    numbers = Numbering()
    start = Node(INPUT, (), {}, numbers.fresh(), name="x")
    loop = Node(JOIN, (start,), {}, numbers.fresh(), name=LOOP)
    step = numbers.apply("square", (loop,))
    object.__setattr__(loop, "args", (start, step))
    ranges = Ranges(lambda node: UNIT)
    assert ranges.of(step).low == 0.0
    assert ranges.of(loop).holds(7.0)
    assert not ranges.reaches(loop, 0.0)


@pytest.mark.parametrize(
    ("body", "held"),
    [
        ("a = b = 0.0\nfor i in y_true:\n    a = b\n    b = b + 1.0\nreturn a", [0.0, 1.0, 7.0]),
        ("a = 0.0\nfor i in y_true:\n    a = 1.0 - 2.0 * a\nreturn a", [0.0, 1.0, -1.0, 3.0]),
        (
            "a = b = c = 1.0\nfor i in y_true:\n    a = b\n    b = c\n    c = c - 1.0\nreturn a",
            [1.0, 0.0, -9.0],
        ),
        (
            (
                "a = b = 0.0\nfor i in y_true:\n    for j in y_pred:\n        a = b\n"
                "    b = b - 1.0\nreturn a"
            ),
            [0.0, -1.0, -5.0],
        ),
        (
            "a = 1.0\nwhile a > y_true:\n    a = a * 0.5\n    a = a - 1.0\nreturn a",
            [1.0, -0.5, -1.25],
        ),
        (
            (
                "a = 1.0\nfor i in y_true:\n    if y_pred[i] > 0:\n        a = 0.0\n        break\n"
                "    a = 1.0\nreturn a"
            ),
            [0.0, 1.0],
        ),
        (
            (
                "a = 1.0\nfor i in y_true:\n    if y_pred[i] > 0:\n        a = a - 1.0\n"
                "        continue\n    a = 1.0\nreturn a"
            ),
            [1.0, 0.0, -1.0],
        ),
        ("a = 0.0\nfor i in y_true:\n    a += tf.math.log(a)\nreturn a", [0.0, -INF, math.nan]),
        ("self.n = 0\nfor i in y_true:\n    self.n += 1\nreturn self.n", [0.0, 1.0, 5.0]),
        ("for i in y_true:\n    self.n += 1\nreturn self.n", [-3.0, 0.0, 5.0]),
    ],
)
def test_a_loops_range_holds_what_every_round_leaves(body, held):
    found = range_of(body, arguments="self, y_true, y_pred")
    assert [value for value in held if not found.holds(value)] == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("n = 0\nfor i in y_true:\n    n += 1\nreturn n", Interval(0.0, INF)),
        (
            (
                "w = 1.0\na = 0.0\nfor i in y_true:\n    a += w * y_pred[i] ** 2\n    w *= 0.5\n"
                "return a"
            ),
            Interval(0.0, INF),
        ),
        (
            "a = 0.5\nfor i in y_true:\n    a = tf.sigmoid(a)\nreturn a",
            Interval(0.5, 1.0),
        ),
    ],
)
def test_a_loops_range_keeps_the_ends_that_no_round_moves(body, told):
    found = range_of(body)
    assert (found.low, found.high) == (told.low, told.high)


def test_a_long_sum_is_no_deep_recursion():
    numbers = Numbering()
    total = Node(INPUT, (), {}, numbers.fresh(), name="x")
    for index in range(5000):
        total = numbers.apply("add", (total, numbers.constant(index)))
    ranges = Ranges(lambda node: UNIT)
    assert ranges.of(total).low > 1e7
    ranges.reaches(total, ranges.of(total).low)
    assert ranges.bound_by(total, "low") is not None
