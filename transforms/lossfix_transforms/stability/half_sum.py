"""sum(cast(x, float16)): a sum in a format that ends at 65504, or has 8 bits."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, dtype_in, is_float
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import AttrVar, Var, ops

x = Var("x")
axis, keepdims, half = AttrVar("axis"), AttrVar("keepdims"), AttrVar("half")
_where = {"axis": axis, "keepdims": keepdims}
HALVES = frozenset({"float16", "bfloat16", "half"})

RULE = Rule(
    code="LF171",
    name="sum-in-half-precision",
    catalogue=("A71",),
    summary="sum(cast(x, float16)) becomes cast(sum(x), float16), and so for a mean",
    rewrites=(
        Rewrite(
            ops.sum(ops.cast(x, dtype=half), **_where), ops.cast(ops.sum(x, **_where), dtype=half)
        ),
        Rewrite(
            ops.mean(ops.cast(x, dtype=half), **_where), ops.cast(ops.mean(x, **_where), dtype=half)
        ),
    ),
    contract=Exact(),
    scope=Scope.LOSS,
    when=all_of(dtype_in("half", HALVES), is_float("x")),
    message="this sum is taken in half precision: it overflows or stops growing",
    why=(
        "float16 ends at 65504: the mean of squares of errors of 300 is inf. bfloat16 has 8 bits: "
        "4096 ones that are added one by one make 256."
    ),
    breaks_at=(
        Limit("a sum above 65504, or of terms below 1/2048 of it", "float16"),
        Limit("terms below 1/256 of the sum", "bfloat16"),
    ),
    before="tf.reduce_sum(tf.cast(losses, tf.float16))",
    after="tf.cast(tf.reduce_sum(losses), tf.float16)",
    fix_safety="The same sum, in the wider format that x has; the result's format is kept.",
    when_not="When the sum is small and x is in half precision already.",
    source="Micikevicius et al., Mixed Precision Training, 2017, arXiv 1710.03740, section 3.3",
    symptoms=("half", "value"),
    domains={"x": Domain(-100.0, 100.0)},
)
