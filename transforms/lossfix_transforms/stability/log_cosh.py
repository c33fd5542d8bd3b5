"""log(cosh(x)) and log(1 - tanh(x) ** 2): an overflow far out, and cancellation near 0."""

from __future__ import annotations

from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import Bind, Var, ops

x = Var("x")
_size = Bind("size", ops.abs(x))
_near = ops.log1p(2 * ops.square(ops.sinh(ops.clip(x, -1, 1) / 2)))
_far = _size + ops.log(0.5 + 0.5 * ops.exp(-2 * _size))  # no number alone: it has a dtype
_log_cosh = ops.where(_size < 1, _near, _far)

RULE = Rule(
    code="LF129",
    name="log-cosh",
    catalogue=("A29", "A30"),
    summary="log(cosh(x)) by two forms without overflow, and log(1 - tanh(x) ** 2) as -2 of it",
    rewrites=(
        Rewrite(ops.log(ops.cosh(x)), _log_cosh),
        Rewrite(ops.log((ops.exp(x) + ops.exp(-x)) / 2), _log_cosh),
        Rewrite(ops.log(1 - ops.square(ops.tanh(x))), -2 * _log_cosh),
        Rewrite(ops.log1p(-ops.square(ops.tanh(x))), -2 * _log_cosh),
    ),
    contract=Exact(),
    scope=Scope.LOSS,
    message="this is inf once |x| passes 89 (9 for a tanh), and loses its digits near 0",
    why=(
        "cosh overflows in float32 at 89.4, and 1 - tanh(x) ** 2 is exactly 0 from 9 on: the loss "
        "is infinite and its gradient NaN. Near 0 log(cosh(x)) is off by 5 % at x = 1e-3 and by "
        "100 % at 1e-4; the usual x + softplus(-2 * x) - log(2) has that error too."
    ),
    breaks_at=(
        Limit("|x| > 89.4, or 9 for 1 - tanh(x) ** 2"),
        Limit("|x| < 1e-3 (digits lost)"),
        Limit("|x| > 12, or 4.2 for 1 - tanh(x) ** 2", "float16"),
    ),
    before="tf.math.log(tf.cosh(y_pred - y_true))",
    after=(
        "tf.where(size < 1, tf.math.log1p(2 * tf.square(tf.sinh(tf.clip_by_value(x, -1, 1) / 2))), "
        "size + tf.math.log(0.5 + 0.5 * tf.exp(-2 * size)))"
    ),
    fix_safety="The same function over the reals.",
    when_not="With an epsilon inside the logarithm the loss is bounded: another one.",
    source="TensorFlow Probability, log_cosh; Haarnoja et al. 2018, arXiv 1812.05905, appendix C",
    symptoms=("nan", "inexact"),
    domains={"x": Domain(-60.0, 60.0, near=(0.0,))},
    priority=2,
)
