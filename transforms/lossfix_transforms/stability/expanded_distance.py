"""sqrt(|x|^2 + |y|^2 - 2 x.y): a squared distance that rounding makes negative."""

from __future__ import annotations

from lossfix.rules.conditions import varied
from lossfix.rules.contracts import Guarded
from lossfix.rules.nature import has_factor, is_product_of_matrices, is_sum_of_squares
from lossfix.rules.pattern import Match, Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import Bind, Term, Var, ops

a, b, c = Var("a"), Var("b"), Var("c")


def _is_expanded(match: Match) -> bool:
    return (
        is_sum_of_squares(match.values["a"])
        and is_sum_of_squares(match.values["b"])
        and is_product_of_matrices(match.values["c"])
        and varied("c")(match)
    )


def _holds_two(match: Match) -> bool:
    """`2 * x @ y.T`, where the product of matrices has the factor."""
    return _is_expanded(match) and has_factor(match.values["c"], 2)


def _root(squared: Term) -> Term:
    kept = Bind("squared", squared)
    return ops.where(kept > 0, ops.sqrt(ops.where(kept > 0, kept, 1.0)), 0.0)


RULE = Rule(
    code="LF143",
    name="expanded-distance",
    catalogue=("A43", "A42"),
    summary="sqrt(|x|^2 + |y|^2 - 2 * x @ y.T) gets a double where: 0 below 0, and a gradient of 0",
    rewrites=(
        Rewrite(ops.sqrt(a + b - 2 * c), _root(a + b - 2 * c), _is_expanded),
        Rewrite(ops.sqrt(a + b - c), _root(a + b - c), _holds_two),
    ),
    contract=Guarded(singular="a distance of 0", convention="value 0 and gradient 0"),
    scope=Scope.LOSS,
    message="this squared distance can come out below 0, and its root is then NaN",
    why=(
        "Three numbers of about |x|^2 nearly cancel: in float32 the squared distance of equal rows "
        "is off by 1e-7 * |x|^2 either way. Below 0 the root is NaN, and at 0, as on the whole "
        "diagonal of x against itself, its gradient is."
    ),
    breaks_at=(
        Limit("a distance below 3e-4 * |x|"),
        Limit("a distance below 0.06 * |x|", "bfloat16"),
        Limit("a distance below 0.02 * |x|", "float16"),
    ),
    before="tf.sqrt(x2 + tf.transpose(y2) - 2 * tf.matmul(x, y, transpose_b=True))",
    after="tf.where(squared > 0, tf.sqrt(tf.where(squared > 0, squared, 1.0)), 0.0)",
    fix_safety=(
        "The same value and gradient wherever the original had one. The lost digits stay lost: "
        "take the differences before the squares where they matter, or centre the data first."
    ),
    when_not="Never.",
    source="tensorflow issue 30199; Higham, Accuracy and Stability of Numerical Algorithms, 2002",
    symptoms=("nan", "inexact"),
    domains={
        "a": Domain(0.0, 5.0, near=(1.0,)),
        "b": Domain(0.0, 5.0, near=(1.0,)),
        "c": Domain(-2.0, 5.0, near=(1.0, 2.0)),
    },
    priority=1,
)
