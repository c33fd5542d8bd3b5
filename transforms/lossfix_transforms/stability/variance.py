"""mean(x ** 2) - mean(x) ** 2: two large numbers for a small difference."""

from __future__ import annotations

from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.structure import cancels_squares
from lossfix.rules.terms import AttrVar, Var, ops

x, a, b, c = Var("x"), Var("a"), Var("b"), Var("c")
axis, keepdims = AttrVar("axis"), AttrVar("keepdims")

RULE = Rule(
    code="LF148",
    name="variance-cancellation",
    catalogue=("A48",),
    summary="mean(x ** 2) - mean(x) ** 2 becomes variance(x)",
    rewrites=(
        Rewrite(
            ops.mean(ops.square(x), axis=axis, keepdims=keepdims)
            - ops.square(ops.mean(x, axis=axis, keepdims=keepdims)),
            ops.variance(x, axis=axis, keepdims=keepdims),
        ),
        Rewrite(a - b * c, None, cancels_squares("a", "b", "c"), as_written=True),
        Rewrite(a - ops.square(b), None, cancels_squares("a", "b"), as_written=True),
        Rewrite(a - ops.square(b) / c, None, cancels_squares("a", "b"), as_written=True),
    ),
    contract=Exact(),
    scope=Scope.LOSS,
    message="this variance loses its digits where the mean is large, and can come out negative",
    why=(
        "Both terms are about mean(x) ** 2 and their difference may be far below its last digit: "
        "in float32 values around 1e4 with variance 0.667 give 0.0, and a square root or a "
        "division that follows gives NaN."
    ),
    breaks_at=(
        Limit("mean(x) ** 2 > 1.7e7 * variance(x) (all digits lost)"),
        Limit("mean(x) ** 2 > 256 * variance(x) (all digits lost)", "bfloat16"),
        Limit("mean(x) ** 2 > 2048 * variance(x) (all digits lost)", "float16"),
    ),
    before="tf.reduce_mean(tf.square(x), -1) - tf.square(tf.reduce_mean(x, -1))",
    after="tf.math.reduce_variance(x, axis=-1)",
    fix_safety=(
        "The same function over the reals, and never negative. Where the averages are a "
        "convolution or a pooling it is only reported: take the mean off x before you square, or "
        "hold the result at 0 from below."
    ),
    when_not="When x is centred already: then nothing cancels.",
    source=(
        "Chan, Golub, LeVeque 1983, Algorithms for computing the sample variance, doi "
        "10.1080/00031305.1983.10483115"
    ),
    symptoms=("inexact", "nan"),
    domains={"x": Domain(-1e4, 1e4, near=(0.0,))},
    priority=1,
)
