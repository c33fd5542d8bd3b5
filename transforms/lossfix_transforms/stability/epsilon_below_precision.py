"""clip(p, 1e-8, 1 - 1e-8): in float32 the upper end is 1."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, varied
from lossfix.rules.contracts import Meaning
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.structure import is_complemented, rounds_to_one
from lossfix.rules.terms import Var, ops

x, low, high, above = Var("x"), Var("low"), Var("high"), Var("above")
_LAST = 1 - 1e-7

RULE = Rule(
    code="LF169",
    name="epsilon-below-precision",
    catalogue=("A69", "A70"),
    summary="an upper end of 1 - 1e-8, which is 1 in float32, becomes 1 - 1e-7",
    rewrites=(
        Rewrite(
            ops.clip(x, low, high),
            ops.clip(x, low, _LAST),
            all_of(rounds_to_one("high"), is_complemented),
        ),
        Rewrite(
            ops.minimum(x, high),
            ops.minimum(x, _LAST),
            all_of(rounds_to_one("high"), is_complemented),
        ),
        Rewrite(above - x, (1 + 1e-7) - x, rounds_to_one("above"), as_written=True),
    ),
    contract=Meaning(
        changes="the guard takes effect: 1 less the value is never below 1e-7",
        keeps="value and gradient wherever the value is below 1 - 1e-7",
        equal_on=(("x", 0.0, 0.9), ("above", 1 + 1e-7, 1 + 1e-7)),
    ),
    scope=Scope.LOSS,
    when=varied("x"),
    message="this guard is below float32's precision: its upper end is exactly 1",
    why=(
        "The numbers next to 1 are 1 - 6e-8 and 1 + 1.2e-7 in float32, so 1 - 1e-8 is 1 and the "
        "guard is none: log(1 - p) is -inf at p = 1. In bfloat16 1 - 1e-3 is 1 already, in "
        "float16 1 - 1e-4."
    ),
    breaks_at=(
        Limit("an epsilon below 3e-8 beside 1"),
        Limit("an epsilon below 2e-3 beside 1", "bfloat16"),
        Limit("an epsilon below 2.4e-4 beside 1", "float16"),
    ),
    before="tf.clip_by_value(p, 1e-8, 1.0 - 1e-8)",
    after="tf.clip_by_value(p, 1e-8, 0.9999999)",
    fix_safety="The loss changes where the value is within 1e-7 of 1: it is finite there.",
    when_not=(
        "When the loss is computed in float64. In bfloat16 or float16 cast to float32 first, or "
        "take the epsilon from the dtype."
    ),
    source="keras issue 377; Higham, Accuracy and Stability of Numerical Algorithms, 2002, ch. 2",
    symptoms=("nan", "half"),
    domains={
        "x": Domain(0.0, 1.0, near=(1.0,)),
        "low": Domain(0.0, 0.0, shape=()),
        "high": Domain(1 - 1e-8, 1 - 1e-8, shape=()),
        "above": Domain(1 + 1e-8, 1 + 1e-8, shape=()),
    },
)
