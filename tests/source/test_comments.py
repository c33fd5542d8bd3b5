"""Comments that speak to lossfix: what each asks for, and of which line."""

import ast
import re

import pytest

from lossfix.source.comments import directives, role_comments
from lossfix.source.text import Text

ENDINGS = pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])


def said(code, ending="\n"):
    return directives(Text(code.replace("\n", ending)))


def one(code):
    (suppression,) = said(code).suppressions
    return suppression


@pytest.mark.parametrize(
    ("comment", "names", "reason"),
    [
        ("# lossfix: ignore[LF101] labels are one-hot", ("LF101",), "labels are one-hot"),
        ("#lossfix:ignore[LF101,LF203]", ("LF101", "LF203"), ""),
        ("# lossfix: ignore [soft-gate, LF2]: on purpose", ("soft-gate", "LF2"), "on purpose"),
        ("# lossfix: ignore it is fine, see #12", (), "it is fine, see #12"),
        ("# lossfix: ignore", (), ""),
        ("# type: ignore  # lossfix: ignore[LF1]  why", ("LF1",), "why"),
        ("# noqa: E501, LF101 LF203", ("LF101", "LF203"), ""),
        ("# NOQA:lf101", ("LF101",), ""),
        ("# lossfix: ignore[LF101] why  # noqa: E501", ("LF101",), "why"),
    ],
)
def test_what_a_suppression_asks_for(comment, names, reason):
    found = one(f"x = 1  {comment}\n")
    assert (found.names, found.reason, found.about, found.whole_file) == (names, reason, 1, False)


@pytest.mark.parametrize("comment", ["# noqa", "# noqa: E501", "# lossfix: a note", "# lossfix"])
def test_what_is_not_for_lossfix_is_left_alone(comment):
    found = said(f"x = 1  {comment}\n")
    assert (found.suppressions, found.faults) == ((), ())


def test_a_whole_file_is_spoken_of_from_anywhere():
    found = one("x = 1\n\n# lossfix: ignore-file[LF2] a toy\n")
    assert (found.names, found.reason, found.whole_file) == (("LF2",), "a toy", True)


def test_strings_and_docstrings_never_speak():
    code = '"""\n# lossfix: ignore\n"""\ns = "# lossfix: ignore"\nf = f"# noqa: LF101 {s}"\n'
    assert said(code).suppressions == ()


@ENDINGS
def test_a_comment_alone_speaks_of_the_code_below_it(ending):
    code = (
        "x = 1\n# lossfix: ignore[LF1]\n# more words\ny = (\n    # lossfix: ignore[LF2]\n    2\n)\n"
        "# lossfix: ignore[LF3]\n\nz = 3\n# lossfix: ignore[LF4]\n"
    )
    assert [(s.names, s.about) for s in said(code, ending).suppressions] == [
        (("LF1",), 4),
        (("LF2",), 6),
        (("LF3",), 0),
        (("LF4",), 0),
    ]


@ENDINGS
def test_the_span_is_the_comments_own(ending):
    text = Text("é = '𝄞'  # other # lossfix: ignore[LF1] why \nx = 2\n".replace("\n", ending))
    (found,) = directives(text).suppressions
    assert text.slice(found.span) == "# lossfix: ignore[LF1] why"


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        ("ignore[LF101", "the bracket is not closed"),
        ("ignore[]", "the brackets name no rule"),
        ("ignore LF101, LF203", r"write ignore\[LF101\] reason"),
        ("ignroe[LF101]", "did you mean 'ignore'"),
        ("ignore-fil", "did you mean 'ignore-file'"),
        ("prediction z", "did you mean 'predictions'"),
        ("labels", "names no parameter"),
        ("labels m", "stands at no function"),
    ],
)
def test_a_comment_that_cannot_be_obeyed_says_why(comment, message):
    found = said(f"x = 1  # lossfix: {comment}\n")
    assert found.suppressions == ()
    (fault,) = found.faults
    assert re.search(message, fault.message)


@ENDINGS
def test_roles_stand_above_a_function_or_on_its_header(ending):
    code = (
        "# lossfix: predictions z, mu\n"
        "@decorated\n"
        "# lossfix: settings tau because it is no tensor\n"
        "@twice(1)\n"
        "async def f(z, mu,\n"
        "            m,  # lossfix: labels m\n"
        "            tau): pass\n"
        "class C:\n"
        "    # lossfix: labels w\n"
        "    def g(self, w): pass\n"
        "    def h(self, w): pass  # lossfix: predictions w\n"
    )
    text = Text(code.replace("\n", ending))
    lines = {
        n.name: n.lineno
        for n in ast.walk(ast.parse(text.content))
        if hasattr(n, "args") and hasattr(n, "name")
    }
    assert role_comments(text) == {
        lines["f"]: {"z": "prediction", "mu": "prediction", "tau": "setting", "m": "label"},
        lines["g"]: {"w": "label"},
        lines["h"]: {"w": "prediction"},
    }


def test_the_later_of_two_comments_holds():
    assert role_comments(Text("# lossfix: labels z\n# lossfix: settings z\ndef f(z): pass\n")) == {
        3: {"z": "setting"}
    }
