"""softmax(x - 1e9 * mask) in float16, where 1e9 is inf."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, any_of, has
from lossfix.rules.contracts import Diagnosis
from lossfix.rules.nature import in_half_precision, is_huge
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Limit, Rule, Scope
from lossfix.rules.terms import AttrVar, Var, ops

x, m, c = Var("x"), Var("m"), Var("c")
axis = AttrVar("axis")

RULE = Rule(
    code="LF172",
    name="mask-beyond-half-precision",
    catalogue=("A72",),
    summary="a mask of -1e9 in float16, where it is -inf",
    rewrites=(
        Rewrite(ops.softmax(x + m * c, axis=axis)),
        Rewrite(ops.log_softmax(x + m * c, axis=axis)),
        Rewrite(ops.softmax(ops.where(m, x, c), axis=axis)),
        Rewrite(ops.log_softmax(ops.where(m, x, c), axis=axis)),
    ),
    contract=Diagnosis(),
    scope=Scope.LOSS,
    when=all_of(any_of(has("m")), is_huge("c", 65504.0), in_half_precision),
    message="-1e9 is -inf in float16: a row that is masked throughout is NaN",
    why=(
        "float16 ends at 65504, so that -1e9 is -inf there. A softmax of a row of -inf is NaN, for "
        "the value and for the gradient; in float32 the same row is uniform."
    ),
    breaks_at=(Limit("a row that is masked throughout", "float16"),),
    before="tf.nn.softmax(tf.cast(scores, tf.float16) + (1 - mask) * -1e9)",
    after="",
    fix_safety=(
        "Nothing is changed. Take half of the format's lowest number, or compute the softmax in "
        "float32, and leave out rows that are masked throughout."
    ),
    when_not="When every row has an entry that is not masked.",
    symptoms=("half", "nan"),
    source="Vaswani et al. 2017, arXiv 1706.03762; Micikevicius et al. 2017, arXiv 1710.03740",
)
