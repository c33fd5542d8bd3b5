"""log(prod(p)): a product of probabilities is 0 long before its logarithm is far from 0."""

from __future__ import annotations

from lossfix.rules.conditions import nonnegative
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import AttrVar, Var, ops

p = Var("p")
axis, keepdims = AttrVar("axis"), AttrVar("keepdims")

RULE = Rule(
    code="LF132",
    name="log-of-product",
    catalogue=("A32",),
    summary="log(prod(p)) of what is not negative becomes sum(log(p))",
    rewrites=(
        Rewrite(
            ops.log(ops.prod(p, axis=axis, keepdims=keepdims)),
            ops.sum(ops.log(p), axis=axis, keepdims=keepdims),
        ),
    ),
    contract=Exact(),
    scope=Scope.LOSS,
    when=nonnegative("p"),
    message="this product underflows to 0, and its logarithm is -inf with a NaN gradient",
    why=(
        "Three factors of 1e-15 make 0 in float32, as a hundred of 0.4 do: the logarithm is -inf "
        "and every gradient NaN. The sum of the logarithms is -103.6, and -91.6."
    ),
    breaks_at=(Limit("a product below 1.2e-38"), Limit("a product below 6e-8", "float16")),
    before="tf.math.log(tf.reduce_prod(p, axis=-1))",
    after="tf.reduce_sum(tf.math.log(p), axis=-1)",
    fix_safety="The same function over the reals, of factors that are not negative.",
    when_not="Where two factors can be negative their product has a logarithm and they have none.",
    source="Herbie rule log-prod",
    domains={"p": Domain(1e-12, 5.0, near=(1.0,))},
    priority=1,
)
