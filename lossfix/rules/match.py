"""Matching a term against values: modulo commutativity, associativity of + and *, signs,
division, and value numbering.

A sum is a list of signed operands, a product a list of numerators and denominators; a pattern's
operands are placed among them one by one, and a variable that stands alone takes what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from lossfix.graph.facts import Facts
from lossfix.graph.nodes import CONST, JOIN, LOOP, Attribute, Dynamic, Node, Unit
from lossfix.graph.number import Numbering
from lossfix.graph.vocabulary import COMMUTATIVE, OPS
from lossfix.rules.candidates import MIRRORED
from lossfix.rules.operands import (
    PRODUCT,
    SUM,
    Signed,
    SignedTerm,
    chain,
    factors,
    operands,
    put_together,
    signed_terms,
    term_factors,
    term_operands,
)
from lossfix.rules.pattern import Match, Rewrite
from lossfix.rules.terms import Apply, AttrVar, Const, Sharpness, Term, Var
from lossfix.values import light


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


def _within(state: _State, interior: tuple[Node, ...]) -> _State:
    return _State(state.values, state.attrs, interior, state.after, state.rest, state.conditional)


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
            if root.op in SUM:
                yield from self._root_sum(before, after, root)
        elif isinstance(before, Apply) and before.op in PRODUCT:
            if root.op in PRODUCT:
                yield from self._root_product(before, after, root)
        else:
            yield from self.fit(before, root, empty)

    def _root_sum(self, before: Term, after: Term | None, root: Node) -> Iterator[_State]:
        taken = tuple(chain(root, SUM))
        subject = operands(root)
        for flipped in (False, True):
            wanted = signed_terms(before, flipped)
            start = _State({}, {}, taken)
            for state, left in self._place(wanted, subject, start, None):
                found = _opposite(after) if flipped and after is not None else after
                if left and found is not None:
                    found, state = self._put_back_sum(found, put_together(root, left), state)
                yield replace(state, after=found, rest=len(left))

    def _root_product(self, before: Term, after: Term | None, root: Node) -> Iterator[_State]:
        taken = tuple(chain(root, PRODUCT | {"neg"}))
        negative, subject = factors(root)
        pattern_negative, wanted = term_factors(before)
        for state, left in self._place(wanted, subject, _State({}, {}, taken), None):
            found = after
            if found is not None and negative != pattern_negative:
                found = -found
            if left and found is not None:
                found, state = self._put_back_product(found, left, state)
            yield replace(state, after=found, rest=len(left))

    def _put_back_sum(
        self, after: Term, left: Sequence[Signed], state: _State
    ) -> tuple[Term, _State]:
        values = dict(state.values)
        for index, operand in enumerate(left):
            name = f"_rest{index}"
            values[name] = operand.node
            after = after - Var(name) if operand.negative else after + Var(name)
        return after, replace(state, values=values)

    def _put_back_product(
        self, after: Term, left: Sequence[Signed], state: _State
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
        if node.op == JOIN and node.name != LOOP and term.op not in SUM | PRODUCT:
            for arm in node.args:
                yield from self._fit_apply(term, arm, replace(state, conditional=True))
            return
        if _is_product(term):
            yield from self._fit_product(term, node, state, negated=False)
        elif term.op in SUM:
            taken = (*state.interior, *chain(node, SUM))
            start = _within(state, taken)
            wanted = term_operands(term)
            for found, left in self._place(wanted, operands(node), start, self._sum_of):
                if not left:
                    yield found
        else:
            yield from self._fit_op(term, node, state)

    def _fit_product(
        self, term: Term, node: Node, state: _State, negated: bool
    ) -> Iterator[_State]:
        negative, subject = factors(node)
        pattern_negative, wanted = term_factors(term)
        if (negative != pattern_negative) != negated:
            subject = (*subject, Signed(self.numbers.constant(-1)))
        taken = (*state.interior, *chain(node, PRODUCT | {"neg"}))
        start = _within(state, taken)
        for found, left in self._place(wanted, subject, start, self._product_of):
            if not left:
                yield found

    def _fit_op(self, term: Apply, node: Node, state: _State) -> Iterator[_State]:
        if node.op == term.op:
            orders = [term.args]
        elif MIRRORED.get(node.op) == term.op:
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
        wanted: Sequence[SignedTerm],
        subject: Sequence[Signed],
        state: _State,
        group: _Group | None,
    ) -> Iterator[tuple[_State, list[Signed]]]:
        """Place the pattern's operands among the subject's, the ones that say most first.

        With a `group`, the last variable that stands alone takes all that is left.
        """
        ordered = sorted(wanted, key=lambda w: isinstance(w.term, Var))
        yield from self._place_rest(ordered, list(subject), state, group)

    def _place_rest(
        self,
        wanted: list[SignedTerm],
        left: list[Signed],
        state: _State,
        group: _Group | None,
    ) -> Iterator[tuple[_State, list[Signed]]]:
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

    def _fit_signed(self, wanted: SignedTerm, operand: Signed, state: _State) -> Iterator[_State]:
        node = operand.node
        if wanted.negative == operand.negative:
            yield from self.fit(wanted.term, node, state)
        elif isinstance(wanted.term, Var):
            yield from self.fit(wanted.term, self.numbers.apply("neg", (node,)), state)
        elif node.op == CONST and isinstance(node.value, (int, float)):
            yield from self.fit(wanted.term, self.numbers.constant(-node.value), state)
        elif _is_product(wanted.term):
            yield from self._fit_product(wanted.term, node, state, negated=True)

    def _sum_of(self, wanted: SignedTerm, left: Sequence[Signed]) -> Node:
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

    def _product_of(self, wanted: SignedTerm, left: Sequence[Signed]) -> Node:
        """The factors and divisors that are left of a product, as one value."""
        above = [o.node for o in left if o.inverse == wanted.inverse]
        below = [o.node for o in left if o.inverse != wanted.inverse]
        total = above[0] if above else self.numbers.constant(1)
        for node in above[1:]:
            total = self.numbers.apply("mul", (total, node))
        for node in below:
            total = self.numbers.apply("div", (total, node))
        return total


_Group = Callable[[SignedTerm, Sequence[Signed]], Node]


def _is_product(term: Term) -> bool:
    while isinstance(term, Apply) and term.op == "neg":
        term = term.args[0]
    return isinstance(term, Apply) and term.op in PRODUCT
