"""log(softmax(x)): the probability underflows to 0 before the logarithm sees it."""

from __future__ import annotations

from lossfix.rules.conditions import has_one_axis, negated
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule
from lossfix.rules.terms import AttrVar, Var, ops
from lossfix.rules.usage import is_drawn_from

x = Var("x")
axis, one_axis = AttrVar("axis"), AttrVar("one_axis")

RULE = Rule(
    code="LF101",
    name="log-softmax",
    catalogue=("A01",),
    summary="log(softmax(x)) becomes log_softmax(x)",
    rewrites=(
        Rewrite(ops.log(ops.softmax(x, axis=axis)), ops.log_softmax(x, axis=axis)),
        Rewrite(
            ops.log(ops.exp(x) / ops.sum(ops.exp(x), axis=one_axis, keepdims=True)),
            ops.log_softmax(x, axis=one_axis),
            has_one_axis,
        ),
    ),
    contract=Exact(),
    when=negated(is_drawn_from),
    message=(
        "log of a softmax is -inf, and its gradient NaN, once a logit lies 88 below the " "largest"
    ),
    why=(
        "In float32 the softmax of a logit that lies 88 or more below the largest is "
        "exactly 0: the loss is -inf and the gradient of the whole row is NaN. In float16 a "
        "gap of 18 is enough."
    ),
    breaks_at=(
        Limit("a logit gap of 88"),
        Limit("a logit gap of 18", "float16"),
    ),
    before="tf.math.log(tf.nn.softmax(logits))",
    after="tf.nn.log_softmax(logits)",
    fix_safety=(
        "The same function over the reals. Values and gradients change only where the "
        "original had lost digits."
    ),
    when_not=(
        "When the logarithm is taken of something else than the softmax itself, such as a "
        "clipped or shifted one: that is a different loss."
    ),
    source=(
        "Blanchard, Higham, Higham 2021, doi 10.1093/imanum/draa038; TensorFlow "
        "documentation of tf.nn.log_softmax"
    ),
    domains={"x": Domain(-400.0, 400.0, near=(0.0,))},
    priority=1,
)
