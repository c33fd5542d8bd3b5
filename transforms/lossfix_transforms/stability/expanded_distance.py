"""sqrt(|x|^2 + |y|^2 - 2 x.y): a squared distance that rounding makes negative."""

from __future__ import annotations

from lossfix.graph.nodes import Node
from lossfix.rules.contracts import Guarded
from lossfix.rules.nature import has_factor, is_product_of_matrices, is_sum_of_squares
from lossfix.rules.operands import factors, operands
from lossfix.rules.pattern import Match, Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import Bind, Var, ops

s = Var("s")
_squared = Bind("squared", s)


def _is_expanded(match: Match) -> bool:
    """Two sums of squares, less twice a product of matrices."""
    parts = operands(match.values["s"])
    squares = [part for part in parts if not part.negative and is_sum_of_squares(part.node)]
    products = [part.node for part in parts if part.negative and _is_twice_a_product(part.node)]
    known = len(parts) == 3 and len(squares) == 2 and len(products) == 1
    return known and match.facts.varied(products[0])


def _is_twice_a_product(node: Node) -> bool:
    """`2 * (x @ y.T)`, or `2 * x @ y.T`, where the first operand has the factor."""
    inner = [factor.node for factor in factors(node)[1] if is_product_of_matrices(factor.node)]
    return len(inner) == 1 and (has_factor(node, 2) or has_factor(inner[0], 2))


RULE = Rule(
    code="LF143",
    name="expanded-distance",
    catalogue=("A43", "A42"),
    summary="sqrt(|x|^2 + |y|^2 - 2 * x @ y.T) gets a double where: 0 below 0, and a gradient of 0",
    rewrites=(
        Rewrite(
            ops.sqrt(s),
            ops.where(_squared > 0, ops.sqrt(ops.where(_squared > 0, _squared, 1.0)), 0.0),
            _is_expanded,
        ),
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
    domains={"s": Domain(-1.0, 5.0, near=(0.0,))},
    priority=1,
)
