"""sqrt(1 + x ** 2) - 1: two numbers near 1 for a small difference."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, near, varied
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import Var, ops

x = Var("x")
_root = ops.sqrt(1 + ops.square(x))

RULE = Rule(
    code="LF151",
    name="pseudo-huber",
    catalogue=("A51",),
    summary="sqrt(1 + x ** 2) - 1 becomes x * (x / (sqrt(1 + x ** 2) + 1))",
    rewrites=(Rewrite(_root - 1, x * (x / (_root + 1))),),
    contract=Exact(),
    scope=Scope.LOSS,
    when=all_of(varied("x"), near("x", 0.0)),
    message="this difference is exactly 0 for errors below 2e-4",
    why=(
        "In float32 1 + x ** 2 is 1 for |x| < 2.4e-4: the loss is 0 for 3e-8, and all its digits "
        "are lost well before that; in bfloat16 it is 0 for errors of 0.06."
    ),
    breaks_at=(
        Limit("|x| < 2.4e-4 (all digits lost)"),
        Limit("|x| < 0.06 (all digits lost)", "bfloat16"),
        Limit("|x| < 0.02 (all digits lost)", "float16"),
    ),
    before="tf.sqrt(1 + tf.square(e)) - 1",
    after="e * (e / (tf.sqrt(1 + tf.square(e)) + 1))",
    fix_safety="The same function over the reals.",
    when_not="When only the gradient counts: that of the original is good.",
    source="Herbie rule flip--; Charbonnier et al. 1997, doi 10.1109/83.551699",
    symptoms=("inexact",),
    domains={"x": Domain(-1e6, 1e6, near=(0.0, 1e-4))},
)
