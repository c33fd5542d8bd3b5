"""The gate loses nothing: what it passes over holds no finding, here as in public packages."""

import os
from pathlib import Path

import pytest

from lossfix.graph.module import Module
from lossfix.graph.packages import Packages
from lossfix.graph.reach import may_reach_framework
from lossfix.rules.find import find_in
from lossfix.rules.registry import all_rules
from lossfix.rules.words import words_of
from lossfix.source.files import decode, read_bytes
from lossfix.source.gate import may_hold_a_loss
from lossfix.source.text import Text

ROOT = Path(__file__).parents[2]
FILES = sorted(path for path in (ROOT / "fixtures").rglob("*.py"))
RULES = all_rules()


def findings(path, gated):
    data = read_bytes(path)
    source = decode(path, data)
    place = os.path.abspath(path)
    words = words_of(RULES)
    packages = Packages()
    if gated and not (
        may_hold_a_loss(data)
        and words.in_file(source.text, place)
        and may_reach_framework(source.text, place, packages)
    ):
        return []
    module = Module(packages.index(place, source.text), packages)
    text = Text(source.text)
    worth = words.units(module.index, text) if gated else None
    return [(f.rule.code, f.span, f.reason) for f in find_in(module, text, RULES, None, worth)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "fixtures")))
def test_findings_with_and_without_the_gate_are_the_same(path):
    assert findings(path, gated=True) == findings(path, gated=False)


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("import tensorflow as tf\nx = tf.math.log(tf.nn.softmax(z))\n", True),
        ("import tensorflow as tf\nx = tf.math.log(p)\n", False),  # no rule wants that alone
        ("import tensorflow as tf\nx = tf.math.log(1 + y)\n", True),
        ("import tensorflow as tf\n# the log of a softmax\n", False),  # nothing is called
        ("import tensorflow as tf\ndef focal_loss(y, p):\n    return y / p\n", True),
        ("import tensorflow as tf\nclass Huber(Base):\n    pass\n", True),
        ("import tensorflow as tf\ntrain = opt.minimize(q)\n", True),
        ("import tensorflow as tf\ncost = q / n\n", True),
        ("import tensorflow as tf\ny = f(y_true, y_pred)\n", True),
        ("import tensorflow as tf\nlogging.info(1)\n", False),
        ("from tensorflow.math import log as ln\nx = ln(softmax(z))\n", True),
    ],
)
def test_what_a_file_must_spell(text, passes):
    assert words_of(RULES).in_file(text, "plain.py") is passes


METRIC = "import tensorflow as tf\n\n\ndef accuracy(model, x, hinted):\n    loss = model(x) / 2\n"


@pytest.mark.parametrize(
    ("line", "lifted"),
    [
        ("return loss", ()),  # a metric holds no finding
        ("return opt.minimize(loss)", ("accuracy",)),
        ("model.compile(loss=hinted)", ("accuracy",)),
        ("model.compile(hinted_loss=hinted)", ()),
    ],
)
def test_a_metric_is_lifted_where_it_trains(line, lifted):
    text = Text(METRIC + f"    {line}\n")
    module = Module(Packages().index("", text.content), Packages())
    assert words_of(RULES).units(module.index, text).losses == lifted
