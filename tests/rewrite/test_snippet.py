"""What is printed parses to the tree that was meant, whatever is nested in what."""

import ast

from hypothesis import given
from hypothesis import strategies as st

from lossfix.rewrite import snippet
from lossfix.rewrite.snippet import Snippet

NAMES = st.sampled_from(["x", "y.z", "f(a, b)", "t[0]"])
USER = st.sampled_from(
    ["a if b else c", "lambda v: v", "not p", "a or b", "u ** 2", "-w", "(1, 2)"]
)


def user(text):
    return Snippet(text, ast.parse(text, mode="eval").body)


LEAVES = st.one_of(NAMES.map(user), USER.map(user), st.floats(0, 1e9).map(snippet.literal))
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(snippet.infix, st.sampled_from(sorted(snippet.INFIX)), inner, inner),
        inner.map(snippet.negative),
        st.builds(lambda a, b: snippet.call("tf.where", [a], [("y", b)]), inner, inner),
        inner.map(lambda a: snippet.column(a, 1, kept=True)),
    ),
    max_leaves=12,
)


@given(TREES)
def test_the_text_parses_to_the_tree(made):
    assert ast.dump(ast.parse(made.text, mode="eval").body) == ast.dump(made.tree)


def test_parentheses_only_where_precedence_wants_them():
    a, b, c = map(user, "abc")
    product = snippet.infix("mul", a, snippet.infix("sub", b, c))
    assert product.text == "a * (b - c)"
    assert snippet.infix("sub", snippet.infix("sub", a, b), c).text == "a - b - c"
    assert snippet.infix("sub", a, snippet.infix("sub", b, c)).text == "a - (b - c)"
