"""A Keras loss that returns one value an entry."""

from __future__ import annotations

from lossfix.graph.vocabulary import OPS
from lossfix.rules.conditions import all_of, at_root
from lossfix.rules.contracts import Meaning
from lossfix.rules.pattern import Match, Rewrite
from lossfix.rules.rule import Domain, Rule, Scope
from lossfix.rules.terms import Apply, Var, ops

_OPS = "square abs maximum where".split()
"""What measures an error entry by entry; any other value may be a prediction on its way."""


def _reduced(name: str) -> Rewrite:
    whole = Apply(name, tuple(Var(param) for param in OPS[name].params))
    meant = ops.sum(whole, axis=-1) / ops.sum(ops.ones_like(whole), axis=-1)
    return Rewrite(whole, ops.mean(whole, axis=-1), as_written=True, meant=meant)


def _is_whole(match: Match) -> bool:
    """A function's value, of the rank of its inputs: a Loss class reduces what `call` gives, and
    a loss that calls the function what the function gives."""
    origin = match.root.origin
    plain = origin is not None and origin.frame.owner is None and not match.facts.sites
    return (
        plain
        and match.facts.ranks.offset(match.root) == 0
        and not match.facts.ranks.column(match.root)
    )


RULE = Rule(
    code="LF407",
    name="unreduced",
    catalogue=("D07",),
    summary="a Keras loss that returns one value an entry averages its last axis",
    rewrites=tuple(map(_reduced, _OPS)),
    contract=Meaning(
        changes="one value a sample instead of one an entry",
        keeps="the loss and gradient of training without weights",
    ),
    scope=Scope.KERAS,
    when=all_of(at_root, _is_whole),
    message="this Keras loss returns one value an entry: with sample_weight it raises",
    why=(
        "Keras multiplies what the loss returns by sample_weight, one a sample. Of (2, 4) "
        "against (2,) it says ValueError, and of square shapes it weighs the wrong axis."
    ),
    before="tf.square(y_true - y_pred)",
    after="tf.reduce_mean(tf.square(y_true - y_pred), axis=-1)",
    fix_safety=(
        "Without weights the training is the same: Keras averages over everything. Called by "
        "hand, the function returns one value a sample."
    ),
    when_not="When the caller reduces the result, or wants it entry by entry.",
    source="Keras documentation, Losses: creating custom losses",
    symptoms=("weights", "raises"),
    domains={
        "x": Domain(0.1, 3.0),
        "y": Domain(0.1, 3.0),
        "condition": Domain(0.0, 1.0, near=(0.0, 1.0), integer=True),
    },
    priority=-1,
)
