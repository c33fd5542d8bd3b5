"""Conditions of rules: whether a value can be 0, and what kind of sum or measure it is."""

from __future__ import annotations

from lossfix.graph.conventions import role_of, speaks_of_prediction
from lossfix.graph.express import is_shape
from lossfix.graph.nodes import CONST, INPUT, JOIN, OPAQUE, Node, Role
from lossfix.rules.operands import factors, operands
from lossfix.rules.pattern import Condition, Match
from lossfix.rules.structure import VIEWS, is_one, stripped


def zero_is_real(name: str) -> Condition:
    """The value is 0 at some prediction, and not only where an exponential has underflowed."""
    return lambda match: _zero_is_real(match.values[name], match, {})


def _zero_is_real(node: Node, match: Match, known: dict[int, bool]) -> bool:
    if id(node) not in known:
        known[id(node)] = True  # a loop's own value, met again below
        known[id(node)] = _is_real(node, match, known)
    return known[id(node)]


def _is_real(node: Node, match: Match, known: dict[int, bool]) -> bool:
    if node.op in ("exp", "expm1", "softplus"):
        return False
    if node.op in ("div", "divide_no_nan"):
        return match.facts.interval(node.args[0]).holds(0.0) and _zero_is_real(
            node.args[0], match, known
        )
    if node.op == "pow":
        return match.facts.interval(node.args[1]).low >= 0.0 and _zero_is_real(
            node.args[0], match, known
        )
    if node.op in ("sum", "mean"):
        weights = _weights_of_exponentials(node.args[0])
        if weights:
            ranges = match.facts.ranges()
            return any(
                _zero_is_real(w, match, known) and ranges.throughout(w, 0.0) for w in weights
            )
    if node.op in ("square", "abs") and _is_off_zero(stripped(node.args[0]), match):
        return False
    if node.op in ("add", "sum", "mean", "max", "min", "sqrt", "square", "abs", *VIEWS):
        return all(_zero_is_real(arg, match, known) for arg in node.args)
    if node.op in ("mul", JOIN):
        return any(
            match.facts.interval(arg).holds(0.0) and _zero_is_real(arg, match, known)
            for arg in node.args
        )
    return True


def _is_off_zero(node: Node, match: Match) -> bool:
    """Something and a number: what else is 0 there by chance, unless its range ends there."""
    parts = operands(node)
    offset = any(part.node.op == CONST and part.node.value for part in parts)
    return len(parts) > 1 and offset and not match.facts.interval(node).bounded


def _weights_of_exponentials(node: Node) -> list[Node]:
    """The other factors of a product with an exponential; none where there is no such thing."""
    parts = [factor.node for factor in factors(stripped(node))[1] if not factor.inverse]
    others = [part for part in parts if part.op != "exp"]
    return others if len(others) < len(parts) else []


_SUMS = frozenset("sum mean count_nonzero norm euclidean_norm std variance".split())


def is_total(name: str) -> Condition:
    """A sum, a count, a norm or an average of tensors, or a sum, product or root of such."""

    return lambda match: _is_total(match.values[name], {})


def _is_total(node: Node, known: dict[int, bool]) -> bool:
    node = stripped(node)
    if id(node) not in known:
        known[id(node)] = False  # a loop's own value, met again below
        known[id(node)] = _adds_up(node, known)
    return known[id(node)]


def _adds_up(node: Node, known: dict[int, bool]) -> bool:
    if node.op == OPAQUE and node.name == "[]":
        return _is_total(node.args[0], known)
    if node.op in _SUMS:
        return not is_shape(stripped(node.args[0]))
    if node.op in ("mul", "add"):
        return any(_is_total(arg, known) for arg in node.args) and all(
            _is_total(arg, known) or arg.op == CONST for arg in node.args
        )
    if node.op in ("sqrt", "square"):
        return _is_total(node.args[0], known)
    if node.op == "where":  # a root that was guarded, or its argument
        return _is_total(node.args[1], known) and node.args[2].op == CONST
    return node.op == JOIN and bool(node.args) and all(_is_total(arg, known) for arg in node.args)


def is_bent(name: str) -> Condition:
    """A square, a magnitude, an activation that ends at 0, an average of one, or one less that."""
    return lambda match: _is_bent(match.values[name])


def _is_bent(node: Node) -> bool:
    node = stripped(node)
    if node.op == "sub" and is_one(node.args[0]):
        return _is_share(stripped(node.args[1]))
    if node.op in ("square", "abs") and _says_nothing(node.args[0]):
        return False
    return node.op in ("square", "abs", "relu") or _is_share(node)


def _says_nothing(node: Node) -> bool:
    """A parameter, or a part of one, that no name calls a prediction or a label: a spacing, say."""
    node = stripped(node)
    while node.op == OPAQUE and node.name == "[]":
        node = stripped(node.args[0])
    return (
        node.op == INPUT
        and role_of(node.name, False) is Role.PREDICTION
        and not (speaks_of_prediction(node.name))
    )


def _is_share(node: Node) -> bool:
    while node.op in ("mean", *VIEWS):
        node = stripped(node.args[0])
    return node.op in ("sigmoid", "softmax", "one_hot")


def is_partition(name: str) -> Condition:
    """A sum of a softmax, which is 1 along its axis, and never 0."""

    def holds(match: Match) -> bool:
        whole = stripped(match.values[name])
        return whole.op in ("sum", "mean") and stripped(whole.args[0]).op == "softmax"

    return holds


def is_never_empty(name: str) -> Condition:
    """The total of a mask of sequences that have one step at least, as their lengths say."""

    def holds(match: Match) -> bool:
        whole = stripped(match.values[name])
        mask = stripped(whole.args[0]) if whole.op in ("sum", "mean") else whole
        if mask.op != OPAQUE or mask.name.rpartition(".")[2] != "sequence_mask":
            return False
        parts = operands(stripped(mask.args[0])) if mask.args else ()
        return any(part.node.op == CONST and not part.negative for part in parts)

    return holds
