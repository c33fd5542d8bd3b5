"""log(det(S)): a determinant is a product, and leaves the range of the format."""

from __future__ import annotations

from lossfix.rules.contracts import Diagnosis
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Limit, Rule
from lossfix.rules.terms import Var, ops

x = Var("x")

RULE = Rule(
    code="LF156",
    name="log-determinant",
    catalogue=("A56",),
    summary="log(det(S)), which under- or overflows where its logarithm does not",
    rewrites=(Rewrite(ops.log(ops.det(x))), Rewrite(ops.log(ops.abs(ops.det(x))))),
    contract=Diagnosis(),
    message="this determinant is 0 or inf in float32 long before its logarithm is large",
    why=(
        "A determinant is a product of pivots: that of 1e-4 times the identity of order 10 is "
        "1e-40, which is 0 in float32, and its logarithm -inf for -92.1. A singular matrix gives "
        "a NaN gradient or an exception."
    ),
    breaks_at=(Limit("det(S) < 1.2e-38 or > 3.4e38"), Limit("det(S) < 6e-8", "float16")),
    before="tf.math.log(tf.linalg.det(covariance))",
    after="",
    fix_safety=(
        "Nothing is changed: tf.linalg.slogdet gives the sign apart, and tf.linalg.logdet is right "
        "for a symmetric positive definite matrix alone. Which it is only the author knows."
    ),
    when_not="For matrices of order 2 or 3 with entries of about 1.",
    source="TensorFlow documentation of tf.linalg.slogdet",
)
