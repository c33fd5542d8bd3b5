"""Taking sums and products apart, of values and of patterns: signed operands, signed factors.

`a - (b - c)` is the operands a, -b, c; `-a / b * c` the factors a, 1/b, c of the other sign.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from lossfix.graph.nodes import CONST, Node
from lossfix.rules.terms import Apply, Const, Term
from lossfix.values import light

SUM = frozenset({"add", "sub", "neg"})
PRODUCT = frozenset({"mul", "div"})

_MOST_NODES = 2_000  # whose operands are remembered: those of the functions at hand
_MOST_TERMS = 10_000


@light
@dataclass(frozen=True, slots=True)
class Signed:
    """An operand of a sum (`inverse` is false) or of a product (`inverse` marks a divisor)."""

    node: Node
    negative: bool = False
    inverse: bool = False


@light
@dataclass(frozen=True, slots=True)
class SignedTerm:
    """The same of a pattern."""

    term: Term
    negative: bool = False
    inverse: bool = False


# values


@lru_cache(maxsize=_MOST_NODES)
def operands(node: Node) -> tuple[Signed, ...]:
    """The signed operands of a sum; the node alone where it is none."""
    if node.op == "add":
        return (*operands(node.args[0]), *operands(node.args[1]))
    if node.op == "sub":
        return (*operands(node.args[0]), *map(_flip, operands(node.args[1])))
    if node.op == "neg":
        return tuple(map(_flip, operands(node.args[0])))
    return (Signed(node),)


@lru_cache(maxsize=_MOST_NODES)
def factors(node: Node) -> tuple[bool, tuple[Signed, ...]]:
    """The sign, and the factors and divisors, of a product."""
    if node.op == "neg":
        negative, found = factors(node.args[0])
        return not negative, found
    if node.op in PRODUCT:
        first, left = factors(node.args[0])
        second, right = factors(node.args[1])
        if node.op == "div":
            right = tuple(Signed(f.node, f.negative, not f.inverse) for f in right)
        return first != second, (*left, *right)
    if node.op == CONST and node.value in (1, -1) and not isinstance(node.value, bool):
        return node.value == -1, ()
    return False, (Signed(node),)


def put_together(node: Node, left: Sequence[Signed]) -> list[Signed]:
    """Some operands of a sum, those that make up a sum within it taken as that sum.

    Of `1 + z - exp(z)` with z = a + b, without its 1 and its exp(z), that is z and not a and b.
    """
    return _whole_parts(node, False, list(left))


def _whole_parts(node: Node, negative: bool, left: list[Signed]) -> list[Signed]:
    """The largest parts of `node` whose operands are all left; they are taken out of `left`."""
    parts = [_flip(part) if negative else part for part in operands(node)]
    rest = list(left)
    for part in parts:
        if part not in rest:
            break
        rest.remove(part)
    else:
        left[:] = rest
        return [Signed(node, negative)]
    if node.op not in SUM:
        return []
    second = not negative if node.op in ("sub", "neg") else negative
    signs = (second,) if node.op == "neg" else (negative, second)
    return [
        found
        for arg, sign in zip(node.args, signs, strict=True)
        for found in _whole_parts(arg, sign, left)
    ]


def forget_operands() -> None:
    """Drop what is remembered of values: they hold the trees of the files they are of."""
    operands.cache_clear()
    factors.cache_clear()


def chain(node: Node, ops: frozenset[str]) -> list[Node]:
    """The nodes that `operands` or `factors` took apart."""
    if node.op not in ops:
        return []
    return [node, *(inner for arg in node.args for inner in chain(arg, ops))]


def _flip(operand: Signed) -> Signed:
    return Signed(operand.node, not operand.negative, operand.inverse)


# terms


_T = TypeVar("_T", bound=Term)
_R = TypeVar("_R")


def remembered(function: Callable[[_T], _R]) -> Callable[[_T], _R]:
    """What a function says of a term, kept by the term's identity: terms are slow to hash."""
    known: dict[int, tuple[_T, _R]] = {}

    def told(term: _T) -> _R:
        found = known.get(id(term))
        if found is None:
            if len(known) > _MOST_TERMS:
                known.clear()
            found = known[id(term)] = (term, function(term))  # the term stays, and so does its id
        return found[1]

    return told


@remembered
def term_operands(term: Term) -> tuple[SignedTerm, ...]:
    """The signed operands of a pattern."""
    return tuple(signed_terms(term, False))


def signed_terms(term: Term, negative: bool) -> list[SignedTerm]:
    """The signed operands of a pattern, all signs turned where it is `negative`."""
    if isinstance(term, Apply) and term.op in ("add", "sub"):
        second = negative != (term.op == "sub")
        return [*signed_terms(term.args[0], negative), *signed_terms(term.args[1], second)]
    if isinstance(term, Apply) and term.op == "neg":
        return signed_terms(term.args[0], not negative)
    if isinstance(term, Const) and term.value < 0:
        return [SignedTerm(Const(-term.value), not negative)]
    return [SignedTerm(term, negative)]


@remembered
def term_factors(term: Term) -> tuple[bool, tuple[SignedTerm, ...]]:
    """The sign, and the factors and divisors, of a pattern."""
    if isinstance(term, Apply) and term.op == "neg":
        negative, found = term_factors(term.args[0])
        return not negative, found
    if isinstance(term, Apply) and term.op in PRODUCT:
        first, left = term_factors(term.args[0])
        second, right = term_factors(term.args[1])
        if term.op == "div":
            right = tuple(SignedTerm(f.term, f.negative, not f.inverse) for f in right)
        return first != second, (*left, *right)
    if isinstance(term, Const) and term.value in (1, -1) and not isinstance(term.value, bool):
        return term.value == -1, ()
    return False, (SignedTerm(term),)
