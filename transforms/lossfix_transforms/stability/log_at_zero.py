"""log(x) where x reaches 0: -inf, and a gradient of inf or NaN."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, negated, reaches, varied
from lossfix.rules.contracts import Meaning
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.structure import shielded
from lossfix.rules.terms import Var, ops
from lossfix.rules.zeros import zero_is_real

x, p = Var("x"), Var("p")
FLOOR = 1e-7

RULE = Rule(
    code="LF137",
    name="log-at-zero",
    catalogue=("A37", "A64", "A78"),
    summary="log(x) of an x that reaches 0 becomes log(maximum(x, 1e-7))",
    rewrites=(
        Rewrite(
            ops.log(x),
            ops.log(ops.maximum(x, FLOOR)),
            all_of(varied("x"), reaches("x", 0.0), zero_is_real("x"), negated(shielded("x"))),
        ),
        Rewrite(
            ops.log1p(-p),
            ops.log1p(-ops.minimum(p, 1 - FLOOR)),
            all_of(varied("p"), reaches("p", 1.0), negated(shielded("p"))),
        ),
    ),
    contract=Meaning(
        changes="below 1e-7 the logarithm is log(1e-7) = -16.1, and its gradient 0",
        keeps="value and gradient wherever the argument is 1e-7 or more",
        equal_on=(("x", 1e-6, 1.0), ("p", 0.0, 0.999)),
    ),
    scope=Scope.LOSS,
    range_of="x",
    message="this logarithm is -inf, and its gradient inf or NaN, where its argument is 0",
    why=(
        "The argument can be exactly 0: two boxes that do not overlap, a saturated probability, a "
        "perfect prediction. log(0) is -inf, its slope inf, and 0 * inf is NaN for every weight."
    ),
    breaks_at=(
        Limit("x = 0"),
        Limit("x < 6e-8, which is 0 there", "float16"),
    ),
    before="-tf.math.log(iou)",
    after="-tf.math.log(tf.maximum(iou, 1e-07))",
    fix_safety=(
        "Another loss where the argument is below 1e-7: bounded, and without a gradient there. "
        "Where the logits are at hand, a log-softmax or log-sigmoid of them is the better fix, "
        "and where a label of 0 stands before it, xlogy."
    ),
    when_not=(
        "When nothing ever makes the argument 0; say so with an assertion, or write the loss from "
        "logits. In float16 write a larger floor, 1e-4 or so."
    ),
    source=(
        "Yan et al., GRIST, ESEC/FSE 2021, doi 10.1145/3468264.3468612; TensorFlow documentation "
        "of tf.math.xlogy"
    ),
    domains={
        "x": Domain(0.0, 1e3, near=(0.0,)),
        "p": Domain(0.0, 1.0, near=(1.0,)),
    },
    priority=-1,
)
