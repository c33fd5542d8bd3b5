"""Conditions of rules: what kind of value a variable stands for, whatever it is computed from."""

from __future__ import annotations

import ast
import re

from lossfix.graph.conventions import words
from lossfix.graph.express import is_random
from lossfix.graph.facts import Facts
from lossfix.graph.nodes import CONST, INPUT, OPAQUE, Node, Role
from lossfix.rules.operands import factors, operands
from lossfix.rules.pattern import Condition, Match
from lossfix.rules.structure import LARGEST_GUARD, stripped


def is_activation(name: str) -> Condition:
    """A softmax, a sigmoid, its complement, or one with a guard: its log has a form of its own."""

    def holds(match: Match) -> bool:
        parts = operands(stripped(match.values[name]))
        return any(stripped(part.node).op in ("softmax", "sigmoid") for part in parts)

    return holds


def is_chosen(name: str) -> Condition:
    """A value that a `where` has chosen: its bad points are taken out already."""
    return lambda match: stripped(match.values[name]).op == "where"


def is_label(name: str) -> Condition:
    """What the loss is given as the truth, as it is or in another shape."""

    def holds(match: Match) -> bool:
        node = stripped(match.values[name])
        return node.op == INPUT and match.facts.role(node) is Role.LABEL

    return holds


def is_weight(name: str) -> Condition:
    """A weight of the model by itself, or its norm: begun at random, it is never exactly 0.

    Nor is one that begins at what a call computed of numbers, as a rotation is.
    """

    def holds(match: Match) -> bool:
        node = stripped(match.values[name])
        while node.op in ("norm", "euclidean_norm", "sqrt", "sum", "square"):
            node = stripped(node.args[0])
        return all(_is_weight(stripped(source)) for _, source in match.facts.sources(node))

    return holds


def _is_weight(node: Node) -> bool:
    code = node.origin.code if node.origin is not None else None
    if isinstance(code, ast.Subscript) and isinstance(code.value, ast.Name):
        return bool({"variables", "parameters", "params"} & set(words(code.value.id)))
    if node.op != "variable" and node.name.rpartition(".")[2] not in _VARIABLES:
        return False
    if any(part.op == OPAQUE and is_random(part.name) for part in node.walk()):
        return True
    start = stripped(node.args[0]) if node.op == "variable" else node
    return start is not node and start.op == OPAQUE and not _ZEROS.search(start.name)


def begins_at_zero(name: str) -> Condition:
    """What is trained and begins in a range that ends at 0, with a guard added or without: no
    guard keeps such a value from where training takes it."""

    def holds(match: Match) -> bool:
        parts = [part.node for part in operands(stripped(match.values[name]))]
        trained = [part for part in parts if part.op != CONST]
        if len(trained) != 1 or not all(map(_is_slight, parts)):
            return False
        return any(_starts_at_zero(*source) for source in match.facts.sources(trained[0]))

    return holds


def _is_slight(node: Node) -> bool:
    """No number that is larger than a guard."""
    return not isinstance(node.value, (int, float)) or abs(node.value) <= LARGEST_GUARD


def _starts_at_zero(facts: Facts, node: Node) -> bool:
    if node.op != "variable" and node.name.rpartition(".")[2] not in _VARIABLES:
        return False
    drawn = [arg for arg in node.args if arg.op == OPAQUE and is_random(arg.name)]
    return any(facts.interval(arg).low == 0.0 for arg in drawn)


_ZEROS = re.compile(r"zeros\w*$")
_VARIABLES = frozenset({"Variable", "get_variable", "add_weight"})


def is_sum_of_shares(name: str) -> Condition:
    """A sum or mean of a softmax or of sigmoids: 0 only where every one of them is."""

    def holds(match: Match) -> bool:
        node = stripped(match.values[name])
        return node.op in ("sum", "mean") and stripped(node.args[0]).op in ("softmax", "sigmoid")

    return holds


def is_huge(name: str, limit: float) -> Condition:
    """A number whose size is at least `limit`."""

    def holds(match: Match) -> bool:
        value = match.values[name].value
        known = isinstance(value, (int, float)) and not isinstance(value, bool)
        return known and abs(float(value or 0)) >= limit

    return holds


def in_half_precision(match: Match) -> bool:
    """A cast above the value makes it float16."""
    return match.facts.ranges().format_of(match.root).name == "float16"


def is_sum_of_squares(node: Node) -> bool:
    """|x|^2 along an axis, in whatever shape."""
    node = stripped(node)
    return node.op == "sum" and stripped(node.args[0]).op == "square"


def is_product_of_matrices(node: Node) -> bool:
    """x @ y, or a call of the framework that multiplies matrices."""
    node = stripped(node)
    tail = node.name.rpartition(".")[2]
    return node.op == "matmul" or (
        node.op == OPAQUE and tail in ("matmul", "einsum", "tensordot", "batch_dot", "dot")
    )


def has_factor(node: Node, value: float) -> bool:
    """Whether a product, or the first operand of a product of matrices, has that number in it."""
    node = stripped(node)
    first = node.args[0] if is_product_of_matrices(node) and node.args else node
    return any(f.node.op == CONST and f.node.value == value for f in factors(first)[1])
