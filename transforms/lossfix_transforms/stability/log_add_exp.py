"""log(exp(x) + exp(y)): exp overflows for a result that is about the larger one."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, any_of, unshifted
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import AttrVar, Bind, Term, Var, ops

x, y = Var("x"), Var("y")
axis, keepdims = AttrVar("axis"), AttrVar("keepdims")


def _added(first: Term, second: Term) -> Term:
    """Operands of minimum the other way round: TensorFlow's gradient of a tie is then shared."""
    larger = Bind("larger", ops.maximum(first, second))
    return larger + ops.softplus(ops.minimum(second, first) - larger)


_rest = Bind("rest", ops.logsumexp(y, axis=axis, keepdims=keepdims))

RULE = Rule(
    code="LF119",
    name="log-add-exp",
    catalogue=("A19",),
    summary="log(exp(x) + exp(y)) becomes max(x, y) + softplus(min(x, y) - max(x, y))",
    rewrites=(
        Rewrite(ops.log(ops.exp(x) + ops.exp(y)), _added(x, y)),
        Rewrite(
            ops.log(ops.exp(x) + ops.sum(ops.exp(y), axis=axis, keepdims=keepdims)),
            _added(x, _rest),
        ),
    ),
    contract=Exact(),
    scope=Scope.LOSS,
    when=all_of(any_of(unshifted("x"), unshifted("y"))),
    message="exp overflows to inf as soon as x or y passes 88.7, though the result is about that",
    why=(
        "In float32 exp(x) is inf above 88.72 and the gradient NaN; where both lie below -104 the "
        "sum is 0 and the logarithm -inf. A contrastive loss with a temperature of 0.01 is there "
        "at a similarity of 0.89."
    ),
    breaks_at=(Limit("max(x, y) > 88.7"), Limit("max(x, y) > 11.1", "float16")),
    before="tf.math.log(tf.exp(x) + tf.exp(y))",
    after="larger + tf.nn.softplus(tf.minimum(y, x) - larger)",
    fix_safety="The same function over the reals; equal x and y share the gradient as before.",
    when_not="Where both are -inf the gradient is still NaN; mask such entries first.",
    source="Blanchard, Higham, Higham 2021, doi 10.1093/imanum/draa038",
    domains={
        "x": Domain(-400.0, 400.0, near=(0.0,), shape=()),
        "y": Domain(-400.0, 400.0, near=(0.0,)),
    },
    priority=1,
)
