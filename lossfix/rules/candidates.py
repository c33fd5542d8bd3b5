"""Which rewrites may fit a value: told from its op and the ops that it is made of, before a match.

What is asked here may be answered yes too often, and never no where a match would fit values that
stand in the code. `log1p(-p)` is not looked for in `log1p(exp(x))`, with a p = -exp(x) made up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from functools import lru_cache

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

_GROUPS = dict.fromkeys(SUM, "sum of operands") | dict.fromkeys(PRODUCT, "product of factors")
_MOST_OUTLINES = 20_000

_Outline = frozenset[tuple[str, bool]] | tuple[tuple[str, bool], ...]
"""Ops, each with whether it is divided by; of arguments in their order."""


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
            found = [each for each in wide if _suits(each[1].before, outline)]
            self._by_outline[key] = found
        if found and node.op in _GROUPS:
            return [each for each in found if _parts_may_fit(each[1].before, node)]
        return found


@lru_cache(maxsize=8)
def candidates_of(rules: tuple[Rule, ...]) -> Candidates:
    """The candidates among a set of rules, which many files ask for."""
    return Candidates(rules)


def _outline(node: Node) -> _Outline:
    """The ops that a value is made of: of its operands, of its factors, or of its arguments."""
    if node.op in SUM:
        return frozenset([(part.node.op, False) for part in operands(node)])
    if node.op in PRODUCT:
        return frozenset([(part.node.op, part.inverse) for part in factors(node)[1]])
    return tuple([(arg.op, False) for arg in node.args])


def _suits(term: Term, outline: _Outline) -> bool:
    """Whether a value of the pattern's kind, made of these ops, may fit it."""
    assert isinstance(term, Apply)
    if term.op in _GROUPS:
        return all(
            any(inverse == head.inverse and _op_fits(head.term, op) for op, inverse in outline)
            for head in _heads(term)
        )
    if term.op in COMMUTATIVE or term.op in MIRRORED or len(term.args) != len(outline):
        return True
    return all(_op_fits(part, op) for part, (op, _) in zip(term.args, outline, strict=True))


def _parts_may_fit(term: Term, node: Node) -> bool:
    """Whether a sum has operands, or a product factors, for each op of the pattern."""
    assert isinstance(term, Apply)
    heads = _heads(term)
    if not heads:
        return True
    there = operands(node) if term.op in SUM else factors(node)[1]
    return all(
        any(part.inverse == head.inverse and _head_may_fit(head.term, part.node) for part in there)
        for head in heads
    )


def _head_may_fit(term: Term, node: Node) -> bool:
    if not _op_fits(term, node.op):
        return False
    return node.op not in SUM or not _is_sum(term) or _parts_may_fit(term, node)


@remembered
def _heads(term: Apply) -> tuple[SignedTerm, ...]:
    """The operands of a sum or a product that are ops."""
    parts = term_operands(term) if term.op in SUM else term_factors(term)[1]
    return tuple(part for part in parts if isinstance(part.term, Apply))


def _op_fits(term: Term, op: str) -> bool:
    """Whether a value that `op` makes may fit a pattern, or a part of one."""
    if not isinstance(term, Apply) or op == JOIN or term.op in PRODUCT:
        return True
    return op in SUM if term.op in SUM else op in (term.op, MIRRORED.get(term.op))


def _is_sum(term: Term) -> bool:
    return isinstance(term, Apply) and term.op in SUM
