"""log(x ** 2): the square leaves the range of the format long before the logarithm is large."""

from __future__ import annotations

from lossfix.rules.called import is_scale
from lossfix.rules.conditions import all_of, near, negated, varied
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import Var, ops

x = Var("x")

RULE = Rule(
    code="LF134",
    name="log-of-square",
    catalogue=("A34",),
    summary="log(x ** 2) becomes 2 * log(abs(x))",
    rewrites=(Rewrite(ops.log(ops.square(x)), 2 * ops.log(ops.abs(x))),),
    contract=Exact(),
    scope=Scope.LOSS,
    when=all_of(varied("x"), near("x", 0.0), negated(is_scale("x"))),
    message="x ** 2 is 0 for |x| below 1e-19 already, and its logarithm -inf",
    why=(
        "In float32 the square of 1e-23 is 0, its logarithm -inf and the gradient NaN, where "
        "2 * log(abs(x)) is -105.9; above 1.8e19 the square is inf."
    ),
    breaks_at=(
        Limit("0 < |x| < 1e-19, or |x| > 1.8e19"),
        Limit("0 < |x| < 2.4e-4, or |x| > 256", "float16"),
    ),
    before="tf.math.log(tf.square(x))",
    after="2 * tf.math.log(tf.abs(x))",
    fix_safety="The same function over the reals; at x = 0 both are -inf.",
    when_not="Where x is exactly 0 at times: then a floor inside the logarithm is needed as well.",
    source="Herbie rule log-pow",
    symptoms=("nan", "inexact"),
    domains={"x": Domain(-1e6, 1e6, near=(1e-25, 1.0))},
    priority=-2,
)
