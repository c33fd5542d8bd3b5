"""exp(log(x)), log(exp(x)), exp(log(x) - log(y)): a function and its inverse."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, any_of, has, negated, varied
from lossfix.rules.contracts import Exact
from lossfix.rules.nature import is_activation
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Limit, Rule, Scope
from lossfix.rules.terms import Var, ops

x, y, p = Var("x"), Var("y"), Var("p")
_plain = negated(any_of(is_activation("p"), all_of(has("y"), is_activation("y"))))

RULE = Rule(
    code="LF135",
    name="undone-function",
    catalogue=("A31", "A35"),
    summary="exp(log(x)), log(exp(x)) and atanh(tanh(x)) become x; exp(log(x) - log(y)) x / y",
    rewrites=(
        Rewrite(ops.exp(ops.log(p) - ops.log(y)), p / y, _plain),
        Rewrite(ops.exp(ops.log(p) + ops.log(y)), p * y, _plain),
        Rewrite(ops.exp(ops.log(p)), p, _plain),
        Rewrite(ops.log(ops.exp(x)), x),
        Rewrite(ops.atanh(ops.tanh(x)), x),
        Rewrite(0.5 * ops.log((1 + ops.tanh(x)) / (1 - ops.tanh(x))), x),
    ),
    contract=Exact(),
    scope=Scope.LOSS,
    when=any_of(all_of(has("x"), varied("x")), all_of(has("p"), varied("p"))),
    message="one function undoes the other here, at the price of an overflow or a NaN gradient",
    why=(
        "log(exp(x)) is inf above 88.7 in float32, atanh(tanh(x)) from 9 on; exp(log(x)) has the "
        "gradient 0 * inf = NaN at x = 0, where a quotient has none of that."
    ),
    breaks_at=(
        Limit("x = 0 for exp(log(x)), x > 88.7 for log(exp(x)), |x| > 9 for atanh(tanh(x))"),
        Limit("x > 11.1 for log(exp(x)), |x| > 4.2 for atanh(tanh(x))", "float16"),
    ),
    before="tf.exp(tf.math.log(a) - tf.math.log(b))",
    after="a / b",
    fix_safety="The same function over the reals, where the original has a value.",
    when_not="A ratio of probabilities that are kept as logarithms should stay one of those.",
    source="PyTensor rewrite local_exp_log",
    domains={
        "x": Domain(-60.0, 60.0, near=(0.0,)),
        "p": Domain(1e-9, 1e6, near=(1.0,)),
        "y": Domain(1e-9, 1e6, near=(1.0,)),
    },
    priority=1,
)
