"""one_hot(argmax(x)): a choice, with no gradient anywhere."""

from __future__ import annotations

from lossfix.rules.called import is_target
from lossfix.rules.conditions import all_of, any_of, negated, varied
from lossfix.rules.contracts import Relaxed, StraightThrough
from lossfix.rules.pattern import Match, Rewrite
from lossfix.rules.rule import Domain, Kernel, Rule, Scope
from lossfix.rules.steps import weighs_a_gradient
from lossfix.rules.terms import AttrVar, Sharpness, Var, ops
from lossfix.rules.usage import is_straight_through
from lossfix_transforms.smoothing._kernels import KEEPS_THE_VALUE, STRAIGHT, straight_through

x = Var("x")
axis = AttrVar("last_axis")
_chosen = ops.one_hot(
    ops.argmax(x, axis=axis, output_type=AttrVar("output_type")),
    depth=AttrVar("depth"),
    axis=AttrVar("hot_axis"),
    dtype=AttrVar("dtype"),
)
_shares = ops.softmax(Sharpness() * x, axis=axis)


def _along_the_last_axis(match: Match) -> bool:
    return match.attrs["last_axis"] in (-1, 1) and match.attrs["hot_axis"] in (None, -1)


RULE = Rule(
    code="LF216",
    name="soft-one-hot",
    catalogue=("B16",),
    summary="one_hot(argmax(x)) becomes softmax(k * x)",
    rewrites=(Rewrite(_chosen, _shares),),
    contract=Relaxed(error="within (n - 1) * exp(-k * gap) of the choice among n scores"),
    scope=Scope.LOSS,
    when=all_of(
        varied("x"),
        negated(any_of(weighs_a_gradient, is_target, is_straight_through)),
        _along_the_last_axis,
    ),
    message="the one-hot choice of the largest prediction has no gradient",
    why=(
        "The gradient of argmax is None, and so is that of one_hot: nothing that reaches the "
        "loss by way of the choice trains. A softmax tends to the choice as k grows."
    ),
    before="tf.one_hot(tf.argmax(y_pred, axis=-1), 10)",
    after="tf.nn.softmax(10.0 * y_pred, axis=-1)",
    fix_safety=(
        "Another loss where two scores are close: what was one class is a share of each. k is "
        "yours to choose (--sharpness); where k * gap is above 88 in float32 there is no gradient."
    ),
    when_not=(
        "When the choice only selects, as in one_hot(argmax(q)) * q: that product trains and is "
        "left alone. For samples of classes use Gumbel-softmax."
    ),
    source="Jang, Gu, Poole 2017, arXiv 1611.01144",
    domains={"x": Domain(-2.0, 2.0, distinct=True)},
    priority=1,
    scale_of="x",
    kernel="softmax",
    kernels=(
        Kernel(
            name=STRAIGHT,
            contract=StraightThrough(surrogate="that of the softmax", sharpness=10.0),
            rewrites=(Rewrite(_chosen, straight_through(_chosen, _shares)),),
            words=KEEPS_THE_VALUE,
        ),
    ),
)
