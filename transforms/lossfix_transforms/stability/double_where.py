"""where(x > t, f(x), y): the branch that is not taken has a NaN gradient."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, any_of, may_be_zero, may_go_below, nonnegative, settled
from lossfix.rules.contracts import Guarded
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import Apply, Term, Var, ops

x, t, y, a = Var("x"), Var("t"), Var("y"), Var("a")


def _guarded(singular: Term) -> Term:
    """`singular` with its argument made safe where the condition does not hold."""
    return _substituted(singular, ops.where(x > t, x, 1.0))


def _substituted(term: Term, value: Term) -> Term:
    if isinstance(term, Apply):
        args = tuple(value if arg == x else _substituted(arg, value) for arg in term.args)
        return Apply(term.op, args, term.attrs)
    return term


_SINGULAR: tuple[Term, ...] = (ops.log(x), ops.sqrt(x), a / x, a * ops.log(x), x * ops.log(x))

RULE = Rule(
    code="LF165",
    name="double-where",
    catalogue=("A65",),
    summary="where(x > t, f(x), y) gets a second where inside f",
    rewrites=tuple(
        Rewrite(ops.where(x > t, singular, y), ops.where(x > t, _guarded(singular), y))
        for singular in _SINGULAR
    ),
    contract=Guarded(
        singular="x outside the condition, where f has no finite value or slope",
        convention="value y, and no gradient through f",
    ),
    scope=Scope.LOSS,
    when=all_of(settled("t"), nonnegative("t"), any_of(may_be_zero("x"), may_go_below("x", 0.0))),
    message=(
        "the gradient is NaN where the condition does not hold: the branch that is not "
        "taken is differentiated too"
    ),
    why=(
        "The backward pass multiplies the gradient of the branch that was not taken by 0, "
        "and 0 * inf is NaN. TensorFlow on a CPU hides it for sqrt, and XLA does not: such "
        "a loss trains on a laptop and goes NaN on the GPU."
    ),
    breaks_at=(Limit("x <= 0"),),
    before="tf.where(x > 0, tf.math.log(x), 0.0)",
    after="tf.where(x > 0, tf.math.log(tf.where(x > 0, x, 1.0)), 0.0)",
    fix_safety="The same value everywhere, and the same gradient where the condition holds.",
    when_not="Never: the inner where changes only what is thrown away.",
    source="tensorflow issue 38349; JAX FAQ, gradients contain NaN where using where",
    symptoms=("nan", "gpu"),
    domains={
        "x": Domain(-10.0, 10.0, near=(0.0,)),
        "t": Domain(0.0, 2.0, near=(0.0,), shape=()),
        "y": Domain(-5.0, 5.0),
        "a": Domain(-5.0, 5.0),
    },
    priority=2,
)
