"""What the graph sees of a loss: its roles, its kind, its activity and its ranges."""

import ast

import pytest

from lossfix.graph.facts import Facts
from lossfix.graph.module import lift_module
from lossfix.graph.nodes import Kind

HEAD = "import tensorflow as tf\nfrom tensorflow.keras import backend as K\n"


def unit(body, name="my_loss", arguments="y_true, y_pred"):
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    module = lift_module(ast.parse(f"{HEAD}def {name}({arguments}):\n{lines}\n"))
    return next(u for u in module.units if u.name == name)


def result(body, **how):
    return unit(body, **how).results[0]


@pytest.mark.parametrize(
    "spelling",
    [
        "return tf.math.log(y_pred)",
        "return tf.compat.v1.log(y_pred)",
        "return K.log(y_pred)",
        "a = y_pred\nb = a\nreturn tf.math.log(b)",
        "from tensorflow import math as m\nreturn m.log(y_pred)",
    ],
)
def test_one_op_by_many_names(spelling):
    assert result(spelling).op == "log"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("y_pred * y_pred", "tf.square(y_pred)"),
        ("y_pred ** 2", "tf.square(y_pred)"),
        ("y_pred + y_true", "y_true + y_pred"),
        ("tf.reduce_sum(y_pred, -1)", "tf.reduce_sum(y_pred, axis=-1)"),
        ("tf.reduce_sum(y_pred, axis=1, keepdims=True)", "K.sum(y_pred, 1, True)"),
        ("y_pred * (1 - 0.5)", "y_pred * 0.5"),
    ],
)
def test_equal_values_have_one_number(left, right):
    numbers = [node.number for node in unit(f"a = {left}\nb = {right}\nreturn a, b").nodes[-1].args]
    assert numbers[0] == numbers[1]


@pytest.mark.parametrize(
    "call",
    ["np.sum(x, 1, np.float32)", "np.average(x, 0, y_true)", "np.max(x, 1, y_true)"],
)
def test_the_third_position_of_a_numpy_reduction_is_no_keepdims(call):
    node = result(f"import numpy as np\nx = np.asarray(y_pred)\nreturn {call}")
    assert node.op == "opaque"


def test_a_numpy_reduction_takes_keepdims_by_its_name():
    node = result("import numpy as np\nreturn np.sum(y_pred, 1, keepdims=True)")
    assert (node.op, node.attrs["axis"], node.attrs["keepdims"]) == ("np_sum", 1, True)


def test_a_name_that_was_assigned_again_is_another_value():
    found = unit("a = tf.exp(y_pred)\ny_pred = y_pred + 1\nb = tf.exp(y_pred)\nreturn a, b")
    first, second = found.nodes[-1].args
    assert first.number != second.number


def test_values_that_two_branches_leave_are_not_taken_for_equal():
    found = unit(
        "if y_true is None:\n    a = tf.exp(y_pred)\nelse:\n    a = y_pred\n"
        "if K:\n    b = tf.exp(y_pred)\nelse:\n    b = y_pred\nreturn a, b"
    )
    first, second = found.nodes[-1].args
    assert first.number != second.number


def test_what_comes_from_labels_alone_does_not_vary():
    found = unit("mask = tf.cast(y_true > 0.5, tf.float32)\nreturn mask * y_pred")
    facts = Facts(found)
    varied = {node.op: facts.varied(node) for node in found.nodes}
    assert varied["cast"] is False
    assert varied["mul"] is True


def test_the_gradient_stops_at_stop_gradient():
    found = unit("frozen = tf.stop_gradient(tf.exp(y_pred))\nreturn frozen * y_pred")
    facts = Facts(found)
    active = {node.op: facts.active(node) for node in found.nodes}
    assert active["exp"] is False
    assert active["mul"] is True


@pytest.mark.parametrize(
    ("expression", "low", "high"),
    [
        ("tf.nn.softmax(y_pred)", 0.0, 1.0),
        ("tf.square(y_pred)", 0.0, float("inf")),
        ("tf.clip_by_value(y_pred, 0.25, 0.5)", 0.25, 0.5),
        ("tf.sigmoid(y_pred) + 1.0", 1.0, 2.0),
        ("y_pred - tf.reduce_max(y_pred, -1, keepdims=True)", float("-inf"), 0.0),
    ],
)
def test_ranges(expression, low, high):
    found = unit(f"return {expression}")
    interval = Facts(found).interval(found.results[0])
    assert (interval.low, interval.high) == (low, high)


def test_one_minus_a_tiny_number_is_one_in_float32():
    found = unit("return tf.clip_by_value(y_pred, 0.0, 1 - 1e-8)")
    assert Facts(found).interval(found.results[0]).high == 1.0


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("focal_loss", Kind.LOSS),
        ("binary_accuracy", Kind.METRIC),
        ("f1", Kind.METRIC),
        ("anything", Kind.LOSS),
    ],
)
def test_what_a_function_is_by_its_name_and_parameters(name, kind):
    assert unit("return tf.reduce_mean(y_true - y_pred)", name=name).kind is kind


def test_a_helper_of_a_loss_is_looked_at_too():
    module = lift_module(
        ast.parse(
            f"{HEAD}def _soft(z):\n    return tf.exp(z)\n"
            "def my_loss(y_true, y_pred):\n    return _soft(y_pred) - y_true\n"
        )
    )
    assert {u.name: u.kind for u in module.units}["_soft"] is Kind.HELPER


def test_a_name_with_two_imports_is_ambiguous():
    module = lift_module(
        ast.parse(
            "try:\n    import keras.backend as K\nexcept ImportError:\n    import torch as K\n"
        )
    )
    assert "K" in module.units[-1].ambiguous
