"""What else than an assignment binds a name: a fix never uses the value that it held before."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from lossfix.check import check_file
from lossfix.rewrite.engine import rewrite_text
from lossfix.rules.registry import all_rules

START = """
import tensorflow as tf

def loss(y_true, y_pred, flag):
    x = tf.nn.sigmoid(y_pred)
"""
END = """
    return -tf.reduce_mean(tf.math.log(x))
"""
REBOUND = {
    "match": """
    match y_true:
        case [x, *_]:
            pass
""",
    "except": """
    try:
        tf.debugging.check_numerics(y_true, "labels")
    except ValueError as x:
        pass
""",
    "nonlocal": """
    def change():
        nonlocal x
        x = tf.exp(y_true)
    change()
""",
    "import": """
    from math import pi as x
""",
    "walrus in an operand that may not run": """
    flag and (x := y_true + 2)
""",
    "walrus in a comprehension": """
    [(x := y_true + 2) for _ in range(flag)]
""",
    "walrus in one arm": """
    (x := y_true + 2) if flag else 3.0
""",
    "a try that stops half way": """
    try:
        x = y_true + 2
        tf.debugging.check_numerics(y_true, "labels")
        x = tf.nn.sigmoid(y_pred)
    except ValueError:
        pass
""",
}


def fixable(tmp_path: Path, between: str) -> list[str]:
    path = tmp_path / "loss.py"
    path.write_text(START + between + END)
    row = check_file(path, all_rules())
    return [f.code for f in row.findings if f.fix]


def test_a_name_that_nothing_binds_again_is_followed(tmp_path: Path) -> None:
    assert fixable(tmp_path, "") == ["LF106"]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="`except*` came with Python 3.11")
def test_each_of_several_handlers_may_have_bound_a_name(tmp_path: Path) -> None:
    handlers = """
    try:
        tf.debugging.check_numerics(y_true, "labels")
    except* ValueError:
        x = y_true + 2
    except* TypeError:
        x = tf.nn.sigmoid(y_pred)
"""
    assert fixable(tmp_path, handlers) == []
    others = re.sub("x = .*", "pass", handlers)
    assert fixable(tmp_path, others) == ["LF106"]
    log = "        tf.reduce_sum(tf.math.log(tf.nn.sigmoid(y_pred)))\n"
    assert fixable(tmp_path, f"    try:\n{log}    except* ValueError:\n        pass\n") == [
        "LF106",
        "LF106",
    ]


@pytest.mark.parametrize("between", REBOUND.values(), ids=REBOUND)
def test_a_name_that_something_else_binds_is_not(tmp_path: Path, between: str) -> None:
    assert fixable(tmp_path, between) == []


def test_what_an_inner_function_sees_is_not_what_was_bound_before_it(tmp_path: Path) -> None:
    path = tmp_path / "loss.py"
    inner = "    def inner():\n        return tf.math.log(x)\n    x = y_true + 2\n"
    path.write_text(START + inner + "    return -tf.reduce_mean(inner())\n")
    assert check_file(path, all_rules()).findings == ()


def test_a_name_that_calls_may_bind_is_no_other_spelling_of_a_value() -> None:
    text = """
import tensorflow as tf

def loss(y_true, y_pred):
    p = tf.nn.sigmoid(y_pred * 3.0)
    z = None
    def change():
        nonlocal z
        z = y_true + 2.0
    z = y_pred * 3.0
    change()
    return -tf.reduce_mean(tf.math.log(p)) + tf.reduce_sum(z)
"""
    mended = rewrite_text(text, Path("loss.py"), all_rules(), lambda finding: "")
    assert "log_sigmoid(y_pred * 3.0)" in mended.text


def test_what_a_file_binds_twice_is_not_known_inside_its_functions(tmp_path: Path) -> None:
    path = tmp_path / "loss.py"
    path.write_text("""
import tensorflow as tf

sharpness = 2.0

def loss(y_true, y_pred):
    return -tf.reduce_mean(tf.math.log(tf.nn.sigmoid(sharpness * y_pred) + sharpness))

sharpness = 0.0
""")
    assert check_file(path, all_rules()).findings == ()
