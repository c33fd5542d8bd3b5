"""log(mean(exp(x))): exp overflows for a result that is about max(x)."""

from __future__ import annotations

from lossfix.rules.conditions import unshifted
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule
from lossfix.rules.terms import AttrVar, Bind, Term, Var, ops

x = Var("x")
axis = AttrVar("axis")

keepdims = AttrVar("keepdims")


def _peak(axis: AttrVar | None, keepdims: AttrVar | bool) -> Term:
    return ops.stop_gradient(ops.max(x, axis=axis, keepdims=keepdims))


_whole = Bind("largest", _peak(None, False))
_kept = Bind("largest", _peak(axis, True))
_shifted = ops.exp(x - _peak(axis, True))

RULE = Rule(
    code="LF118",
    name="log-mean-exp",
    catalogue=("A18",),
    summary="log(mean(exp(x))) has the largest x taken out first",
    rewrites=(
        Rewrite(ops.log(ops.mean(ops.exp(x))), ops.log(ops.mean(ops.exp(x - _whole))) + _whole),
        Rewrite(
            ops.log(ops.mean(ops.exp(x), axis=axis, keepdims=True)),
            ops.log(ops.mean(ops.exp(x - _kept), axis=axis, keepdims=True)) + _kept,
        ),
        Rewrite(
            ops.log(ops.mean(ops.exp(x), axis=axis, keepdims=keepdims)),
            ops.log(ops.mean(_shifted, axis=axis, keepdims=keepdims)) + _peak(axis, keepdims),
        ),
    ),
    contract=Exact(),
    when=unshifted("x"),
    message="exp overflows to inf as soon as one x passes 88.7, and the gradient is NaN",
    why=(
        "In float32 exp(x) is inf above 88.72; where every x is below -104 the mean is 0 and the "
        "logarithm -inf. With the largest x taken out every exponential is between 0 and 1."
    ),
    breaks_at=(
        Limit("max(x) > 88.7"),
        Limit("max(x) < -104"),
        Limit("max(x) > 11.1", "float16"),
    ),
    before="tf.math.log(tf.reduce_mean(tf.exp(x)))",
    after="tf.math.log(tf.reduce_mean(tf.exp(x - largest))) + largest",
    fix_safety=(
        "The same function over the reals. The largest x counts as a constant in the backward "
        "pass, where its own gradient would cancel."
    ),
    when_not="A row that is -inf throughout still has a NaN gradient; mask such rows first.",
    source="Blanchard, Higham, Higham 2021, doi 10.1093/imanum/draa038",
    domains={"x": Domain(-400.0, 400.0, near=(0.0,))},
    priority=1,
)
