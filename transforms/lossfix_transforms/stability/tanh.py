"""(exp(x) - exp(-x)) / (exp(x) + exp(-x)) and its kin: tanh, by way of an overflow."""

from __future__ import annotations

from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import Var, ops

x = Var("x")
up, down = ops.exp(x), ops.exp(-x)
twice, halved = ops.exp(2 * x), ops.exp(-2 * x)

RULE = Rule(
    code="LF126",
    name="tanh-by-hand",
    catalogue=("A26",),
    summary="(exp(x) - exp(-x)) / (exp(x) + exp(-x)) becomes tanh(x)",
    rewrites=(
        Rewrite((up - down) / (up + down), ops.tanh(x)),
        Rewrite((twice - 1) / (twice + 1), ops.tanh(x)),
        Rewrite((1 - halved) / (1 + halved), ops.tanh(x)),
    ),
    contract=Exact(),
    scope=Scope.LOSS,
    message="this tanh is inf / inf = NaN once |x| passes 88.7",
    why=(
        "exp overflows in float32 above 88.72, and exp(2 * x) from 44.4 on; near 0 the difference "
        "loses digits: at x = 1e-4 four of the seven are gone."
    ),
    breaks_at=(
        Limit("|x| > 88.7, or 44.4 with exp(2 * x)"),
        Limit("|x| > 11.1, or 5.5 with exp(2 * x)", "float16"),
    ),
    before="(tf.exp(x) - tf.exp(-x)) / (tf.exp(x) + tf.exp(-x))",
    after="tf.tanh(x)",
    fix_safety="The same function over the reals.",
    when_not="Never.",
    source="Herbie benchmark suite, hyperbolic functions",
    domains={"x": Domain(-100.0, 100.0, near=(0.0,))},
    priority=1,
)
