"""log(sum(exp(x))): exp overflows for a result that is about max(x)."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, negated, nonnegative, unshifted, varied
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule
from lossfix.rules.structure import is_positive
from lossfix.rules.terms import AttrVar, Var, ops
from lossfix_transforms.stability._masked_sum import shifted

x, w = Var("x"), Var("w")
axis = AttrVar("axis")
keepdims = AttrVar("keepdims")

RULE = Rule(
    code="LF117",
    name="log-sum-exp",
    catalogue=("A17",),
    summary="log(sum(exp(x))) becomes logsumexp(x)",
    rewrites=(
        Rewrite(
            ops.log(ops.sum(ops.exp(x), axis=axis, keepdims=keepdims)),
            ops.logsumexp(x, axis=axis, keepdims=keepdims),
        ),
        Rewrite(
            ops.log(ops.sum(ops.exp(x) * w, axis=axis, keepdims=keepdims)),
            ops.logsumexp(x + ops.log(w), axis=axis, keepdims=keepdims),
            is_positive("w"),
        ),
        *(
            Rewrite(before, after, all_of(nonnegative("w"), negated(varied("w"))))
            for before, after in shifted(x, w, one=False)
        ),
    ),
    contract=Exact(),
    when=unshifted("x"),
    message="exp overflows to inf as soon as one x passes 88.7, and the gradient is NaN",
    why=(
        "In float32 exp(x) is inf above 88.72; where every x is below -104 the sum is 0 and "
        "the logarithm -inf. log-sum-exp takes the largest x out first."
    ),
    breaks_at=(
        Limit("max(x) > 88.7"),
        Limit("max(x) < -104"),
    ),
    before="tf.math.log(tf.reduce_sum(tf.exp(z), -1))",
    after="tf.reduce_logsumexp(z, axis=-1)",
    fix_safety="The same function over the reals.",
    when_not=(
        "A row that is -inf throughout still has a NaN gradient after the fix; mask such "
        "rows first."
    ),
    source="Blanchard, Higham, Higham 2021, doi 10.1093/imanum/draa038",
    domains={
        "x": Domain(-400.0, 400.0, near=(0.0,)),
        "w": Domain(0.1, 10.0, near=(1.0,)),
    },
)
