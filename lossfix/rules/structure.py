"""Conditions of rules: what the values of a match are made of, and what they are used for."""

from __future__ import annotations

import ast
import re
import struct
from collections.abc import Container, Iterator, Sequence

from lossfix.graph.express import is_shape
from lossfix.graph.nodes import CONST, FREE, INPUT, JOIN, OPAQUE, Node, Unit, reached
from lossfix.rules.operands import factors, operands
from lossfix.rules.pattern import Condition, Match
from lossfix.source.trees import nodes_in

LARGEST_GUARD = 1e-2
"""An epsilon above this is part of the loss, and no guard."""

_EPSILON_NAME = re.compile(r"(?:^|[._])_*(?:eps|epsilon|tiny|fuzz)\w*$", re.I)
VIEWS = frozenset(
    "reshape squeeze expand_dims transpose flatten column column_kept gather gather_nd "
    "boolean_mask take take_along_axis tile cast stop_gradient".split()
)
"""Ops whose entries are entries of their first argument."""


def stripped(node: Node) -> Node:
    """The value without the views and casts around it."""
    while node.op in VIEWS:
        node = node.args[0]
    return node


# guards


def small(name: str) -> Condition:
    """A guard: a constant in (0, 0.01], or a setting that is called an epsilon."""
    return lambda match: is_small(match.values[name])


def is_small(node: Node) -> bool:
    node = stripped(node)
    if isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return 0.0 < node.value <= LARGEST_GUARD
    if node.op == OPAQUE and node.name.rpartition(".")[2] in _MADE_TENSORS and node.args:
        return is_small(node.args[0])
    return node.op in (FREE, INPUT, OPAQUE) and _EPSILON_NAME.search(node.name) is not None


_MADE_TENSORS = frozenset({"constant", "convert_to_tensor"})


def negligible(name: str) -> Condition:
    """A guard so small that float32 keeps nothing of what it adds to a probability."""

    def holds(match: Match) -> bool:
        value = stripped(match.values[name]).value
        return isinstance(value, (int, float)) and 0.0 < value < _NEGLIGIBLE

    return holds


_NEGLIGIBLE = 1e-8  # a tenth of a unit in the last place of 1


def near_one(name: str) -> Condition:
    """The upper end of a clip of probabilities: 1, or 1 less a guard."""

    def holds(match: Match) -> bool:
        node = match.values[name]
        if node.op == CONST:
            return _is_number(node) and 1.0 - LARGEST_GUARD <= float(node.value or 0) <= 1.0
        return node.op == "sub" and is_one(node.args[0]) and is_small(node.args[1])

    return holds


def just_above_one(name: str) -> Condition:
    """The folded constant 1 + epsilon."""

    def holds(match: Match) -> bool:
        node = match.values[name]
        return _is_number(node) and 1.0 < float(node.value or 0) <= 1.0 + LARGEST_GUARD

    return holds


def rounds_to_one(name: str) -> Condition:
    """A constant that is not 1, and is 1 in float32."""

    def holds(match: Match) -> bool:
        node = match.values[name]
        if not _is_number(node):
            return False
        value = float(node.value or 0)
        return value != 1.0 and abs(value) < 2.0 and _float32(value) == 1.0

    return holds


def _float32(value: float) -> float:
    rounded: float = struct.unpack("f", struct.pack("f", value))[0]
    return rounded


def _is_number(node: Node) -> bool:
    return (
        node.op == CONST
        and isinstance(node.value, (int, float))
        and not isinstance(node.value, bool)
    )


def is_one(node: Node) -> bool:
    tail = node.name.rpartition(".")[2]
    return (_is_number(node) and node.value == 1) or node.op == "ones_like" or tail == "ones"


def shielded(name: str) -> Condition:
    """The author looks at the value before using it: by `where`, by `if`, or by an assertion."""

    def holds(match: Match) -> bool:
        watched = {
            node.number
            for node in _added_up(match.values[name])
            if node.op not in (CONST, FREE) and (node.op != INPUT or match.facts.varied(node))
        }
        root = {match.root.number}
        tests = deciding_tests(match.unit)
        return any(
            _chooses(node, root, watched) or (_is_test(node, tests) and _reads(node, watched))
            for node in match.unit.nodes
        )

    return holds


def _added_up(node: Node) -> Iterator[Node]:
    """A value and what it is summed up or multiplied from: where it is 0, a test of these tells."""
    return reached((node,), lambda part: part.args if part.op in _TELLING else ())


_TELLING = VIEWS | frozenset("sum mean max min mul add sub div abs count_nonzero norm sqrt".split())


def _chooses(node: Node, root: set[int], watched: set[int]) -> bool:
    """A `where` on the watched values around the root, or a product that drops its NaN."""
    if node.op == "multiply_no_nan":
        return _reads(node, root)
    is_cond = node.op == OPAQUE and node.name.rpartition(".")[2] in _CONDS and len(node.args) > 1
    if not (node.op == "where" or is_cond) or not _reads(node.args[0], watched, root):
        return False
    return any(_reads(branch, root) for branch in node.args[1:])


_CONDS = frozenset({"cond", "smart_cond"})


def _is_test(node: Node, tests: set[int]) -> bool:
    if node.op == OPAQUE and "assert" in node.name:
        return True
    return node.origin is not None and id(node.origin.code) in tests


def deciding_tests(unit: Unit) -> set[int]:
    """The comparisons, and the calls, that decide which way the code goes."""
    return {
        id(part)
        for branch in nodes_in(unit.tree)
        if isinstance(branch, (ast.If, ast.IfExp, ast.While, ast.Assert))
        for part in _deciding(branch.test)
    }


def _deciding(test: ast.expr) -> Iterator[ast.expr]:
    if isinstance(test, ast.BoolOp):
        for value in test.values:
            yield from _deciding(value)
    elif isinstance(test, ast.UnaryOp):
        yield from _deciding(test.operand)
    elif isinstance(test, ast.Call) or (isinstance(test, ast.Compare) and not _asks_for_none(test)):
        yield test


def _asks_for_none(part: ast.Compare) -> bool:
    return any(isinstance(e, ast.Constant) and e.value is None for e in part.comparators)


def _reads(node: Node, numbers: set[int], without: Container[int] = ()) -> bool:
    """Whether a value of `numbers` is in what `node` is computed from, and not only its shape.

    What is found by way of a value of `without` does not count.
    """
    values = reached(
        (node,),
        lambda current: () if is_shape(current) or current.number in without else current.args,
    )
    return any(current.number in numbers for current in values)


# what a value is made of


def is_singular(name: str) -> Condition:
    """The predictions reach the value by way of an op that has a pole."""

    def holds(match: Match) -> bool:
        return any(
            node.op in SINGULAR and match.facts.varied(node) for node in match.values[name].walk()
        )

    return holds


SINGULAR = frozenset(
    "log log1p sqrt div pow norm euclidean_norm std exp acos asin xlogy l2_normalize".split()
)


def sums_up(total: str, part: str) -> Condition:
    """`total` is the sum of `part` itself: `part / total` makes its entries sum to 1."""

    def holds(match: Match) -> bool:
        whole = stripped(match.values[total])
        if whole.op != "sum":
            return False
        return any(
            stripped(top).number == stripped(whole.args[0]).number
            for top in _tops(match.values[part])
        )

    return holds


def is_fraction(name: str) -> Condition:
    """An exponent that is known to lie in (0, 1): a number, or settings with numeric defaults."""

    def holds(match: Match) -> bool:
        value = _worth(match.values[name])
        return value is not None and 0.0 < value < 1.0

    return holds


def _worth(node: Node, depth: int = 6) -> float | None:
    """The number that the code names, or that a setting has by default."""
    if isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return float(node.value)
    if node.op not in ("add", "sub", "mul", "div") or not depth:
        return None
    first, second = (_worth(arg, depth - 1) for arg in node.args)
    if first is None or second is None:
        return None
    if node.op == "div":
        return first / second if second else None
    folds = {"add": first + second, "sub": first - second, "mul": first * second}
    return folds.get(node.op)


def is_cosine(name: str) -> Condition:
    """A dot product of two normalised vectors, which rounds to 1 and beyond."""

    def holds(match: Match) -> bool:
        node = stripped(match.values[name])
        if node.op == "sum":
            node = stripped(node.args[0])
        if node.op not in ("mul", "matmul", "square"):
            return False
        return all(_is_normalised(arg) for arg in node.args)

    return holds


def _is_normalised(node: Node) -> bool:
    node = stripped(node)
    if node.op == "l2_normalize":
        return True
    if node.op != "div":
        return False
    return node.args[1].op in ("norm", "euclidean_norm") and (
        node.args[1].args[0].number == node.args[0].number
    )


_LINEAR = re.compile(r"conv|filter|pool|blur|smooth|mean|average|gauss|\bsum|window", re.I)


def cancels_squares(square: str, first: str, second: str | None = None) -> Condition:
    """`f(x * x)` less a product of `f(x)` and `f(x)`, each divided by anything: a variance."""

    def holds(match: Match) -> bool:
        whole = match.values[square]
        if not _averages(whole) or stripped(whole.args[0]).op != "square":
            return False
        if whole.op == "sum" and not _divides(match.root.args[1]):
            return False
        wanted = stripped(whole.args[0]).args[0]
        others = [match.values[name] for name in (first, second or first)]
        return all(any(_same_average(part, whole, wanted) for part in _tops(o)) for o in others)

    return holds


def _averages(node: Node) -> bool:
    """A linear op with a kernel or a window."""
    if node.op in ("sum", "mean"):
        return True
    return node.op == OPAQUE and bool(node.args) and _LINEAR.search(node.name) is not None


def _divides(node: Node) -> bool:
    return any(factor.inverse or factor.node.op == "mean" for factor in factors(node)[1])


def _tops(node: Node) -> Iterator[Node]:
    """The factors of a product that are not divided by."""
    return (factor.node for factor in factors(node)[1] if not factor.inverse)


def _same_average(node: Node, whole: Node, x: Node) -> bool:
    """`node` is what `whole` is, of `x` instead of its square."""
    return (
        node.op in (whole.op, *(("sum", "mean") if whole.op in ("sum", "mean") else ()))
        and node.name == whole.name
        and node.attrs == whole.attrs
        and bool(node.args)
        and stripped(node.args[0]).number == x.number
        and [a.number for a in node.args[1:]] == [a.number for a in whole.args[1:]]
    )


def is_positive(name: str) -> Condition:
    """The value's range stays above 0."""
    return lambda match: match.facts.interval(match.values[name]).low > 0.0


# what a value is used for


def is_complemented(match: Match) -> bool:
    """The unit takes 1 less the value, or less a power or product of it, or has a pole at 1."""
    target = {match.root.number}
    return any(_looks_from_one(node, target) for node in match.unit.nodes)


def _looks_from_one(node: Node, target: set[int]) -> bool:
    if node.op == "sub":
        return is_one(stripped(node.args[0])) and _leads_to(node.args[1], target)
    if node.op == "log1p":
        parts = operands(node.args[0])
        return any(part.negative and _leads_to(part.node, target) for part in parts)
    return node.op in ("acos", "asin", "atanh") and _leads_to(node.args[0], target)


_KEEPS_ONE = frozenset({"pow", "mul", "square", "sqrt", "where", "abs"}) | VIEWS


def _leads_to(node: Node, numbers: set[int]) -> bool:
    """Whether the value is 1 where the wanted one is, as far as its ops say."""
    return any(part.number in numbers for part in reached((node,), _kept_at_one))


def _kept_at_one(node: Node) -> Sequence[Node]:
    return node.args if node.op in _KEEPS_ONE or node.op == JOIN else ()
