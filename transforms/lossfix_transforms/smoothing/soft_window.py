"""cast(a and b): two conditions on the predictions, as a number."""

from __future__ import annotations

from lossfix.rules.conditions import BOOLEANS, INTEGERS, all_of, any_of, dtype_in, negated, varied
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.steps import weighs_a_gradient
from lossfix.rules.terms import AttrVar, Sharpness, Term, Var, ops
from lossfix_transforms.smoothing._kernels import SIGMOID

x, t, z, u = Var("x"), Var("t"), Var("z"), Var("u")
dtype = AttrVar("dtype")
_to_float = negated(dtype_in("dtype", INTEGERS | BOOLEANS))


def _joined(first: Term, second: Term) -> tuple[Rewrite, ...]:
    """Both, as a product; at least one, as what the product of the opposites leaves."""
    one, other = ops.sigmoid(Sharpness() * (x - t)), ops.sigmoid(Sharpness() * (u - z))
    both, either = ops.logical_and(first, second), ops.logical_or(first, second)
    product, rest = one * other, 1 - (1 - one) * (1 - other)
    return (
        Rewrite(ops.cast(both, dtype=dtype), product, _to_float),
        Rewrite(ops.cast(either, dtype=dtype), rest, _to_float),
        Rewrite(ops.where(both, 1, 0), product),
        Rewrite(ops.where(either, 1, 0), rest),
    )


RULE = Rule(
    code="LF226",
    name="soft-window",
    catalogue=("B26",),
    summary="cast((x > a) & (x < b)) becomes a product of two sigmoids",
    rewrites=(*_joined(x > t, z < u), *_joined(x >= t, z <= u)),
    contract=SIGMOID,
    scope=Scope.LOSS,
    when=all_of(
        any_of(varied("x"), varied("t")),
        any_of(varied("z"), varied("u")),
        negated(weighs_a_gradient),
    ),
    message="two hard conditions on the predictions, as a number, have no gradient",
    why=(
        "The derivative of a step is 0 off its threshold; that of a window is 0 off both edges. "
        "A product of two sigmoids is the smooth `and`, one less the product of the opposites "
        "the smooth `or`."
    ),
    before="tf.cast((y_pred > 0.2) & (y_pred < 0.8), tf.float32)",
    after="tf.sigmoid(10.0 * (y_pred - 0.2)) * tf.sigmoid(10.0 * (0.8 - y_pred))",
    fix_safety=(
        "Another loss near the edges. A window that is narrower than 10 / k never reaches 1: "
        "choose a k above that (--sharpness)."
    ),
    when_not="When the window is a mask on purpose: wrap it in stop_gradient to say so.",
    source="SoftJAX, arXiv 2603.08824",
    domains={
        "x": Domain(-2.0, 3.0, near=(0.5,)),
        "t": Domain(0.5, 0.5, shape=()),
        "z": Domain(-2.0, 3.0, near=(0.75,)),
        "u": Domain(0.75, 0.75, shape=()),
    },
    priority=3,
    scale_of="x",
)
