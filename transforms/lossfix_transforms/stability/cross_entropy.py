"""y * log(softmax(x)): as log-softmax, and 0 * -inf is NaN."""

from __future__ import annotations

from lossfix.rules.conditions import has_one_axis, negated
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule
from lossfix.rules.terms import AttrVar, Var, ops
from lossfix.rules.usage import is_number

x, y = Var("x"), Var("y")
axis, one_axis = AttrVar("axis"), AttrVar("one_axis")

RULE = Rule(
    code="LF102",
    name="cross-entropy-from-softmax",
    catalogue=("A02", "A39"),
    summary="y * log(softmax(x)) becomes y * log_softmax(x)",
    rewrites=(
        Rewrite(y * ops.log(ops.softmax(x, axis=axis)), y * ops.log_softmax(x, axis=axis)),
        Rewrite(
            y * ops.log(ops.exp(x) / ops.sum(ops.exp(x), axis=one_axis, keepdims=True)),
            y * ops.log_softmax(x, axis=one_axis),
            has_one_axis,
        ),
    ),
    contract=Exact(),
    when=negated(is_number("y")),
    message=(
        "this cross entropy is NaN once a class with label 0 lies 88 below the largest " "logit"
    ),
    why=(
        "The softmax of such a class is exactly 0 in float32, its logarithm -inf, and 0 * "
        "-inf is NaN; the gradient of the whole row is NaN too. Of 79 bugs of the GRIST "
        "benchmark 42 are this one."
    ),
    breaks_at=(Limit("a logit gap of 88"),),
    before="-tf.reduce_sum(y * tf.math.log(tf.nn.softmax(z)), -1)",
    after="-tf.reduce_sum(y * tf.nn.log_softmax(z), -1)",
    fix_safety=(
        "The same function over the reals. The product form stays: the fused cross entropy "
        "op has another gradient where the labels of a row do not sum to 1."
    ),
    when_not=(
        "When the labels are a distribution and speed matters, the fused op is the better "
        "choice, made by hand."
    ),
    source=(
        "Yan et al., GRIST, ESEC/FSE 2021; TensorFlow documentation of "
        "tf.nn.softmax_cross_entropy_with_logits"
    ),
    domains={"x": Domain(-400.0, 400.0, near=(0.0,)), "y": Domain(0.0, 1.0, near=(0.0, 1.0))},
    priority=2,
)
