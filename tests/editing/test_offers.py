"""What an editor can do about a finding, as whole texts."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossfix.editing.offers import fixed_alone, fixed_safely, offers_in, suppressed
from lossfix.editing.question import Question
from lossfix.errors import RewriteError
from lossfix.report.titles import fix_title
from lossfix.rewrite.diff import changes
from lossfix.rules.registry import all_rules, every_rule

TWO = """\
import tensorflow as tf


def my_loss(y_true, y_pred):
    first = tf.math.log(tf.nn.softmax(y_pred))
    gate = tf.sign(y_pred - 0.5)
    return tf.reduce_mean(y_true * gate) - tf.reduce_mean(first)
"""


def question(text):
    return Question(Path("losses.py"), text, every_rule())


def test_each_fix_is_made_alone():
    texts = {}
    for offer in offers_in(question(TWO)):
        texts[offer.finding.rule.name] = fixed_alone(question(TWO), offer.site.key)
    assert "log_softmax" in texts["log-softmax"]
    assert "tf.sign" in texts["log-softmax"]
    assert "tf.sign" not in texts["soft-sign"]
    assert "log_softmax" not in texts["soft-sign"]


def test_safe_fixes_are_those_that_need_no_asking_and_were_not_refuted():
    text = fixed_safely(question(TWO))
    assert "log_softmax" in text
    assert "tf.sign" in text
    (safe,) = [o.site.key for o in offers_in(question(TWO)) if o.finding.rule.code == "LF101"]
    assert fixed_safely(question(TWO), frozenset({safe})) == TWO
    assert fixed_safely(question(TWO), function="another") == TWO


def test_a_fix_that_is_not_there_is_an_error():
    with pytest.raises(RewriteError, match="no such finding"):
        fixed_alone(question(TWO), "0" * 16)


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("    return tf.math.log(tf.nn.softmax(y_pred))\n", 5),
        (
            "    return (\n        tf.math.log(\n            tf.nn.softmax(y_pred)\n        ))\n",
            6,
        ),
        ("    return tf.math.log(tf.nn.softmax(y_pred))  # as in the paper\n", 5),
        ("    return tf.math.log( \\\n        tf.nn.softmax(y_pred))\n", 5),
        ("    return tf.math.log(tf.nn.softmax(y_pred)), '''\n    text'''\n", 5),
    ],
)
def test_a_suppression_silences_whatever_stands_on_the_line(code, line):
    text = f"import tensorflow as tf\n\n\ndef my_loss(y_true, y_pred):\n{code}"
    found = [offer.finding for offer in offers_in(question(text))]
    assert len(found) == 1
    silenced = suppressed(question(text), found[0].rule.code, line, line)
    assert offers_in(question(silenced)) == ()
    compile(silenced, "losses.py", "exec")


def test_titles_say_what_a_fix_does_and_promises():
    titles = {rule.name: fix_title(rule) for rule in all_rules() if rule.fixable}
    assert titles["log-sum-exp"] == "Replace by logsumexp (exact)"
    assert titles["soft-gate"] == "Smooth with sigmoid, k = 10 (relaxed)"
    assert all(title.count("(") == 1 for title in titles.values())
    rule = next(rule for rule in all_rules() if rule.name == "soft-gate")
    assert fix_title(rule, 25.0, "refuted") == "Smooth with sigmoid, k = 25 (relaxed, refuted)"


_TEXTS = st.lists(st.sampled_from(["a", "b\n", "c\r\n", "\r", "\n", "\x0c\u2028", "😋\n"])).map(
    "".join
)


@given(_TEXTS, _TEXTS)
def test_changes_lead_from_one_text_to_the_other(before, after):
    text = before
    for span, new in reversed(list(changes(before, after))):
        text = text[: span.start] + new + text[span.end :]
    assert text == after


@given(_TEXTS, st.sampled_from(["utf-8", "utf-16", "utf-32"]), st.data())
def test_positions_and_offsets_are_each_others_inverse(text, encoding, data):
    pytest.importorskip("pygls")
    from lossfix.lsp.documents import Positions
    from lossfix.source.text import Text

    positions = Positions(Text(text), encoding)
    offset = data.draw(st.integers(0, len(text)))
    if text[offset - 1 : offset + 1] != "\r\n":  # no place of its own
        assert positions.offset(positions.position(offset)) == offset
