"""A comparison as a number: a step, with no gradient anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lossfix.rules.called import is_mask_on_purpose, is_target
from lossfix.rules.conditions import BOOLEANS, INTEGERS, all_of, any_of, dtype_in, negated, varied
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Kernel, Rule, Scope
from lossfix.rules.steps import is_guard, meets, one_settled, tilts
from lossfix.rules.terms import AttrVar, Sharpness, Term, Var, ops
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
integer = AttrVar("integer")
_to_float = negated(dtype_in("dtype", INTEGERS | BOOLEANS))
_by_integer = all_of(_to_float, dtype_in("integer", INTEGERS))


def _steps(condition: Term, above: Term, step: Callable[[Term], Term]) -> tuple[Rewrite, ...]:
    """The spellings of a step at `above` = 0, up and down."""
    up, down = step(Sharpness() * above), step(-(Sharpness() * above))
    return (
        Rewrite(ops.cast(condition, dtype=dtype), up, _to_float),
        Rewrite(ops.cast(ops.cast(condition, dtype=integer), dtype=dtype), up, _by_integer),
        Rewrite(ops.where(condition, 1, 0), up),
        Rewrite(ops.where(condition, 0, 1), down),
    )


def _rewrites(step: Callable[[Term], Term]) -> tuple[Rewrite, ...]:
    return (
        *_steps(ops.greater(x, t), x - t, step),
        *_steps(ops.greater_equal(x, t), x - t, step),
    )


_SMOOTH = _rewrites(ops.sigmoid)
_STRAIGHT = tuple(
    replace(each, after=straight_through(each.before, each.after)) for each in _SMOOTH if each.after
)

RULE = Rule(
    code="LF201",
    name="soft-threshold",
    catalogue=("B01", "B02", "B06"),
    summary="cast(x > t) or where(x > t, 1, 0) becomes sigmoid(k * (x - t))",
    rewrites=_SMOOTH,
    contract=SIGMOID,
    scope=Scope.LOSS,
    when=all_of(
        any_of(varied("x"), varied("t")),
        one_settled("x", "t"),
        negated(any_of(tilts, meets, is_guard, is_target, is_mask_on_purpose)),
    ),
    message="a hard threshold on the predictions has no gradient",
    why=(
        "The derivative of a step is 0 off the threshold and undefined on it; TensorFlow "
        "gives None. Nothing that reaches the loss by way of this value trains."
    ),
    before="tf.cast(y_pred > 0.5, tf.float32)",
    after="tf.sigmoid(10.0 * (y_pred - 0.5))",
    fix_safety=(
        "Another loss near the threshold. k is yours to choose (--sharpness): a small one "
        "smooths more, a large one has no gradient beyond t + 17 / k in float32."
    ),
    when_not=(
        "When the step is a mask on purpose, such as hard example mining: wrap it in "
        "stop_gradient to say so."
    ),
    source="Petersen et al. 2021, arXiv 2110.05651; SoftJAX, arXiv 2603.08824",
    domains={
        "x": Domain(-2.0, 3.0, near=(0.5,)),
        "t": Domain(0.5, 0.5, shape=()),
    },
    priority=2,
    scale_of="x",
    kernel="sigmoid",
    kernels=(
        Kernel(
            name="smoothstep",
            contract=SMOOTHSTEP,
            rewrites=_rewrites(smoothstep),
            words=FINITE,
        ),
        Kernel(name=STRAIGHT, contract=SURROGATE, rewrites=_STRAIGHT, words=KEEPS_THE_VALUE),
    ),
)
