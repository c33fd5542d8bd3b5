"""where(x > t, y, 0): a gate on the predictions whose condition has no gradient."""

from __future__ import annotations

from collections.abc import Callable

from lossfix.rules.conditions import all_of, any_of, negated, varied
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Kernel, Rule, Scope
from lossfix.rules.steps import jumps, one_settled, shields_branch
from lossfix.rules.terms import Sharpness, Term, Var, ops
from lossfix_transforms.smoothing._kernels import FINITE, SIGMOID, SMOOTHSTEP, smoothstep

x, t, y = Var("x"), Var("t"), Var("y")


def _gates(condition: Term, step: Callable[[Term], Term]) -> tuple[Rewrite, ...]:
    """The gate that lets `y` through above the threshold, and the one below it."""
    return (
        Rewrite(ops.where(condition, y, 0), step(Sharpness() * (x - t)) * y),
        Rewrite(ops.where(condition, 0, y), step(Sharpness() * (t - x)) * y),
    )


def _rewrites(step: Callable[[Term], Term]) -> tuple[Rewrite, ...]:
    return (*_gates(ops.greater(x, t), step), *_gates(ops.greater_equal(x, t), step))


RULE = Rule(
    code="LF203",
    name="soft-gate",
    catalogue=("B03",),
    summary="where(x > t, y, 0) becomes sigmoid(k * (x - t)) * y",
    rewrites=_rewrites(ops.sigmoid),
    contract=SIGMOID,
    scope=Scope.LOSS,
    when=all_of(
        any_of(varied("x"), varied("t")),
        one_settled("x", "t"),
        jumps,
        negated(shields_branch),
    ),
    message="a hard gate on the predictions: no gradient flows through its condition",
    why=(
        "where is differentiable in its branches and not in its condition: the loss cannot "
        "learn to move a prediction across the threshold, and jumps when one crosses it."
    ),
    before="tf.where(y_pred > 0.5, y_true - y_pred, 0.0)",
    after="tf.sigmoid(10.0 * (y_pred - 0.5)) * (y_true - y_pred)",
    fix_safety=(
        "Another loss near the threshold. The soft gate adds a gradient of its own, k * s * "
        "(1 - s) * y, which is large near the threshold for a large k. k is yours to choose "
        "(--sharpness)."
    ),
    when_not=(
        "When the gate is a mask on purpose: wrap its condition in stop_gradient to say so. "
        "Never with 1 - sigmoid: that turns the gate upside down."
    ),
    source="Petersen et al. 2021, arXiv 2110.05651; SoftJAX, arXiv 2603.08824",
    symptoms=("stuck",),
    domains={
        "x": Domain(-2.0, 3.0, near=(0.5,)),
        "t": Domain(0.5, 0.5, shape=()),
        "y": Domain(-3.0, 3.0),
    },
    priority=1,
    scale_of="x",
    kernel="sigmoid",
    kernels=(
        Kernel(
            name="smoothstep",
            contract=SMOOTHSTEP,
            rewrites=_rewrites(smoothstep),
            words=FINITE,
        ),
    ),
)
