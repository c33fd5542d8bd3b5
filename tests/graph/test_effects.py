"""Effects: an attribute that a call may have changed is another value after the call."""

from __future__ import annotations

import ast

import pytest

from lossfix.graph.module import lift_module

READS = """
class L:
    def call(self, y_true, y_pred):
        first = self.x
{between}
        return first, self.x
{methods}
"""
STEP = "    {decorator}\n    def step(self, *args):\n        {body}\n"


def read_twice(between: str, methods: str = "", before: str = "") -> tuple[object, object]:
    body = "\n".join(f"        {line}" for line in between.splitlines())
    text = "import tensorflow as tf\n" + before + READS.format(between=body, methods=methods)
    unit = next(unit for unit in lift_module(ast.parse(text)).units if unit.name == "L.call")
    return unit.results[0].args[0], unit.results[0].args[1]


@pytest.mark.parametrize(
    ("between", "methods", "before"),
    [
        ("self.x += 1.0", "", ""),
        ("self.x[0] = y_true", "", ""),
        ("self.step()", STEP.format(decorator="", body="self.x = self.x + 1.0"), ""),
        ("self.step()", STEP.format(decorator="@timed", body="self.x = 2.0"), ""),
        ("self.step(*y_true)", STEP.format(decorator="", body="self.x[0] = 2.0"), ""),
        ("list(self.step())", STEP.format(decorator="", body="yield 1\n        self.x = 2.0"), ""),
        (
            "self.step()",
            STEP.format(decorator="@timed", body="self.more()")
            + "    def more(self):\n        self.x = 2.0\n",
            "",
        ),
        (
            "self.step()",
            "    def __init__(self):\n        self.x = 3.0\n"
            + STEP.format(decorator="@timed", body="self.x *= 2.0"),
            "",
        ),
        ("setattr(self, 'x', y_true)", "", ""),
        ("bump(self)", "", "def bump(it):\n    it.x = 2.0\n"),
        ("bump(self)", "", "from elsewhere import bump\n"),
        ("def inner():\n    self.x = 2.0\ninner()", "", ""),
    ],
)
def test_an_attribute_that_may_have_changed_is_another_value(between, methods, before):
    first, second = read_twice(between, methods, before)
    assert first.number != second.number


@pytest.mark.parametrize(
    ("between", "methods", "before"),
    [
        ("self.step()", STEP.format(decorator="", body="return self.x"), ""),
        ("self.step()", STEP.format(decorator="@timed", body="self.y = self.x"), ""),
        ("print(self)", "", ""),
        ("bump(self)", "", "def bump(it):\n    it.y = 2.0\n"),
        ("tf.reduce_sum(self)", "", ""),
    ],
)
def test_an_attribute_that_no_call_changes_is_one_value(between, methods, before):
    first, second = read_twice(between, methods, before)
    assert first.number == second.number


COUNTER = "class M:\n    def __init__(self):\n        self.x = 1.0\n"
COUNTER += "    {}def step(self):\n        self.x = 5.0\n"


def test_an_attribute_of_another_object_is_not_ours():
    first, second = read_twice("m = M()\nm.step()", before=COUNTER.format(""))
    assert first.number == second.number


@pytest.mark.parametrize(("decorator", "held"), [("", 5.0), ("@timed\n    ", None)])
def test_what_a_method_of_another_object_changes_is_seen(decorator, held):
    between = "m = M()\nself.x = m.x\nm.step()\nself.x = (self.x, m.x)"
    _, pair = read_twice(between, before=COUNTER.format(decorator))
    assert [node.value for node in pair.args] == [1.0, held]


def test_what_two_methods_set_is_no_constant():
    methods = "    def __init__(self):\n        self.x = 0.0\n    def on_epoch_end(self):\n"
    methods += "        self.x = 1.0\n"
    first, _ = read_twice("pass", methods)
    assert first.op == "free"


def test_an_object_that_no_name_holds_may_change_itself():
    held = "class M:\n    def __call__(self, y):\n        self.x = y\n        return y\n"
    first, second = read_twice("M()(2.0)", before=held)
    assert first.number == second.number
