"""clip(exp(z)) / sum(exp(z)): a softmax that is clipped in its numerator alone."""

from __future__ import annotations

from lossfix.rules.contracts import Meaning
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import AttrVar, Var, ops

z, low, high = Var("z"), Var("low"), Var("high")
axis = AttrVar("one_axis")

RULE = Rule(
    code="LF425",
    name="half-clipped-softmax",
    catalogue=("D25",),
    summary="clip(exp(z)) / sum(exp(z)) becomes softmax(z)",
    rewrites=tuple(
        Rewrite(
            numerator / ops.sum(ops.exp(z), axis=axis, keepdims=True),
            ops.softmax(z, axis=axis),
            meant=ops.exp(z) / ops.sum(ops.exp(z), axis=axis, keepdims=True),
        )
        for numerator in (ops.clip(ops.exp(z), low, high), ops.exp(ops.clip(z, low, high)))
    ),
    contract=Meaning(
        changes="the shares sum to 1, and overflow does not make them NaN",
        keeps="the shares that no bound touches",
    ),
    scope=Scope.LOSS,
    when=lambda match: match.attrs["one_axis"] is not None,
    message="the clip holds the numerator alone: the shares do not sum to 1, and overflow stays",
    why=(
        "The sum below still overflows where a logit passes 88.7 in float32, and what is "
        "clipped above is then divided by inf: 0 for every class. softmax needs no clip."
    ),
    before="tf.clip_by_value(tf.exp(z), 1e-10, 1e10) / "
    "tf.reduce_sum(tf.exp(z), -1, keepdims=True)",
    after="tf.nn.softmax(z)",
    fix_safety="The loss changes wherever a bound was touched, as a bug fix does.",
    when_not="Never.",
    source="Blanchard, Higham, Higham 2021, doi 10.1093/imanum/draa038",
    symptoms=("nan", "value"),
    domains={
        "z": Domain(-5.0, 5.0),
        "low": Domain(0.1, 0.1, shape=()),
        "high": Domain(20.0, 20.0, shape=()),
    },
    priority=2,
)
