"""norm(x) ** 2: a root and its square, with a NaN gradient at 0 under XLA."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, has_gradient, negated
from lossfix.rules.contracts import Exact
from lossfix.rules.nature import is_weight
from lossfix.rules.pattern import Match, Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import AttrVar, Var, ops

x = Var("x")
axis, keepdims = AttrVar("axis"), AttrVar("keepdims")
_sum = ops.sum(ops.square(x), axis=axis, keepdims=keepdims)
_mean = ops.mean(ops.square(x), axis=axis, keepdims=keepdims)


def _is_used_here_alone(match: Match) -> bool:
    """Where the norm is used for more, making it safe is the better fix."""
    norm = match.root.args[0].number
    users = (n for n in match.unit.nodes if any(arg.number == norm for arg in n.args))
    return all(user.number == match.root.number for user in users)


RULE = Rule(
    code="LF145",
    name="squared-norm",
    catalogue=("A45",),
    summary="norm(x) ** 2 becomes sum(x ** 2)",
    rewrites=(
        Rewrite(ops.square(ops.norm(x, axis=axis, keepdims=keepdims)), _sum),
        Rewrite(ops.square(ops.euclidean_norm(x, axis=axis, keepdims=keepdims)), _sum),
        Rewrite(ops.square(ops.sqrt(_sum)), _sum),
        Rewrite(ops.square(ops.sqrt(_mean)), _mean),
    ),
    contract=Exact(),
    scope=Scope.LOSS,
    when=all_of(has_gradient("x"), negated(is_weight("x")), _is_used_here_alone),
    message="the gradient of this squared norm is NaN at 0 as soon as XLA compiles it",
    why=(
        "The slope of the root is inf at 0 and that of the square 0. TensorFlow's kernels on a CPU "
        "return 0 for their product, XLA returns NaN, and Keras compiles with XLA by default where "
        "there is a GPU: the loss trains on a laptop and does not on the machine."
    ),
    breaks_at=(Limit("x = 0, compiled by XLA"), Limit("|x| < 2.4e-4, compiled by XLA", "float16")),
    before="tf.norm(x, axis=-1) ** 2",
    after="tf.reduce_sum(tf.square(x), axis=-1)",
    fix_safety="The same function over the reals, and one root less.",
    when_not="Never.",
    source="autograd issue 586; Keras documentation of Model.compile, jit_compile",
    symptoms=("gpu", "nan"),
    domains={"x": Domain(-1e6, 1e6, near=(0.0,))},
    priority=2,
)
