"""Which rewrites may fit a value: told from its op and the ops that it is made of, before a match.

What is asked here may be answered yes too often, and never no where a match would fit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Hashable, Sequence
from functools import cache, lru_cache

from lossfix.graph.nodes import JOIN, Node
from lossfix.graph.vocabulary import COMMUTATIVE, OPS
from lossfix.rules.operands import (
    PRODUCT,
    SUM,
    SignedTerm,
    factors,
    operands,
    remembered,
    term_factors,
    term_operands,
)
from lossfix.rules.pattern import Rewrite
from lossfix.rules.rule import Rule
from lossfix.rules.terms import Apply, Term

MIRRORED = {
    "greater": "less",
    "less": "greater",
    "greater_equal": "less_equal",
    "less_equal": "greater_equal",
}
"""Comparisons, with what they are when their arguments change places."""

Candidate = tuple[Rule, Rewrite]

_GROUPED = SUM | PRODUCT
_GROUPS = dict.fromkeys(SUM, "sum of operands") | dict.fromkeys(PRODUCT, "product of factors")
_MOST_OUTLINES = 20_000


class Candidates:
    """The rewrites of some rules, by the values that they may fit."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        index: defaultdict[str, list[Candidate]] = defaultdict(list)
        for rule in rules:
            for rewrite in rule.rewrites:
                assert isinstance(rewrite.before, Apply)
                op = rewrite.before.op
                grouped = op if rewrite.as_written else _GROUPS.get(op, op)
                for key in {op, MIRRORED[op]} if op in MIRRORED else {grouped}:
                    index[key].append((rule, rewrite))
        self._by_op = {op: [*index.get(op, ()), *index.get(_GROUPS.get(op, ""), ())] for op in OPS}
        self._by_outline: dict[Hashable, list[Candidate]] = {}

    def of(self, node: Node) -> Sequence[Candidate]:
        """The rewrites that may fit a value."""
        wide = self._by_op.get(node.op)
        if not wide:
            return ()
        outline = _outline(node)
        key = (node.op, outline)
        found = self._by_outline.get(key)
        if found is None:
            if len(self._by_outline) > _MOST_OUTLINES:
                self._by_outline.clear()
            found = [each for each in wide if _suits(each[1].before, node.op, outline)]
            self._by_outline[key] = found
        return [each for each in found if _may_fit(each[1].before, node)] if found else ()


@lru_cache(maxsize=8)
def candidates_of(rules: tuple[Rule, ...]) -> Candidates:
    """The candidates among a set of rules, which many files ask for."""
    return Candidates(rules)


def _outline(node: Node) -> Container[object]:
    """The ops that a value is made of: of its operands, of its factors, or of its arguments."""
    if node.op in SUM:
        return frozenset([(part.node.op, False) for part in operands(node)])
    if node.op in PRODUCT:
        return frozenset([(part.node.op, part.inverse) for part in factors(node)[1]])
    return tuple([arg.op for arg in node.args])


def _suits(term: Term, op: str, outline: Container[object]) -> bool:
    """`_may_fit` of all values with this outline, as far as the outline tells."""
    if not isinstance(term, Apply) or op not in _GROUPED or _GROUPS.get(term.op) != _GROUPS[op]:
        return True
    return all(_stands_in(head, outline) for head in _heads(term))


def _stands_in(head: SignedTerm, outline: Container[object]) -> bool:
    assert isinstance(head.term, Apply)
    if head.term.op in PRODUCT or (JOIN, head.inverse) in outline:
        return True
    wanted = SUM if head.term.op in SUM else {head.term.op, MIRRORED.get(head.term.op, "")}
    return any((op, head.inverse) in outline for op in wanted)


def _may_fit(term: Term, node: Node) -> bool:
    """Whether the operands of a value are ops that a pattern wants."""
    if not isinstance(term, Apply):
        return True
    if term.op in _GROUPED:
        return _parts_may_fit(term, node)
    if term.op in COMMUTATIVE:
        return True
    if len(term.args) != len(node.args) or term.op in MIRRORED:
        return True
    return all(
        not isinstance(part, Apply) or arg.op == JOIN or arg.op in _fitting(part.op)
        for part, arg in zip(term.args, node.args, strict=True)
    )


@remembered
def _heads(term: Apply) -> tuple[SignedTerm, ...]:
    """The operands of a sum or a product that are ops."""
    parts = term_operands(term) if term.op in SUM else term_factors(term)[1]
    return tuple(part for part in parts if isinstance(part.term, Apply))


def _parts_may_fit(term: Apply, node: Node) -> bool:
    heads = _heads(term)
    if not heads:
        return True
    there = operands(node) if term.op in SUM else factors(node)[1]
    return all(
        any(part.inverse == head.inverse and _head_may_fit(head.term, part.node) for part in there)
        for head in heads
    )


def _head_may_fit(term: Term, node: Node) -> bool:
    if node.op == JOIN or not isinstance(term, Apply) or term.op in PRODUCT:
        return True
    if term.op in SUM:
        return node.op in SUM and _parts_may_fit(term, node)
    return node.op in _fitting(term.op)


@cache
def _fitting(op: str) -> Container[str]:
    """The ops of values that a pattern's op can fit."""
    if op in SUM:
        return SUM
    if op in PRODUCT:
        return _Anything()
    return {op, MIRRORED.get(op, op)}


class _Anything:
    def __contains__(self, item: object) -> bool:
        return True
