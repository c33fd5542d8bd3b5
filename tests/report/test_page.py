"""The HTML page: complete in itself, safe, readable without colour, and fit for a filter."""

import math
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest

from lossfix.report.page import page
from lossfix.report.plot import curve_svg, spoken
from lossfix.report.rows import FileRow, FindingRow, State
from lossfix.rules.contracts import Exact, Meaning
from lossfix.verify.verdict import Context, Outcome, Verdict

CURVE = {
    "axis": "y_pred[0, 1]",
    "bad": 100.0,
    "regime": "large",
    "dtype": "float32",
    "x": [0.0, 50.0, 100.0, 125.0],
    "oracle": "float64",
    "series": {
        "original": {"value": [0.7, 50.0, "inf", "inf"], "gradient": [0.5, 1.0, "nan", None]},
        "rewritten": {"value": [0.7, 50.0, 100.0, 125.0], "gradient": [0.5, 1.0, 1.0, 1.0]},
        "oracle": {"value": [0.7, 50.0, 100.0, 125.0], "gradient": [0.5, 1.0, 1.0, 1.0]},
    },
}
DIFF = "--- a/l.py\n+++ b/l.py\n@@ -1 +1 @@\n-a = b < c\n+a = b > c\n"


def row(code, verdict=None, applied=True, contract=None, message="it overflows"):
    return FindingRow(
        code, "a-rule", message, "l.py", "loss", 3, 1, 3, 9, contract or Exact(), True,
        "" if applied else "needs-opt-in", applied, verdict,
    )  # fmt: skip


def verdict(outcome, **more):
    context = Context("eager", "float32", "cpu", outcome, "", 9)
    return Verdict(outcome, "exact", "as it says", contexts=(context,), device="cpu", **more)


ROWS = [
    FileRow("l.py", State.PARTLY_FIXED, "", (
        row("LF101", verdict(Outcome.VERIFIED, curve=CURVE)),
        row("LF102", verdict(Outcome.REFUTED, counterexample={
            "inputs": {"y_pred": [1.0, math.inf]},
            "before": {"value": 1.0}, "after": {"value": 2.0},
        }), applied=False),
        row("LF103", Verdict(Outcome.NOT_RUN, "exact", "<script>alert(1)</script>")),
        row("LF104", message="a \"quoted\" & <b>bold</b> message"),
        row("LF401", applied=False, contract=Meaning("one number", "the mean")),
    ), DIFF),
    FileRow("broken.py", State.FAILED, "broken.py: cannot be parsed"),
    FileRow("clean.py", State.CLEAN),
]  # fmt: skip


class Outline(HTMLParser):
    """Every element with its attributes, and whether all that was opened was closed."""

    EMPTY = frozenset({"meta", "input", "br"})

    def __init__(self, text):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def text():
    return "".join(page(ROWS, "A <report>"))


def test_the_page_is_whole_and_asks_for_nothing_elsewhere(text):
    outline = Outline(text)
    assert outline.open == []
    loaded = [a for _, a in outline.elements if a.get("src") or a.get("href")]
    assert loaded == []
    assert "url(" not in text
    assert "@import" not in text
    (policy,) = [a["content"] for t, a in outline.elements if a.get("http-equiv")]
    assert policy.startswith("default-src 'none'")


def test_every_fix_says_its_verdict_in_a_word_and_can_be_filtered(text):
    fixes = [a for tag, a in Outline(text).elements if tag == "article"]
    assert [(a["data-rule"], a["data-verdict"]) for a in fixes] == [
        ("LF101", "verified"),
        ("LF102", "refuted"),
        ("LF103", "not run"),
        ("LF104", "not verified"),
        ("LF401", "left as it was"),
    ]
    for sign_and_word in ("✓ verified", "✗ refuted", "○ not run", "○ not verified", "✗ failed"):
        assert sign_and_word in text
    assert {"rule", "verdict", "words"} <= {a.get("name") for _, a in Outline(text).elements}


def test_what_comes_from_code_is_text_and_no_markup(text):
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "<b>bold" not in text
    assert "A &lt;report&gt;" in text
    assert '<span class="removed">-a = b &lt; c</span>' in text


def test_a_refuted_fix_shows_its_counterexample(text):
    assert "y_pred = [1, inf]" in text
    assert "<dt>after</dt><dd>value 2</dd>" in text


def test_the_page_knows_light_and_dark(text):
    assert "color-scheme: light dark" in text
    light, dark = re.findall(r":root \{(.*?)\}", text, re.DOTALL)
    assert set(re.findall(r"--\w+", light)) == set(re.findall(r"--\w+", dark))


def test_a_plot_names_its_lines_and_marks_what_is_not_finite():
    svg = ET.fromstring(curve_svg(CURVE))
    words = [element.text for element in svg.iter("text")]
    assert {"value", "gradient", "y_pred[0, 1]", "original, float32", "oracle, float64"} <= set(
        words
    )
    paths = {element.get("class"): element.get("d") for element in svg.iter("path")}
    assert paths["mark original"].count("M") >= 1
    assert "the original's value is not finite at 2 of 4 points" in svg.get("aria-label")
    original = next(e.get("d") for e in svg.iter("path") if e.get("class") == "original")
    assert original.count("L") == 1  # it ends where it overflows
    assert "rewritten" not in spoken(CURVE)


def test_losses_of_another_scale_share_a_logarithmic_one():
    series = {**CURVE["series"]}
    series["oracle"] = {"value": [1.0, 1e10, 1e20, 1e30], "gradient": [1.0, 1.0, 1.0, 1.0]}
    svg = ET.fromstring(curve_svg({**CURVE, "series": series}))
    words = [element.text for element in svg.iter("text")]
    assert "value, on a logarithmic scale" in words
    assert "gradient" in words
    assert any(word.startswith("1e+") for word in words)


def test_a_curve_of_nothing_but_nan_is_drawn_all_the_same():
    nothing = {"value": ["nan"] * 4, "gradient": [None] * 4}
    curve = {**CURVE, "series": dict.fromkeys(("original", "rewritten", "oracle"), nothing)}
    assert ET.fromstring(curve_svg(curve)).get("class") == "plot"
    assert curve_svg({}) == ""


def test_an_empty_report_says_so():
    assert "Nothing was found." in "".join(page([]))
