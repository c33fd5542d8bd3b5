"""What a fix writes exists in the API that the file itself uses, or the fix is withheld."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest
from installed import arguments, function
from spelling import STYLES, Unwritable, spelled

from lossfix.graph.names import dotted
from lossfix.graph.vocabulary import OPS, emitted
from lossfix.rewrite.build import NEVER_AGAIN, POSITIONAL
from lossfix.rewrite.engine import rewrite_text
from lossfix.rules.registry import all_rules
from lossfix.rules.terms import variables

FIXED = [rule for rule in all_rules() if any(r.after is not None for r in rule.rewrites)]
VALUES = {"x": "y_pred", "y": "y_true", "t": "0.5"}
ROOTS = {style.prefix: style.root for style in STYLES}


def modules(rule, style):
    """The rule's patterns as losses of one file each, as far as the API can write them."""
    quoted = '"{}"' if style.column != "tf" else "tf.{}"
    attrs = defaultdict(lambda: "None")
    attrs |= {"axis": "-1", "one_axis": "-1", "keepdims": "True", "index": "0", "shape": "[-1]"}
    attrs["copies"] = "[1, 1]"
    attrs |= {"dtype": quoted.format("float32"), "integer": quoted.format("int32")}
    for rewrite in rule.rewrites:
        if rewrite.after is None:
            continue
        names = {v: VALUES.get(v, "y_pred") for v in variables(rewrite.before)}
        try:
            text = spelled(rewrite.before, style, names, attrs, lambda choices: choices[-1])
        except Unwritable:
            continue
        numpy = "import numpy as np\n" if "np." in text else ""
        head = numpy + style.imports
        body = f"    y_true = {style.prefix}.square(y_true)\n    return {text}\n"
        yield f"{head}\n\ndef my_loss(y_true, y_pred):\n{body}"


def called(text):
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return {dotted(call.func) for call in calls} - {None}


def test_most_rules_write_something_in_every_api():
    for style in STYLES:
        written = [
            rule.code
            for rule in FIXED
            for text in modules(rule, style)
            if rewrite_text(text, Path("loss.py"), [rule], lambda _: "").applied
        ]
        assert len(set(written)) > len(FIXED) // 3, style.name


@pytest.mark.tensorflow
@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
@pytest.mark.parametrize("rule", FIXED, ids=lambda rule: rule.code)
def test_what_is_written_exists(rule, style):
    for text in modules(rule, style):
        done = rewrite_text(text, Path("loss.py"), [rule], lambda _: "")
        for name in called(done.text) - called(text):
            prefix, _, rest = name.partition(".")
            root = ROOTS[prefix] if prefix in text else "tensorflow"
            assert function(root, rest) is not None, f"{name} is not in {root}"
        reasons = {left.reason.partition(":")[0] for left in done.left}
        assert reasons <= (set() if done.applied else {"no-such-op"})  # or the pattern is healthy


@pytest.mark.tensorflow
@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_what_is_written_takes_the_arguments_it_is_given(style):
    for op, row in OPS.items():
        name = emitted(op, style.column, style.root)
        if name is None or op in NEVER_AGAIN:
            continue
        if op == "straight_through":
            continue  # it is written as a decorator
        if op == "gather" and style.column == "keras.backend":
            continue  # it takes no axis there, and none is written where none was
        taken = arguments(style.root, name)
        assert len(taken) >= len(row.params), op
        if op in POSITIONAL:
            assert len(taken) > len(row.params), op
        else:
            assert set(row.attrs) <= set(taken), op
