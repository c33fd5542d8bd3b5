"""Matching a term against values: modulo commutativity, associativity of + and *, signs,
division, and value numbering.

A sum is a list of signed operands, a product a list of numerators and denominators; a pattern's
operands are placed among them one by one, and a variable that stands alone takes what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import TypeVar

from lossfix.graph.facts import Facts
from lossfix.graph.nodes import CONST, JOIN, LOOP, Attribute, Dynamic, Node, Unit
from lossfix.graph.number import Numbering
from lossfix.graph.vocabulary import COMMUTATIVE, OPS
from lossfix.rules.pattern import Match, Rewrite
from lossfix.rules.terms import Apply, AttrVar, Const, Sharpness, Term, Var
from lossfix.values import light

_MOST_NODES = 2_000  # whose operands are remembered: those of the functions at hand
_MOST_TERMS = 10_000
_SUM = frozenset({"add", "sub", "neg"})
_PRODUCT = frozenset({"mul", "div"})
_MIRRORED = {
    "greater": "less",
    "less": "greater",
    "greater_equal": "less_equal",
    "less_equal": "greater_equal",
}


@light
@dataclass(frozen=True, slots=True)
class _Signed:
    """An operand of a sum (`inverse` is false) or of a product (`inverse` marks a divisor)."""

    node: Node
    negative: bool = False
    inverse: bool = False


@light
@dataclass(frozen=True, slots=True)
class _SignedTerm:
    term: Term
    negative: bool = False
    inverse: bool = False


@light
@dataclass(frozen=True, eq=False, slots=True)
class _State:
    """What has been bound so far."""

    values: Mapping[str, Node]
    attrs: Mapping[str, Attribute | Dynamic]
    interior: tuple[Node, ...]
    after: Term | None = None
    rest: int = 0
    conditional: bool = False


def match(
    rewrite: Rewrite, root: Node, unit: Unit, facts: Facts, numbers: Numbering
) -> Iterator[Match]:
    """Every way in which `rewrite.before` fits `root`."""
    matcher = _Matcher(numbers)
    for state in matcher.at_root(rewrite, root):
        yield Match(
            rewrite,
            unit,
            facts,
            root,
            state.values,
            state.attrs,
            state.interior,
            state.after,
            state.rest,
            state.conditional,
        )


def may_fit(term: Term, node: Node) -> bool:
    """Whether the operands of a value are ops that a pattern wants: a look before the match."""
    if not isinstance(term, Apply):
        return True
    if term.op in _GROUPED:
        return _parts_may_fit(term, node)
    if term.op in COMMUTATIVE:
        return True
    if len(term.args) != len(node.args) or term.op in _MIRRORED:
        return True
    return all(
        not isinstance(part, Apply) or arg.op == JOIN or arg.op in _fitting(part.op)
        for part, arg in zip(term.args, node.args, strict=True)
    )


_GROUPED = _SUM | _PRODUCT


_T = TypeVar("_T", bound=Term)
_R = TypeVar("_R")


def _remembered(function: Callable[[_T], _R]) -> Callable[[_T], _R]:
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


@_remembered
def _heads(term: Apply) -> tuple[_SignedTerm, ...]:
    """The operands of a sum or a product that are ops."""
    parts = _term_operands(term) if term.op in _SUM else _term_factors(term)[1]
    return tuple(part for part in parts if isinstance(part.term, Apply))


def _parts_may_fit(term: Apply, node: Node) -> bool:
    heads = _heads(term)
    if not heads:
        return True
    there = operands(node) if term.op in _SUM else factors(node)[1]
    return all(
        any(part.inverse == head.inverse and _head_may_fit(head.term, part.node) for part in there)
        for head in heads
    )


def _head_may_fit(term: Term, node: Node) -> bool:
    if node.op == JOIN or not isinstance(term, Apply) or term.op in _PRODUCT:
        return True
    if term.op in _SUM:
        return node.op in _SUM and _parts_may_fit(term, node)
    return node.op in _fitting(term.op)


@cache
def _fitting(op: str) -> Container[str]:
    """The ops of values that a pattern's op can fit."""
    if op in _SUM:
        return _SUM
    if op in _PRODUCT:
        return _Anything()
    return {op, _MIRRORED.get(op, op)}


class _Anything:
    def __contains__(self, item: object) -> bool:
        return True


@lru_cache(maxsize=_MOST_NODES)
def operands(node: Node) -> tuple[_Signed, ...]:
    """The signed operands of a sum; the node alone where it is none."""
    if node.op == "add":
        return (*operands(node.args[0]), *operands(node.args[1]))
    if node.op == "sub":
        return (*operands(node.args[0]), *map(_flip, operands(node.args[1])))
    if node.op == "neg":
        return tuple(map(_flip, operands(node.args[0])))
    return (_Signed(node),)


@lru_cache(maxsize=_MOST_NODES)
def factors(node: Node) -> tuple[bool, tuple[_Signed, ...]]:
    """The sign, and the factors and divisors, of a product."""
    if node.op == "neg":
        negative, found = factors(node.args[0])
        return not negative, found
    if node.op in _PRODUCT:
        first, left = factors(node.args[0])
        second, right = factors(node.args[1])
        if node.op == "div":
            right = tuple(_Signed(f.node, f.negative, not f.inverse) for f in right)
        return first != second, (*left, *right)
    if node.op == CONST and node.value in (1, -1) and not isinstance(node.value, bool):
        return node.value == -1, ()
    return False, (_Signed(node),)


def forget_operands() -> None:
    """Drop what is remembered of values: they hold the trees of the files they are of."""
    operands.cache_clear()
    factors.cache_clear()


def _flip(operand: _Signed) -> _Signed:
    return _Signed(operand.node, not operand.negative, operand.inverse)


def _within(state: _State, interior: tuple[Node, ...]) -> _State:
    return _State(state.values, state.attrs, interior, state.after, state.rest, state.conditional)


def _chain(node: Node, ops: frozenset[str]) -> list[Node]:
    """The nodes that `operands` or `factors` took apart."""
    if node.op not in ops:
        return []
    return [node, *(inner for arg in node.args for inner in _chain(arg, ops))]


@_remembered
def _term_operands(term: Term) -> tuple[_SignedTerm, ...]:
    return tuple(_signed_terms(term, False))


def _signed_terms(term: Term, negative: bool) -> list[_SignedTerm]:
    if isinstance(term, Apply) and term.op in ("add", "sub"):
        second = negative != (term.op == "sub")
        return [*_signed_terms(term.args[0], negative), *_signed_terms(term.args[1], second)]
    if isinstance(term, Apply) and term.op == "neg":
        return _signed_terms(term.args[0], not negative)
    if isinstance(term, Const) and term.value < 0:
        return [_SignedTerm(Const(-term.value), not negative)]
    return [_SignedTerm(term, negative)]


@_remembered
def _term_factors(term: Term) -> tuple[bool, tuple[_SignedTerm, ...]]:
    if isinstance(term, Apply) and term.op == "neg":
        negative, found = _term_factors(term.args[0])
        return not negative, found
    if isinstance(term, Apply) and term.op in _PRODUCT:
        first, left = _term_factors(term.args[0])
        second, right = _term_factors(term.args[1])
        if term.op == "div":
            right = tuple(_SignedTerm(f.term, f.negative, not f.inverse) for f in right)
        return first != second, (*left, *right)
    if isinstance(term, Const) and term.value in (1, -1) and not isinstance(term.value, bool):
        return term.value == -1, ()
    return False, (_SignedTerm(term),)


def _opposite(term: Term) -> Term:
    """`-term`, a difference turned around."""
    if isinstance(term, Apply) and term.op == "sub":
        return Apply("sub", term.args[::-1])
    return -term


def _times(factor: Term, product: Term) -> Term:
    """`factor * a * b` for the product `a * b`, as a person would write it."""
    if isinstance(product, Apply) and product.op == "mul":
        return Apply("mul", (_times(factor, product.args[0]), product.args[1]))
    return factor * product


class _Matcher:
    """Backtracking over operands; makes nodes for groups of operands, hence the numbering."""

    def __init__(self, numbers: Numbering) -> None:
        self.numbers = numbers

    def at_root(self, rewrite: Rewrite, root: Node) -> Iterator[_State]:
        before, after = rewrite.before, rewrite.after
        empty = _State({}, {}, (), after)
        if rewrite.as_written and isinstance(before, Apply):
            yield from self._fit_op(before, root, empty)
        elif isinstance(before, Apply) and before.op in ("add", "sub"):
            if root.op in _SUM:
                yield from self._root_sum(before, after, root)
        elif isinstance(before, Apply) and before.op in _PRODUCT:
            if root.op in _PRODUCT:
                yield from self._root_product(before, after, root)
        else:
            yield from self.fit(before, root, empty)

    def _root_sum(self, before: Term, after: Term | None, root: Node) -> Iterator[_State]:
        chain = tuple(_chain(root, _SUM))
        subject = operands(root)
        for flipped in (False, True):
            wanted = _signed_terms(before, flipped)
            start = _State({}, {}, chain)
            for state, left in self._place(wanted, subject, start, None):
                found = _opposite(after) if flipped and after is not None else after
                if left and found is not None:
                    found, state = self._put_back_sum(found, left, state)
                yield replace(state, after=found, rest=len(left))

    def _root_product(self, before: Term, after: Term | None, root: Node) -> Iterator[_State]:
        chain = tuple(_chain(root, _PRODUCT | {"neg"}))
        negative, subject = factors(root)
        pattern_negative, wanted = _term_factors(before)
        for state, left in self._place(wanted, subject, _State({}, {}, chain), None):
            found = after
            if found is not None and negative != pattern_negative:
                found = -found
            if left and found is not None:
                found, state = self._put_back_product(found, left, state)
            yield replace(state, after=found, rest=len(left))

    def _put_back_sum(
        self, after: Term, left: Sequence[_Signed], state: _State
    ) -> tuple[Term, _State]:
        values = dict(state.values)
        for index, operand in enumerate(left):
            name = f"_rest{index}"
            values[name] = operand.node
            after = after - Var(name) if operand.negative else after + Var(name)
        return after, replace(state, values=values)

    def _put_back_product(
        self, after: Term, left: Sequence[_Signed], state: _State
    ) -> tuple[Term, _State]:
        values = dict(state.values)
        for index, factor in enumerate(sorted(left, key=lambda f: f.inverse)):
            name = f"_rest{index}"
            values[name] = factor.node
            after = after / Var(name) if factor.inverse else _times(Var(name), after)
        return after, replace(state, values=values)

    def fit(self, term: Term, node: Node, state: _State) -> Iterator[_State]:
        """Every way in which `term` fits the whole of `node`."""
        if isinstance(term, Var):
            yield from self._bind(term.name, node, state)
        elif isinstance(term, Const):
            if node.op == CONST and node.value == term.value and not isinstance(node.value, str):
                yield state
        elif isinstance(term, Apply):
            yield from self._fit_apply(term, node, state)
        elif isinstance(term, Sharpness):
            raise TypeError("a pattern cannot hold a sharpness")

    def _bind(self, name: str, node: Node, state: _State) -> Iterator[_State]:
        bound = state.values.get(name)
        if bound is None:
            values = {**state.values, name: node}
            yield _State(
                values, state.attrs, state.interior, state.after, state.rest, state.conditional
            )
        elif bound.number == node.number:
            yield state

    def _fit_apply(self, term: Apply, node: Node, state: _State) -> Iterator[_State]:
        if node.op == JOIN and node.name != LOOP and term.op not in _SUM | _PRODUCT:
            for arm in node.args:
                yield from self._fit_apply(term, arm, replace(state, conditional=True))
            return
        if _is_product(term):
            yield from self._fit_product(term, node, state, negated=False)
        elif term.op in _SUM:
            chain = (*state.interior, *_chain(node, _SUM))
            start = _within(state, chain)
            wanted = _term_operands(term)
            for found, left in self._place(wanted, operands(node), start, self._sum_of):
                if not left:
                    yield found
        else:
            yield from self._fit_op(term, node, state)

    def _fit_product(
        self, term: Term, node: Node, state: _State, negated: bool
    ) -> Iterator[_State]:
        negative, subject = factors(node)
        pattern_negative, wanted = _term_factors(term)
        if (negative != pattern_negative) != negated:
            subject = (*subject, _Signed(self.numbers.constant(-1)))
        chain = (*state.interior, *_chain(node, _PRODUCT | {"neg"}))
        start = _within(state, chain)
        for found, left in self._place(wanted, subject, start, self._product_of):
            if not left:
                yield found

    def _fit_op(self, term: Apply, node: Node, state: _State) -> Iterator[_State]:
        if node.op == term.op:
            orders = [term.args]
        elif _MIRRORED.get(node.op) == term.op:
            orders = [term.args[::-1]]
        else:
            return
        attrs = self._fit_attrs(term, node, state.attrs)
        if attrs is None:
            return
        if term.op in COMMUTATIVE:
            orders.append(term.args[::-1])
        interior = (*state.interior, node)
        start = _State(state.values, attrs, interior, state.after, state.rest, state.conditional)
        for order in orders:
            states = [start]
            for part, arg in zip(order, node.args, strict=True):
                states = [after for s in states for after in self.fit(part, arg, s)]
            yield from states

    def _fit_attrs(
        self, term: Apply, node: Node, bound: Mapping[str, Attribute | Dynamic]
    ) -> Mapping[str, Attribute | Dynamic] | None:
        named = dict(term.attrs)
        result = dict(bound)
        for attr in OPS[term.op].attrs:
            actual = node.attrs.get(attr)
            wanted = named.get(attr, OPS[term.op].defaults.get(attr))
            if isinstance(wanted, AttrVar):
                if result.setdefault(wanted.name, actual) != actual:
                    return None
            elif wanted != actual or isinstance(wanted, bool) != isinstance(actual, bool):
                return None
        return result

    def _place(
        self,
        wanted: Sequence[_SignedTerm],
        subject: Sequence[_Signed],
        state: _State,
        group: _Group | None,
    ) -> Iterator[tuple[_State, list[_Signed]]]:
        """Place the pattern's operands among the subject's, the ones that say most first.

        With a `group`, the last variable that stands alone takes all that is left.
        """
        ordered = sorted(wanted, key=lambda w: isinstance(w.term, Var))
        yield from self._place_rest(ordered, list(subject), state, group)

    def _place_rest(
        self,
        wanted: list[_SignedTerm],
        left: list[_Signed],
        state: _State,
        group: _Group | None,
    ) -> Iterator[tuple[_State, list[_Signed]]]:
        if not wanted:
            yield state, left
            return
        first, others = wanted[0], wanted[1:]
        if group is not None and not others and isinstance(first.term, Var) and len(left) > 1:
            for bound in self._bind(first.term.name, group(first, left), state):
                yield bound, []
            return
        for index, operand in enumerate(left):
            if operand.inverse == first.inverse:
                remaining = left[:index] + left[index + 1 :]
                for bound in self._fit_signed(first, operand, state):
                    yield from self._place_rest(others, remaining, bound, group)

    def _fit_signed(self, wanted: _SignedTerm, operand: _Signed, state: _State) -> Iterator[_State]:
        node = operand.node
        if wanted.negative == operand.negative:
            yield from self.fit(wanted.term, node, state)
        elif isinstance(wanted.term, Var):
            yield from self.fit(wanted.term, self.numbers.apply("neg", (node,)), state)
        elif node.op == CONST and isinstance(node.value, (int, float)):
            yield from self.fit(wanted.term, self.numbers.constant(-node.value), state)
        elif _is_product(wanted.term):
            yield from self._fit_product(wanted.term, node, state, negated=True)

    def _sum_of(self, wanted: _SignedTerm, left: Sequence[_Signed]) -> Node:
        """The operands that are left of a sum, as one value."""
        ordered = sorted(left, key=lambda o: o.negative != wanted.negative)
        total: Node | None = None
        for operand in ordered:
            negative = operand.negative != wanted.negative
            if total is None:
                total = self.numbers.apply("neg", (operand.node,)) if negative else operand.node
            else:
                total = self.numbers.apply("sub" if negative else "add", (total, operand.node))
        assert total is not None
        return total

    def _product_of(self, wanted: _SignedTerm, left: Sequence[_Signed]) -> Node:
        """The factors and divisors that are left of a product, as one value."""
        above = [o.node for o in left if o.inverse == wanted.inverse]
        below = [o.node for o in left if o.inverse != wanted.inverse]
        total = above[0] if above else self.numbers.constant(1)
        for node in above[1:]:
            total = self.numbers.apply("mul", (total, node))
        for node in below:
            total = self.numbers.apply("div", (total, node))
        return total


_Group = Callable[[_SignedTerm, Sequence[_Signed]], Node]


def _is_product(term: Term) -> bool:
    while isinstance(term, Apply) and term.op == "neg":
        term = term.args[0]
    return isinstance(term, Apply) and term.op in _PRODUCT
