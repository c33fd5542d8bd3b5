"""cast(equal(a, b)) of predictions: an event that never happens."""

from __future__ import annotations

from lossfix.rules.conditions import all_of, any_of, is_float, varied
from lossfix.rules.contracts import Diagnosis
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import AttrVar, Var, ops
from lossfix.rules.usage import is_counted

x, y = Var("x"), Var("y")

RULE = Rule(
    code="LF224",
    name="equality",
    catalogue=("B24",),
    summary="reports cast(equal(x, y)) of predictions that is counted in a loss",
    rewrites=(
        Rewrite(ops.cast(ops.equal(x, y), dtype=AttrVar("dtype"))),
        Rewrite(ops.cast(ops.not_equal(x, y), dtype=AttrVar("dtype"))),
    ),
    contract=Diagnosis(),
    scope=Scope.LOSS,
    when=all_of(any_of(varied("x"), varied("y")), is_float("x"), is_float("y"), is_counted),
    message="whether a prediction equals a number is no loss: it has no gradient",
    why=(
        "Two floating-point numbers that a network computes are hardly ever equal, and the "
        "gradient of the comparison is None. A bump, exp(-(k * (x - y)) ** 2), tells how near "
        "they are; a distance trains better still."
    ),
    before="tf.reduce_mean(tf.cast(tf.equal(y_pred, y_true), tf.float32))",
    after="",
    fix_safety="Nothing is changed: how near is near enough is the author's choice.",
    when_not="When the comparison only chooses entries: a factor of what trains is left alone.",
    source="SoftJAX, arXiv 2603.08824",
    domains={"x": Domain(0.0, 1.0), "y": Domain(0.0, 1.0)},
)
