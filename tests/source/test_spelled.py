"""What a text calls, names, writes and assigns, however it is laid out."""

import pytest

from lossfix.source.spelled import Spelled


@pytest.mark.parametrize(
    "text",
    [
        "log(x)",
        "tf.math.log (x)",
        "tf . math . log\t\\\n  (x)",
        "[-log(x)]",
        "x=log\f(x)",
        "y = f(x).log()",
        "'''\ndef f():\n    '''; log(x)",
        "norm" + "." + "log" + " " * 200 + "(x)",
    ],
)
def test_a_call_is_seen(text):
    assert "log" in Spelled(text).called


@pytest.mark.parametrize(
    "text", ["log", "log = f(x)", "logs(x)", "blog(x)", "_log(x)", "log[f(x)]"]
)
def test_a_name_is_no_call(text):
    assert "log" not in Spelled(text).called


@pytest.mark.parametrize(
    "text",
    ["from tf import log as ln", "from tf import (exp, log as ln)", "from tf import log as l"],
)
def test_what_an_import_renames_is_called_in_the_file(text):
    assert "log" in Spelled(text, whole=True).called
    assert "log" not in Spelled(text).called


@pytest.mark.parametrize(
    ("text", "named"),
    [("activation='softmax'", True), ("nn.softmax,", True), ("log_softmax(x)", False)],
)
def test_a_word_stands_by_itself(text, named):
    assert Spelled(text).names("softmax") is named


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1 + x", True),
        ("-1.00", True),
        ("x[1]", True),
        ("1e-7", False),
        ("0.1", False),
        ("x1", False),
    ],
)
def test_a_number_is_written(text, written):
    assert Spelled(text).writes(1.0) is written


@pytest.mark.parametrize(
    ("text", "given"),
    [("total_loss = f(x)", True), ("g(loss=f)", True), ("loss == 2", False), ("loss(x)", False)],
)
def test_a_name_is_given_a_value(text, given):
    assert Spelled(text).gives_a_value("loss") is given
