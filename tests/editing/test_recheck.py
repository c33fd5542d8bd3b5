"""A text that is checked while it is edited has the findings of one that is checked at once."""

import random
from pathlib import Path

import pytest

from lossfix.check import findings_of, with_problems
from lossfix.editing.parts import Parts
from lossfix.editing.recheck import Rechecker
from lossfix.graph.packages import Packages
from lossfix.report.rows import finding_row
from lossfix.rules.registry import every_rule
from lossfix.source.files import Source
from lossfix.source.text import Text

_FIXTURES = Path(__file__).parents[2] / "fixtures"
_FILES = sorted(
    path for folder in ("programs", "lifting", "wild") for path in (_FIXTURES / folder).glob("*.py")
)
_RULES = every_rule()
_PIECES = (
    "\n",
    "    x = 1\n",
    "# a comment\n",
    "\n\ndef extra_loss(y_true, y_pred):\n    return tf.math.log(tf.nn.softmax(y_pred))\n\n\n",
    "EPS = 1e-7\n",
)


def at_once(path, text):
    """The rows of a whole check; None where the text does not parse."""
    source = Source(path, text, "utf-8", False, "")
    try:
        found = findings_of(source, _RULES)
    except Exception:
        return None
    view = Text(text)
    rows = tuple(finding_row(f, str(path), view) for f in found if not f.suppressed)
    rows, _ = with_problems(rows, (), found, source, _RULES)
    return sorted(map(told, rows))


def told(row):
    return (row.line, row.column, row.end_line, row.end_column, row.code, row.message, row.function)


def edit(text, dice):
    """The text with a line taken out, doubled, or another put in."""
    lines = text.splitlines(keepends=True)
    place = dice.randrange(len(lines) + 1)
    choice = dice.random()
    if choice < 0.3 and place < len(lines):
        del lines[place]
    elif choice < 0.5 and place < len(lines):
        lines.insert(place, lines[place])
    else:
        lines.insert(place, dice.choice(_PIECES))
    return "".join(lines)


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.stem)
def test_edits_in_a_row_find_what_a_whole_check_finds(path):
    dice = random.Random(path.name)
    checker = Rechecker(path, Packages())
    text = path.read_text()
    for _ in range(12):
        whole = at_once(path, text)
        checked = checker.check(text, _RULES)
        if whole is None:
            assert checked.error is not None
        else:
            assert sorted(told(noted.row) for noted in checked.findings) == whole
            good = text
        text = edit(text if whole is not None else good, dice)


TWO = """\
import tensorflow as tf


def one_loss(y_true, y_pred):
    return tf.math.log(tf.nn.softmax(y_pred))


def other_loss(y_true, y_pred):
    return tf.math.log(tf.nn.sigmoid(y_pred))
"""


def test_only_what_changed_is_lifted_again(monkeypatch):
    from lossfix.graph.lift import Lifter

    lifted = []
    before = Lifter.body
    monkeypatch.setattr(
        Lifter, "body", lambda self, body: (lifted.append(self.frame.name), before(self, body))[1]
    )
    checker = Rechecker(Path("losses_.py"), Packages())
    assert len(checker.check(TWO, _RULES).findings) == 2
    assert {"one_loss", "other_loss"} <= set(lifted)
    lifted.clear()
    again = checker.check(TWO.replace("nn.sigmoid(y_pred)", "nn.sigmoid(-y_pred)"), _RULES)
    assert len(again.findings) == 2
    assert "other_loss" in lifted
    assert "one_loss" not in lifted
    lifted.clear()
    checker.check("\n\n\n" + TWO, _RULES)
    assert set(lifted) <= {"other_loss"}


def test_parts_that_name_each_other_are_one_group():
    import ast

    text = TWO.replace("return tf.math.log(tf.nn.sigmoid", "return one_loss(y_true, tf.nn.sigmoid")
    groups = Parts(ast.parse(text), Text(text)).groups
    assert {"one_loss", "other_loss"} in [set(group.names) for group in groups]
    apart = Parts(ast.parse(TWO), Text(TWO)).groups
    assert sorted(map(sorted, (group.names for group in apart))) == [
        [""],
        ["one_loss"],
        ["other_loss"],
    ]
