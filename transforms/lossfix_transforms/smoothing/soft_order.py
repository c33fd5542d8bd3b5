"""cast(a > b) of two predictions: an order, counted."""

from __future__ import annotations

from lossfix.rules.conditions import BOOLEANS, INTEGERS, all_of, dtype_in, negated, varied
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Kernel, Rule, Scope
from lossfix.rules.steps import tilts
from lossfix.rules.terms import AttrVar, Sharpness, Var, ops
from lossfix.rules.usage import is_counted
from lossfix_transforms.smoothing._kernels import (
    FINITE,
    KEEPS_THE_VALUE,
    SIGMOID,
    SMOOTHSTEP,
    STRAIGHT,
    SURROGATE,
    smoothstep,
    straight_through,
)

x, t = Var("x"), Var("t")
dtype = AttrVar("dtype")
_wins = tuple(ops.cast(above, dtype=dtype) for above in (x > t, x >= t))
_margin = Sharpness() * (x - t)

RULE = Rule(
    code="LF219",
    name="soft-order",
    catalogue=("B19",),
    summary="cast(a > b) of two predictions becomes sigmoid(k * (a - b))",
    rewrites=tuple(Rewrite(win, ops.sigmoid(_margin)) for win in _wins),
    contract=SIGMOID,
    scope=Scope.LOSS,
    when=all_of(
        varied("x"),
        varied("t"),
        negated(dtype_in("dtype", INTEGERS | BOOLEANS)),
        negated(tilts),
        is_counted,
    ),
    message="a count of pairs in the right order has no gradient",
    why=(
        "Whether one score is above another is a step of their difference, whose gradient is "
        "None: an area under the curve, counted like this, does not train."
    ),
    before="tf.reduce_mean(tf.cast(positive > negative, tf.float32))",
    after="tf.reduce_mean(tf.sigmoid(10.0 * (positive - negative)))",
    fix_safety=(
        "Another loss for pairs within 5 / k of each other. k is yours to choose (--sharpness)."
    ),
    when_not=(
        "When the comparison chooses pairs, as in the mining of hard negatives: a factor of "
        "something that trains is left alone."
    ),
    source="Yan et al. 2003, Optimizing classifier performance via the Wilcoxon-Mann-Whitney "
    "statistic, ICML",
    domains={"x": Domain(-2.0, 3.0, near=(0.5,)), "t": Domain(0.5, 0.5, shape=())},
    priority=1,
    scale_of="x",
    kernel="sigmoid",
    kernels=(
        Kernel(
            name="smoothstep",
            contract=SMOOTHSTEP,
            rewrites=tuple(Rewrite(win, smoothstep(_margin)) for win in _wins),
            words=FINITE,
        ),
        Kernel(
            name=STRAIGHT,
            contract=SURROGATE,
            rewrites=tuple(
                Rewrite(win, straight_through(win, ops.sigmoid(_margin))) for win in _wins
            ),
            words=KEEPS_THE_VALUE,
        ),
    ),
)
