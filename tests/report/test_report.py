"""Reports: strict JSON, a coloured preview, verdicts and rules in words."""

import io
import json
from pathlib import Path

from rich.console import Console

from lossfix.check import check_file
from lossfix.mend import Settings, mend_file
from lossfix.report.as_json import check_json, dumps
from lossfix.report.explain import applied_when, explain_text
from lossfix.report.preview import preview_svg, print_preview
from lossfix.report.text import check_text
from lossfix.report.verdict_text import numbers, verdict_line, verdict_text
from lossfix.rules.registry import all_rules
from lossfix.verify.verdict import Context, Outcome, Verdict, verdict_from_json

WILD = Path(__file__).parents[2] / "fixtures" / "wild"
VERDICT = Verdict(
    Outcome.REFUTED,
    "exact",
    "the value is inf where it was 1",
    {
        "regime": "large",
        "mode": "xla",
        "dtype": "float32",
        "message": "the value is inf where it was 1",
        "inputs": {"y_pred": [[1.0, float("inf")]]},
        "before": {"value": 1.0, "gradients": {"y_pred": [[0.5, 0.5]]}},
        "after": {"value": float("nan"), "gradients": {}},
    },
    (
        Context("xla", "float32", "cpu", Outcome.REFUTED, "inf", 3, 1.0, 32.0, 0.0, 31.0),
        Context("eager", "bfloat16", "cpu", Outcome.NOT_RUN, "it raises"),
    ),
)


def test_json_is_strict_even_where_a_counterexample_is_not_finite():
    data = json.loads(dumps(VERDICT.as_json()), parse_constant=pytest_fail)
    assert data["verdict"] == "refuted"
    assert data["counterexample"]["inputs"]["y_pred"] == [[1.0, "inf"]]
    assert data["counterexample"]["after"]["value"] == "nan"


def pytest_fail(constant):
    raise AssertionError(f"{constant} is no JSON")


def test_a_verdict_comes_back_from_its_json():
    assert verdict_from_json(VERDICT.as_json()) == VERDICT


def test_a_refuted_verdict_shows_its_counterexample_and_its_contexts():
    text = verdict_text(VERDICT)
    assert text.startswith("refuted (exact): the value is inf")
    assert "in xla float32, regime large" in text
    assert "y_pred = [[1, inf]]" in text
    assert "gradient of y_pred: [[0.5, 0.5]]" in text
    assert "xla   float32  cpu refuted, 3 regimes" in text
    assert "not run: it raises" in text


def test_bits_are_quoted_where_they_moved_only():
    better = Context("xla", "float32", "cpu", Outcome.VERIFIED, "", 9, 32.0, 1.0, 2.0, 2.0)
    verdict = Verdict(Outcome.VERIFIED, "exact", "held", contexts=(better,))
    assert verdict_line(verdict) == (
        "verified: held; worst bits of error in float32: value 32.0 -> 1.0"
    )


def test_long_lists_are_cut():
    assert numbers(list(range(20))).endswith("... 12 more]")


def test_the_preview_shows_diff_reason_contract_and_that_nothing_was_verified():
    row = mend_file(WILD / "linex.before.py", Settings(all_rules()))
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    print_preview([row], console)
    shown = console.file.getvalue()
    for part in ("LF127 expm1", "tf.math.expm1", "exact", "loses its digits", "not verified"):
        assert part in shown
    assert "\x1b[32m" in shown
    assert preview_svg([row], "linex").startswith("<svg")


def test_check_text_counts_what_is_fixed_by_default_and_what_is_not():
    files = [check_file(path, all_rules()) for path in sorted(WILD.glob("*.py"))]
    text = check_text(files)
    rows = check_json(files)["findings"]
    by_default = sum(row["fix"] and row["contract"] in ("exact", "guarded") for row in rows)
    assert f"{len(rows)} findings in {len(files)} files; {by_default} fixed by" in text


def test_every_rule_explains_itself_and_when_it_is_applied():
    for rule in all_rules():
        text = explain_text(rule)
        assert rule.code in text
        assert applied_when(rule) in " ".join(text.split())
