"""np.f(tensor): NumPy computes it outside the graph."""

from __future__ import annotations

from lossfix.graph.vocabulary import NUMPY_TWINS, OPS
from lossfix.rules.conditions import all_of, carries, negated
from lossfix.rules.contracts import Exact
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import Apply, AttrVar, Term, Var
from lossfix.rules.usage import feeds_a_model, may_be_trained


def _twin(name: str) -> Rewrite:
    """NumPy's function of that name, and the framework's."""
    row = OPS[name]
    args: tuple[Term, ...] = tuple(Var(param) for param in row.params)
    attrs = tuple((attr, AttrVar(attr)) for attr in row.attrs)
    return Rewrite(Apply(f"np_{name}", args, attrs), Apply(name, args, attrs))


RULE = Rule(
    code="LF302",
    name="numpy-function",
    catalogue=("C02",),
    summary="np.f(x) becomes the framework's f(x)",
    rewrites=tuple(_twin(name) for name in NUMPY_TWINS),
    contract=Exact(),
    scope=Scope.LOSS,
    when=all_of(may_be_trained, carries, negated(feeds_a_model)),
    message=(
        "NumPy takes the predictions out of the graph: the gradient is None or partial, and "
        "model.fit raises"
    ),
    why=(
        "A NumPy function turns a tensor into an array. Eagerly, np.square(x) * x has the "
        "gradient x ** 2 instead of 3 * x ** 2; in a graph it raises NotImplementedError."
    ),
    before="np.log(y_pred)",
    after="tf.math.log(y_pred)",
    fix_safety=(
        "The same value, and a gradient where there was none. NumPy computes in float64 "
        "where the framework keeps float32."
    ),
    when_not="On labels, shapes and settings, which need no gradient: those are left alone.",
    source="TensorFlow guide, Introduction to gradients and automatic differentiation",
    symptoms=("no-gradient", "raises"),
    domains={
        **{name: Domain(0.1, 5.0) for name in ("x", "y")},
        "condition": Domain(0.0, 1.0),
        "low": Domain(0.0, 0.5, shape=()),
        "high": Domain(1.0, 2.0, shape=()),
    },
)
