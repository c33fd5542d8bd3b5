"""What a file reaches by its text is no less than what it reaches once it is parsed."""

import pytest

from lossfix.check import NO_FRAMEWORK, check_file
from lossfix.graph.module import Module
from lossfix.graph.packages import Packages
from lossfix.graph.reach import may_reach_framework
from lossfix.rules.registry import every_rule

BODY = "\n\ndef focal_loss(y, p):\n    return -y * tf.math.log(1 - tf.nn.sigmoid(p))\n"


@pytest.mark.parametrize(
    ("text", "reaches"),
    [
        ("import tensorflow as tf", True),
        ("def f():\n    from tensorflow.math import log as ln", True),
        ("from tensorflow_probability import distributions", False),
        ("import numpy as np  # and no tensorflow", False),
        ("from .compat import tf", True),  # which hands on a framework
        ("from .compat import np", False),
        ("from .starred import exp", True),  # which star-imports one
        ("from .missing import tf", False),
        ("from somewhere import *", True),
        ("from somewhere import backend", True),
        ("import anything as K", True),
        ("def f():\n    K = g()", True),
        ("def f():\n    (backend) = g()", True),
        ("if a.K == K: pass", False),
    ],
)
def test_what_a_file_may_reach(tmp_path, text, reaches):
    (tmp_path / "__init__.py").touch()
    (tmp_path / "compat.py").write_text("import numpy as np\nimport tensorflow as tf\nlog = 1\n")
    (tmp_path / "starred.py").write_text("from tensorflow import *\nlog = 1\n")
    path, packages = str(tmp_path / "losses.py"), Packages()
    assert may_reach_framework(text, path, packages) is reaches
    module = Module(packages.index(path, text), packages)
    assert module.surroundings.reaches_framework() is reaches


def test_a_file_that_reaches_no_framework_rests_on_what_it_imports(tmp_path):
    path = tmp_path / "losses.py"
    path.write_text(f"from compat import tf{BODY}")
    row = check_file(path, every_rule())
    assert row.reason == NO_FRAMEWORK
    assert str(tmp_path / "compat.py") in row.reads
    (tmp_path / "compat.py").write_text("import tensorflow as tf\nlog = 1\n")
    assert [finding.code for finding in check_file(path, every_rule()).findings] == ["LF107"]


def test_a_comment_to_lossfix_is_answered_without_a_framework(tmp_path):
    path = tmp_path / "losses.py"
    path.write_text(f"from keras_like import tf  # lossfix: ignore[LF107]{BODY}")
    assert [finding.code for finding in check_file(path, every_rule()).findings] == ["LF001"]
