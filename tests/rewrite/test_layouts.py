"""Whatever the layout, a fix changes what it says it changes and nothing else."""

import ast
import io
import os
import tokenize
from pathlib import Path

import numpy as np
import pytest
from fake import TENSORFLOW
from hypothesis import HealthCheck, given, settings
from strategies import modules

from lossfix.graph.index import index_of
from lossfix.rewrite.engine import rewrite_text
from lossfix.rules.registry import all_rules

RULES = [rule for rule in all_rules() if rule.contract.by_default]
PATH = Path("generated_loss.py")
DEEP = os.environ.get("LOSSFIX_DEEP_TESTS")
SLOWLY = settings(
    max_examples=2000 if DEEP else 40,
    deadline=None,
    derandomize=not DEEP,
    suppress_health_check=list(HealthCheck),
)


def rewritten(text):
    return rewrite_text(text, PATH, RULES, lambda finding: "")


def comments(text):
    tokens = tokenize.generate_tokens(io.StringIO(text, newline="").readline)
    return sorted(t.string.rstrip() for t in tokens if t.type == tokenize.COMMENT)


def functions(text):
    return {name: ast.dump(place.tree) for name, place in index_of(ast.parse(text)).places.items()}


def results(text, monkeypatch):
    """What every function of the text gives on plain inputs."""
    scope = {"tf": TENSORFLOW, "Base": object}
    code = text.replace("import tensorflow as tf", "pass", 1)
    exec(compile(code, "generated", "exec"), scope)
    given = [np.array([[0.3, -0.7], [1.1, 0.2]]), np.array([[0.5, 0.25], [-0.4, 0.9]])]
    found = []
    for name, place in index_of(ast.parse(text)).places.items():
        owner, _, method = name.rpartition(".")
        function = getattr(scope[owner], method) if owner else scope[method]
        count = len(place.tree.args.args) - 1
        with np.errstate(all="ignore"):
            for flag in (True, False):
                found.append(function(*given[:count], flag=flag))
    return found


@SLOWLY
@given(modules())
def test_the_text_stays_what_it_was_but_for_the_fixes(text):
    done = rewritten(text)
    ast.parse(done.text)
    assert comments(done.text) == comments(text)
    touched = {fix.finding.function for fix in done.applied}
    before, after = functions(text), functions(done.text)
    assert before.keys() == after.keys()
    assert {name for name in before if before[name] != after[name]} <= touched
    if not done.applied:
        assert done.text == text
    again = rewritten(done.text)
    assert (again.text, again.applied) == (done.text, ())
    line = "\r\n" if "\r\n" in text else "\n"
    assert done.text.count("\n") == done.text.count(line)


@SLOWLY
@given(modules())
def test_what_a_fix_wrote_computes_what_was_there(text):
    done = rewritten(text)
    with pytest.MonkeyPatch.context() as patch:
        for old, new in zip(results(text, patch), results(done.text, patch), strict=True):
            finite = np.isfinite(old)
            assert np.allclose(np.broadcast_to(new, np.shape(old))[finite], old[finite], 1e-6, 1e-9)
