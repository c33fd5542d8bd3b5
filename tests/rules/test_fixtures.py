"""Every rule has fixtures: before and after side by side, in one expression and spread."""

import ast
from pathlib import Path

import pytest

from lossfix.mend import Settings, mend_file
from lossfix.report.rows import State
from lossfix.rules.find import find
from lossfix.rules.registry import all_rules, named

FOLDER = Path(__file__).parents[2] / "fixtures" / "rules"
BEFORE = sorted(FOLDER.glob("*/*.before.py"))
REPORTED = sorted(
    path
    for path in FOLDER.glob("*/*.py")
    if path.name != "clean.py" and not path.name.endswith((".before.py", ".after.py"))
)
"""Losses that get a finding and no fix."""


def code_of(path):
    return path.parent.name.partition("-")[0]


def mended(path, copy):
    copy.write_bytes(path.read_bytes())
    rules = named(code_of(path), all_rules())
    allow = frozenset({rule.code for rule in rules})
    row = mend_file(copy, Settings(rules, allow, write=True))
    return row, copy.read_text()


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)
def test_a_rule_has_a_folder_with_both_shapes_and_a_clean_one(rule):
    names = {path.name for path in (FOLDER / f"{rule.code}-{rule.name}").iterdir()}
    kind = ".before.py" if rule.fixable else ".py"
    assert {f"single{kind}", f"spread{kind}", "clean.py"} <= names


@pytest.mark.parametrize("before", BEFORE, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_before_is_rewritten_to_after_and_a_second_run_changes_nothing(before, tmp_path):
    after = before.with_name(before.name.replace(".before.", ".after."))
    row, text = mended(before, tmp_path / "loss.py")
    assert row.state is State.FIXED
    assert text == after.read_text()
    again, same = mended(after, tmp_path / "loss.py")
    assert again.state is State.CLEAN
    assert same == text


@pytest.mark.parametrize("path", REPORTED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_has_no_fix_is_reported_and_left_as_it_is(path, tmp_path):
    row, text = mended(path, tmp_path / "loss.py")
    assert row.state is State.FINDINGS
    assert {(finding.code, finding.fix) for finding in row.findings} == {(code_of(path), False)}
    assert text == path.read_text()


@pytest.mark.parametrize("clean", sorted(FOLDER.glob("*/clean.py")), ids=lambda p: p.parent.name)
def test_what_looks_alike_and_is_fine_gets_no_finding(clean):
    rules = named(code_of(clean), all_rules())
    text = clean.read_text()
    assert find(text, rules) == ()
    losses = [n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    assert len(losses) >= 2, "one lookalike is not enough"


def in_class(function):
    """`def loss(y_true, y_pred)` as the `call` of a Loss."""
    held = ast.parse("class Held(tf.keras.losses.Loss):\n    pass").body[0]
    receiver = ast.arg("self")
    method = replaced(function, name="call")
    method.args = replaced(function.args, args=[receiver, *function.args.args])
    held.body = [method]
    return held


def in_closure(function):
    """The same function, as a factory gives it out."""
    factory = ast.parse("def make_loss(scale=2.0):\n    pass").body[0]
    factory.body = [function, ast.Return(ast.Name(function.name, ast.Load()))]
    return factory


def replaced(node, **fields):
    return type(node)(**{**dict(ast.iter_fields(node)), **fields})


def rehoused(text, house):
    """The text with each of its functions moved into a class or a closure."""
    tree = ast.parse(text)
    tree.body = [house(n) if isinstance(n, ast.FunctionDef) else n for n in tree.body]
    return ast.unparse(ast.fix_missing_locations(tree))


@pytest.mark.parametrize("house", [in_class, in_closure])
@pytest.mark.parametrize(
    "before", sorted(FOLDER.glob("*/single.before.py")), ids=lambda path: path.parent.name
)
def test_a_fix_is_the_same_in_a_class_and_in_a_closure(before, house, tmp_path):
    if house is in_class and code_of(before) == "LF407":
        pytest.skip("a Loss class reduces what its call gives: there is nothing to find")
    after = before.with_name("single.after.py")
    moved = tmp_path / "loss.py"
    moved.write_text(rehoused(before.read_text(), house))
    rules = named(code_of(before), all_rules())
    row = mend_file(moved, Settings(rules, frozenset(r.code for r in rules), write=True))
    assert row.state is State.FIXED
    assert ast.unparse(ast.parse(moved.read_text())) == rehoused(after.read_text(), house)


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)
def test_a_rule_says_everything_that_its_page_needs(rule):
    for field in ("summary", "message", "why", "before", "fix_safety", "when_not", "source"):
        assert getattr(rule, field).strip(), field
    assert bool(rule.after) == rule.fixable
