"""log(1 + sum(exp(x))): a log-sum-exp with a 0 among its terms."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, may_exceed, negated, nonnegative, varied
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule
from lossfix.rules.structure import is_positive
from lossfix.rules.terms import AttrVar, Term, Var, ops
from lossfix_transforms.stability._masked_sum import shifted

x, w = Var("x"), Var("w")
axis, keepdims = AttrVar("axis"), AttrVar("keepdims")
_plain = ops.sum(ops.exp(x), axis=axis, keepdims=keepdims)
_weighted = ops.sum(ops.exp(x) * w, axis=axis, keepdims=keepdims)


def _soft(exponent: Term) -> Term:
    return ops.softplus(ops.logsumexp(exponent, axis=axis, keepdims=keepdims))


RULE = Rule(
    code="LF180",
    name="log-one-plus-sum-exp",
    catalogue=("A15", "A17"),
    summary="log(1 + sum(exp(x))) becomes softplus(logsumexp(x))",
    rewrites=(
        Rewrite(ops.log(1 + _plain), _soft(x)),
        Rewrite(ops.log1p(_plain), _soft(x)),
        Rewrite(ops.log(1 + _weighted), _soft(x + ops.log(w)), is_positive("w")),
        Rewrite(ops.log1p(_weighted), _soft(x + ops.log(w)), is_positive("w")),
        *(
            Rewrite(before, after, all_of(nonnegative("w"), negated(varied("w"))))
            for before, after in shifted(x, w, one=True)
        ),
        Rewrite(ops.log(1 + _weighted), None, negated(varied("w"))),
        Rewrite(ops.log1p(_weighted), None, negated(varied("w"))),
    ),
    contract=Exact(),
    when=may_exceed("x"),
    message="exp overflows to inf as soon as one x passes 88.7, though the logarithm is about x",
    why=(
        "In float32 exp(x) is inf above 88.72: the loss is inf and its gradient NaN, which a scale "
        "factor of 64 before the exponential reaches at x = 1.4. Far below, log(1 + sum) loses "
        "all digits."
    ),
    breaks_at=(
        Limit("max(x) > 88.7"),
        Limit("max(x) > 11.1", "float16"),
    ),
    before="tf.math.log1p(tf.reduce_sum(tf.exp(z), -1))",
    after="tf.nn.softplus(tf.reduce_logsumexp(z, axis=-1))",
    fix_safety=(
        "The same function over the reals. Where a weight can be 0 the largest exponent is taken "
        "out instead; where one can be negative the sum is only reported."
    ),
    when_not="A row that is -inf throughout still has a NaN gradient; mask such rows first.",
    source="Blanchard, Higham, Higham 2021, doi 10.1093/imanum/draa038",
    domains={
        "x": Domain(-400.0, 400.0, near=(0.0,)),
        "w": Domain(0.1, 10.0, near=(1.0,)),
    },
    priority=3,
)
