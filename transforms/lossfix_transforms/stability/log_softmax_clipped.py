"""log(clip(softmax(x), lo, hi)): the gradient is 0 where the clip acts."""

from __future__ import annotations

from lossfix.rules.contracts import Meaning
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule
from lossfix.rules.terms import AttrVar, Var, ops
from lossfix.rules.usage import is_taught
from lossfix_transforms.stability._guards import (
    GUARD_DOMAINS,
    WITHOUT_GUARDS,
    clamped,
    clamped_and_raised,
)

x = Var("x")
axis = AttrVar("axis")
p = ops.softmax(x, axis=axis)

RULE = Rule(
    code="LF104",
    name="log-clipped-softmax",
    catalogue=("A04", "C16"),
    summary="log(clip(softmax(x), lo, hi)) becomes log_softmax(x)",
    rewrites=tuple(
        Rewrite(ops.log(inner), ops.log_softmax(x, axis=axis), when)
        for inner, when in (*clamped(p), *clamped_and_raised(p))
    ),
    contract=Meaning(
        changes="the loss no longer flattens out where the clip acts",
        keeps="value and gradient wherever the probability lies inside the clip",
        equal_on=WITHOUT_GUARDS,
    ),
    when=is_taught,
    message="the gradient is exactly 0 where the clip of this softmax acts: the worst mistakes",
    why=(
        "With a lower end of 1e-10 every class whose logit lies 23 or more below the largest has "
        "gradient 0 in float32, and with 1e-7 from 16 on: the loss cannot bring it back. "
        "log_softmax needs no clip."
    ),
    breaks_at=(
        Limit("a logit gap of 23 with a lower end of 1e-10"),
        Limit("a logit gap of 16 with a lower end of 1e-7"),
        Limit("a logit gap of 17: a lower end below 3e-8 is 0, and the value -inf", "float16"),
    ),
    before="tf.math.log(tf.clip_by_value(tf.nn.softmax(logits), 1e-10, 1.0))",
    after="tf.nn.log_softmax(logits)",
    fix_safety=(
        "Another loss where the clip acted: it is not bounded any more, and its gradient there is "
        "that of a cross entropy. Inside the clip value and gradient are the same."
    ),
    when_not="When the bound on the loss is wanted, against wrong labels for instance.",
    source=(
        "Zhang et al., An empirical study on TensorFlow program bugs, ISSTA 2018, doi "
        "10.1145/3213846.3213866; TensorFlow documentation of tf.nn.log_softmax"
    ),
    symptoms=("stuck", "value"),
    domains={"x": Domain(-60.0, 60.0, near=(0.0,)), **GUARD_DOMAINS},
    priority=1,
)
