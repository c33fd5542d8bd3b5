"""Never wrong text: whatever surrounds a loss, a rewrite changes what it reports and no more."""

import ast
import io
import random
import tokenize
from collections import Counter
from pathlib import Path

import numpy as np
from fake import run
from hypothesis import assume, given
from hypothesis import strategies as st
from programs import SAME_VALUE, Program, disarranged

from lossfix.mend import Settings, mend_file
from lossfix.rewrite.engine import rewrite_text
from lossfix.rules.registry import all_rules

PATH = Path("generated.py")
LARGEST = 1e4


@st.composite
def programs(draw, rules=SAME_VALUE):
    """A module's text, laid out in some odd way."""
    text = Program(draw(st.randoms(use_true_random=False)), rules).module()
    return disarranged(
        text, random.Random(draw(st.integers(0, 2**16))), draw(st.sampled_from([0, 0.05, 0.2]))
    )


def rewritten(text, rules=None):
    return rewrite_text(text, PATH, all_rules() if rules is None else rules, lambda _: "")


@given(programs())
def test_a_rewrite_keeps_the_value(text):
    inputs = np.random.default_rng(0).uniform(0.2, 0.8, (2, 4, 4))
    with np.errstate(all="ignore"):
        try:
            before = run(text, *inputs)
        except Exception:  # a generated loss may be wrong itself
            assume(False)
        made = rewritten(text, SAME_VALUE)
        after = run(made.text, *inputs)
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        held = np.abs(old) < LARGEST  # false for NaN
        np.testing.assert_allclose(new[held], old[held], rtol=1e-6, atol=1e-6)


@given(programs(all_rules()))
def test_a_rewrite_changes_what_it_reports_and_no_more(text):
    made = rewritten(text)
    compile(made.text, "generated.py", "exec")
    assert not comments(text) - comments(made.text)
    if not made.applied:
        assert made.text == text
    fixed = {fix.finding.function for fix in made.applied}
    old, new = functions(text), functions(made.text)
    assert old.keys() == new.keys()
    for name, statements in old.items():
        gone, come = statements - new[name], new[name] - statements
        if name not in fixed:
            assert not gone, name
            assert not come, name
        fixes = [fix for fix in made.applied if fix.finding.function == name]
        bindings = sum(len(fix.edit.bindings) for fix in fixes)
        assert come.total() <= len(fixes) + bindings
        assert gone.total() <= len(fixes) + sum("Assign(" in s for s in gone)


@given(programs(all_rules()))
def test_a_second_rewrite_changes_nothing(text):
    once = rewritten(text).text
    assert rewritten(once).text == once


@given(programs(all_rules()), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.booleans())
def test_a_file_keeps_its_encoding_its_newlines_and_its_mark(
    tmp_path_factory, text, newline, bom, ended
):
    text = (text if ended else text.rstrip("\n")).replace("\n", newline)
    data = b"\xef\xbb\xbf" * bom + text.encode()
    path = tmp_path_factory.mktemp("property") / "loss.py"
    path.write_bytes(data)
    allowed = frozenset({"bounded", "monotone", "relaxed", "straight-through"})
    row = mend_file(path, Settings(all_rules(), allowed, write=True))
    written = path.read_bytes()
    assert row.state.value != "failed", row.reason
    if not any(finding.applied for finding in row.findings):
        assert written == data
    assert written.startswith(b"\xef\xbb\xbf") == bom
    after = written.decode("utf-8-sig")
    assert set(newlines(after)) <= set(newlines(text))
    assert after.endswith(newline) == text.endswith(newline)
    ast.parse(after)


def newlines(text):
    return {"\r\n"} if "\r\n" in text else {c for c in "\r\n" if c in text}


def comments(text):
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return Counter(token.string for token in tokens if token.type == tokenize.COMMENT)


def functions(text):
    """The dumped statements of each function and of the module, nested ones apart."""
    found = {}

    def walk(body, name):
        own = found.setdefault(name, Counter())
        for statement in body:
            inner = getattr(statement, "name", None)
            if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
                walk(statement.body, f"{name}.{inner}" if name else inner)
                continue
            suites = [getattr(statement, field, []) for field in ("body", "orelse", "finalbody")]
            suites += [case.body for case in getattr(statement, "cases", [])]
            if any(suites):
                for suite in suites:
                    walk(suite, name)
            else:
                own[ast.dump(statement)] += 1

    walk(ast.parse(text).body, "")
    return found
