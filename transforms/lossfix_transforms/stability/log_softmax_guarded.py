"""log(softmax(x) + eps): finite, and deaf where the probability is below the epsilon."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, has_one_axis, negated, varied
from lossfix.rules.contracts import Meaning
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule
from lossfix.rules.structure import small
from lossfix.rules.terms import AttrVar, Var, ops
from lossfix.rules.usage import is_taught, weighs_itself

x, eps = Var("x"), Var("eps")
axis, one_axis = AttrVar("axis"), AttrVar("one_axis")

RULE = Rule(
    code="LF103",
    name="log-softmax-plus-epsilon",
    catalogue=("A03",),
    summary="log(softmax(x) + eps) becomes log_softmax(x)",
    rewrites=(
        Rewrite(ops.log(ops.softmax(x, axis=axis) + eps), ops.log_softmax(x, axis=axis)),
        Rewrite(
            ops.log(ops.exp(x) / ops.sum(ops.exp(x), axis=one_axis, keepdims=True) + eps),
            ops.log_softmax(x, axis=one_axis),
            has_one_axis,
        ),
    ),
    contract=Meaning(
        changes="the loss no longer flattens out where a probability is below the epsilon",
        keeps="value and gradient to within eps / p wherever the probability p is well above it",
        equal_on=(("eps", 0.0, 0.0),),
    ),
    when=all_of(small("eps"), varied("x"), is_taught, negated(weighs_itself)),
    message="the epsilon stops the gradient of this log of a softmax where the model is most wrong",
    why=(
        "With eps = 1e-10 a logit 50 below the largest has the value -23.03 for -50 and a "
        "gradient of 1.9e-12 for 1, in float32: a confident mistake is not corrected. "
        "log_softmax needs no epsilon."
    ),
    breaks_at=(
        Limit("a logit gap of 23 with eps = 1e-10"),
        Limit("a logit gap of 16 with eps = 1e-7"),
        Limit("a logit gap of 17: an epsilon below 3e-8 is 0, and the value -inf", "float16"),
    ),
    before="tf.math.log(tf.nn.softmax(logits) + 1e-10)",
    after="tf.nn.log_softmax(logits)",
    fix_safety=(
        "Another loss where a probability is not far above the epsilon: it is not bounded by "
        "-log(eps) any more, and its gradient there is that of a cross entropy. Elsewhere value "
        "and gradient move by about eps / p."
    ),
    when_not="When the bound on the loss is wanted, against wrong labels for instance.",
    source=(
        "Zhang et al., An empirical study on TensorFlow program bugs, ISSTA 2018, doi "
        "10.1145/3213846.3213866; TensorFlow documentation of tf.nn.log_softmax"
    ),
    symptoms=("stuck", "value"),
    domains={
        "x": Domain(-60.0, 60.0, near=(0.0,)),
        "eps": Domain(1e-7, 1e-3, shape=()),
    },
    priority=1,
)
