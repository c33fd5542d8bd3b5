"""stop_gradient(x) + (round(x) - stop_gradient(x)): straight through, with the wrong x stopped."""

from __future__ import annotations

from lossfix.rules.conditions import varied
from lossfix.rules.contracts import StraightThrough
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import Var, ops

x = Var("x")
_held = ops.stop_gradient(x)
_STEPS = (ops.round(x), ops.floor(x), ops.sign(x))

RULE = Rule(
    code="LF318",
    name="straight-through-typo",
    catalogue=("C18",),
    summary="stop_gradient(x) + (round(x) - stop_gradient(x)) becomes x + stop_gradient(...)",
    rewrites=tuple(
        Rewrite(_held + (step - _held), x + ops.stop_gradient(step - x)) for step in _STEPS
    ),
    contract=StraightThrough(surrogate="the identity"),
    scope=Scope.LOSS,
    when=varied("x"),
    message="this straight-through estimator stops the gradient on every way: it is None",
    why=(
        "The x outside must stay open and the difference be stopped; here it is the other way "
        "round, and what is left open is the step, whose gradient is None or 0."
    ),
    before="tf.stop_gradient(x) + (tf.round(x) - tf.stop_gradient(x))",
    after="x + tf.stop_gradient(tf.round(x) - x)",
    fix_safety="The same value; the backward pass is that of the identity.",
    when_not="When |x| is above 1e7: the difference is then rounded away.",
    source="Bengio, Leonard, Courville 2013, arXiv 1308.3432",
    domains={"x": Domain(-50.0, 50.0)},
    priority=3,
)
