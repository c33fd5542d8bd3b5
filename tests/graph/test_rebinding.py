"""What else than an assignment binds a name: a fix never uses the value that it held before."""

from __future__ import annotations

from pathlib import Path

import pytest

from lossfix.check import check_file
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


@pytest.mark.parametrize("between", REBOUND.values(), ids=REBOUND)
def test_a_name_that_something_else_binds_is_not(tmp_path: Path, between: str) -> None:
    assert fixable(tmp_path, between) == []
