"""sqrt(x ** 2): the absolute value with a NaN gradient at 0."""

from __future__ import annotations

from lossfix.rules.conditions import varied
from lossfix.rules.contracts import Guarded
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import Var, ops

x = Var("x")

RULE = Rule(
    code="LF144",
    name="abs-for-sqrt-of-square",
    catalogue=("A44",),
    summary="sqrt(x ** 2) becomes abs(x)",
    rewrites=(Rewrite(ops.sqrt(ops.square(x)), ops.abs(x)),),
    contract=Guarded(
        singular="x = 0", convention="value 0 and gradient 0, as TensorFlow's abs has it"
    ),
    scope=Scope.LOSS,
    when=varied("x"),
    message="sqrt(x ** 2) has a NaN gradient at 0, and overflows where abs(x) does not",
    why=(
        "d sqrt(s)/ds is inf at s = 0 and ds/dx is 0 there; x ** 2 underflows below 1e-19 "
        "and overflows above 1.8e19."
    ),
    breaks_at=(
        Limit("x = 0"),
        Limit("|x| > 1.8e19"),
    ),
    before="tf.sqrt(tf.square(x))",
    after="tf.abs(x)",
    fix_safety="The same value; the gradient at 0 is 0 in TensorFlow.",
    when_not="Never.",
    source="PyTensor rewrite local_sqrt_sqr",
    symptoms=("nan", "gpu"),
    domains={"x": Domain(-1e15, 1e15, near=(0.0,))},
)
