"""log(exp(x) / y): the logarithm undoes the exponential, if it is let."""

from __future__ import annotations

from lossfix.rules.conditions import any_of, has, negated, unshifted
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import AttrVar, Var, ops

x, y, z = Var("x"), Var("y"), Var("z")
axis = AttrVar("axis")
p = ops.softmax(z, axis=axis)

RULE = Rule(
    code="LF133",
    name="log-of-quotient",
    catalogue=("A33", "A38"),
    summary="log(exp(x) / y) becomes x - log(y), and log(softmax(x) / y) log_softmax(x) - log(y)",
    rewrites=(
        Rewrite(ops.log(ops.exp(x) / y), x - ops.log(y)),
        Rewrite(ops.log(ops.exp(x) * y), x + ops.log(y)),
        Rewrite(ops.log(y / ops.exp(x)), ops.log(y) - x),
        Rewrite(ops.log(p / y), ops.log_softmax(z, axis=axis) - ops.log(y)),
        Rewrite(ops.log(y / p), ops.log(y) - ops.log_softmax(z, axis=axis)),
    ),
    contract=Exact(),
    scope=Scope.LOSS,
    when=any_of(negated(has("x")), unshifted("x")),
    message="the quotient over- or underflows, and its logarithm is infinite with a NaN gradient",
    why=(
        "In float32 exp(x) is inf above 88.72 and 0 below -104, so that the quotient is inf, 0 or "
        "NaN where its logarithm is a moderate number. A contrastive loss divides similarities by "
        "a temperature first: at 0.01 a similarity of 0.89 is enough."
    ),
    breaks_at=(
        Limit("|x| > 88.7, or a logit gap of 88"),
        Limit("|x| > 11.1, or a logit gap of 18", "float16"),
    ),
    before="-tf.math.log(tf.exp(positive) / tf.reduce_sum(tf.exp(negatives), -1))",
    after="-(positive - tf.math.log(tf.reduce_sum(tf.exp(negatives), -1)))",
    fix_safety="The same function over the reals; a log of a sum of exponentials is mended next.",
    when_not="A plain log(a / b) stays: near a = b the difference of two logarithms is worse.",
    source="Oord, Li, Vinyals 2018, arXiv 1807.03748; PyTensor rewrite local_log_div",
    domains={
        "x": Domain(-400.0, 400.0, near=(0.0,)),
        "y": Domain(1e-6, 1e6, near=(1.0,)),
        "z": Domain(-60.0, 60.0, near=(0.0,)),
    },
)
