"""floor(x), ceil(x): a staircase, with no gradient anywhere."""

from __future__ import annotations

from collections.abc import Callable

from lossfix.rules.conditions import all_of, carries, negated, varied
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Kernel, Rule, Scope
from lossfix.rules.terms import Bind, Sharpness, Term, Var, ops
from lossfix.rules.usage import is_only_with
from lossfix_transforms.smoothing._kernels import (
    FINITE,
    IDENTITY,
    KEEPS_THE_VALUE,
    SIGMOID,
    SMOOTHSTEP,
    STRAIGHT,
    passed_through,
    smoothstep,
)

x = Var("x")
nearest = Bind("nearest", ops.stop_gradient(ops.round(x)))
_floor, _ceil = ops.floor(x), ops.ceil(x)


def _rewrites(step: Callable[[Term], Term]) -> tuple[Rewrite, ...]:
    rise = step(Sharpness() * (x - nearest))
    return (Rewrite(_floor, nearest - 1 + rise), Rewrite(_ceil, nearest + rise))


RULE = Rule(
    code="LF205",
    name="soft-floor",
    catalogue=("B05",),
    summary="floor(x) and ceil(x) become a sigmoid at each whole number",
    rewrites=_rewrites(ops.sigmoid),
    contract=SIGMOID,
    scope=Scope.LOSS,
    when=all_of(varied("x"), carries, negated(is_only_with("x"))),
    message="floor and ceil have no gradient, so nothing that goes through them trains",
    why=(
        'TensorFlow gives None for the gradient of floor and ceil: fit raises "No gradients '
        'provided for any variable", or trains silently on the other terms of the loss.'
    ),
    before="tf.floor(y_pred)",
    after="nearest = tf.stop_gradient(tf.round(y_pred)); "
    "nearest - 1 + tf.sigmoid(10.0 * (y_pred - nearest))",
    fix_safety="Another loss near the whole numbers. k is yours to choose (--sharpness).",
    when_not=(
        "For the fractional part, x - floor(x): its gradient, 1, is right almost everywhere, and "
        "it is left alone. Where the forward pass must stay whole: the kernel straight-through."
    ),
    source="SoftJAX, arXiv 2603.08824",
    domains={"x": Domain(-2.5, 2.5, near=(-2.0, -1.0, 0.0, 1.0, 2.0))},
    kernel="sigmoid",
    kernels=(
        Kernel(
            name="smoothstep",
            contract=SMOOTHSTEP,
            rewrites=_rewrites(smoothstep),
            words=FINITE,
        ),
        Kernel(
            name=STRAIGHT,
            contract=IDENTITY,
            rewrites=tuple(Rewrite(b, passed_through(b, x)) for b in (_floor, _ceil)),
            words=KEEPS_THE_VALUE,
        ),
    ),
)
