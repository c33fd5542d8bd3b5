"""exp(x) / sum(exp(x)): both overflow together."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, has_one_axis, unshifted
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule
from lossfix.rules.terms import AttrVar, Var, ops

x = Var("x")
axis = AttrVar("one_axis")
_spread = ops.expand_dims(ops.sum(ops.exp(x), axis=axis), axis=axis)

RULE = Rule(
    code="LF116",
    name="softmax-by-hand",
    catalogue=("A16",),
    summary="exp(x) / sum(exp(x)) becomes softmax(x)",
    rewrites=(
        Rewrite(
            ops.exp(x) / ops.sum(ops.exp(x), axis=axis, keepdims=True), ops.softmax(x, axis=axis)
        ),
        Rewrite(
            ops.exp(x)
            / ops.tile(ops.sum(ops.exp(x), axis=axis, keepdims=True), multiples=AttrVar("copies")),
            ops.softmax(x, axis=axis),
        ),
        Rewrite(ops.exp(x) / _spread, ops.softmax(x, axis=axis)),
        Rewrite(
            ops.exp(x) / ops.tile(_spread, multiples=AttrVar("copies")), ops.softmax(x, axis=axis)
        ),
    ),
    contract=Exact(),
    when=all_of(unshifted("x"), has_one_axis),
    message=(
        "this softmax is NaN once a logit passes 88.7, inf / inf, or all of a row lie below -103, "
        "0 / 0"
    ),
    why=(
        "exp overflows in float32 above 88.72; numerator and denominator are then both inf. Below "
        "-103 it is 0, and a row of such logits, of large squared distances say, is 0 / 0. "
        "A softmax op subtracts the largest logit first."
    ),
    breaks_at=(Limit("x > 88.7"),),
    before="tf.exp(z) / tf.reduce_sum(tf.exp(z), -1, keepdims=True)",
    after="tf.nn.softmax(z)",
    fix_safety="The same function over the reals.",
    when_not=(
        "When numerator and denominator differ, for instance where one of them is clipped "
        "or masked: that is no softmax."
    ),
    source="Blanchard, Higham, Higham 2021, doi 10.1093/imanum/draa038",
    domains={"x": Domain(-400.0, 400.0, near=(0.0,))},
)
