"""a / exp(x): the exponent's sign, without the quotient."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, unshifted, varied
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import Var, ops

x, y = Var("x"), Var("y")

RULE = Rule(
    code="LF158",
    name="division-by-exp",
    catalogue=("A58",),
    summary="a / exp(x) becomes a * exp(-x), and exp(y) / exp(x) exp(y - x)",
    rewrites=(
        Rewrite(ops.exp(y) / ops.exp(x), ops.exp(y - x)),
        Rewrite(1 / ops.exp(x), ops.exp(-x)),
    ),
    contract=Exact(),
    scope=Scope.LOSS,
    when=all_of(varied("x"), unshifted("x")),
    message="this divides by an exponential, which is inf or 0 where the quotient is not",
    why=(
        "In float32 exp(x) is inf above 88.72, and the gradient of a / exp(x) inf * 0 = NaN from "
        "there on, where a * exp(-x) is 0 with a gradient of 0; below -88 it divides by 0. Two "
        "exponentials of a Gaussian's log-variances overflow together, though their ratio is 1."
    ),
    breaks_at=(Limit("x > 88.7, or x < -87.3"), Limit("x > 11.1, or x < -9.7", "float16")),
    before="tf.square(y_true - mean) / tf.exp(log_variance)",
    after="tf.square(y_true - mean) * tf.exp(-log_variance)",
    fix_safety="The same function over the reals. A log-variance of -88 still overflows: floor it.",
    when_not="Never: there is no x for which the original is better.",
    source="Blanchard, Higham, Higham 2021, doi 10.1093/imanum/draa038",
    domains={"x": Domain(-200.0, 200.0, near=(0.0,)), "y": Domain(-200.0, 200.0, near=(0.0,))},
)
