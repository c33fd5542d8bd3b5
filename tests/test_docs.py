"""The site: pages are those that the rules make, links lead somewhere, and its examples run."""

import re
from pathlib import Path

import pytest

from lossfix.cli.documenting import write_docs
from lossfix.mend import Settings, mend_file
from lossfix.report.explain import explain_text, frameworks_of, sections
from lossfix.report.pages import MARK, pages
from lossfix.rules.registry import all_rules, every_rule
from lossfix.rules.symptoms import SYMPTOMS, search, symptoms_of

DOCS = Path(__file__).parents[1] / "docs"
PAGES = pages(every_rule())


def test_the_pages_are_those_of_the_rules(capsys):
    assert write_docs(str(DOCS), (), check=True) == 0, capsys.readouterr().out


def test_pages_are_brought_up_to_date_and_those_without_a_rule_taken_out(tmp_path, capsys):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "LF999.md").write_text(f"# LF999\n\n{MARK}\n")
    (tmp_path / "rules" / "notes.md").write_text("a person's own\n")
    assert write_docs(str(tmp_path), ("LF101",), check=True) == 1
    assert "LF101.md is not up to date" in capsys.readouterr().out
    assert write_docs(str(tmp_path), ("LF101",), check=False) == 0
    assert write_docs(str(tmp_path), ("LF101",), check=True) == 0
    there = {path.name for path in (tmp_path / "rules").iterdir()}
    assert there == {"LF101.md", "index.md", "notes.md"}


@pytest.mark.parametrize("page", sorted(DOCS.glob("**/*.md")), ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)
def test_a_rule_says_the_same_on_its_page_and_in_the_terminal(rule):
    page, shown = PAGES[f"rules/{rule.code}.md"], " ".join(explain_text(rule).split())
    for title, words in sections(rule):
        assert f"## {title}" in page
        assert words.rstrip(".") in shown


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)
def test_a_rule_has_a_symptom_and_a_framework(rule):
    assert symptoms_of(rule)
    assert set(symptoms_of(rule)) <= set(SYMPTOMS)
    assert frameworks_of(rule)


@pytest.mark.parametrize(
    ("words", "symptom", "code"),
    [
        ("loss is NaN after a while", "nan", "LF101"),
        ("No gradients provided for any variable", "no-gradient", "LF204"),
        ("loss does not go down", "stuck", "LF207"),
        ("works on CPU, NaN on GPU", "gpu", "LF165"),
        ("sample_weight has no effect", "weights", "LF404"),
        ("raises in fit", "raises", "LF412"),
    ],
)
def test_a_person_finds_the_rule_by_what_is_seen(words, symptom, code):
    key, rules = search(words, all_rules())[0]
    assert key == symptom
    assert code in {rule.code for rule in rules}


def test_every_symptom_has_rules():
    for key in SYMPTOMS:
        assert any(key in symptoms_of(rule) for rule in all_rules()), key


def test_the_worked_example_of_a_pack_runs(tmp_path):
    blocks = re.findall(r"(?s)```python\n(.*?)```", (DOCS / "own-rules.md").read_text())
    assert len(blocks) == 4
    names: dict = {}
    for block in blocks:
        exec(block, names)
    path = tmp_path / "loss.py"
    path.write_text(names["LOSS"])
    mend_file(path, Settings(names["RULES"], write=True))
    assert "tf.reduce_mean((y_true - y_pred) * (y_true + y_pred), axis=-1)" in path.read_text()
