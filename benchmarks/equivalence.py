"""Whether two texts of one loss are the same function, shown over the reals and not by running.

Both are lifted; where the graph holds nothing but known ops, the whole loss is a term, and mpmath
compares value and gradient at points of every size.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from mpmath import mp

from lossfix.graph.module import lift_module
from lossfix.graph.nodes import CONST, INPUT, Node, Role
from lossfix.graph.vocabulary import OPS
from lossfix.rules.contracts import Contract
from lossfix.rules.pattern import Rewrite
from lossfix.rules.registry import all_rules
from lossfix.rules.rule import Domain
from lossfix.rules.terms import Apply, Const, Term, Var, subterms, variables
from lossfix.verify.numerics import Array
from lossfix.verify.proof import DIGITS, PRECISION, prove
from lossfix.verify.reals import Sample, UnknownOpError, agree, evaluate

SHAPE = (3, 4)
POINTS = 24


def same_loss(function: str, left: str, right: str) -> bool:
    """Whether the loss is the same; False where that cannot be shown."""
    terms = [_term(text, function) for text in (left, right)]
    if terms[0] is None or terms[1] is None:
        return False
    (first, names), (second, others) = terms[0], terms[1]
    if names != others:
        return False
    active = [name for name, role in names.items() if role not in (Role.LABEL, Role.SETTING)]
    places = {*_places(first), *_places(second)}
    try:
        with mp.workdps(PRECISION):
            return all(_agree(first, second, point, active) for point in _points(names, places))
    except (UnknownOpError, ValueError, IndexError):
        return False


def loss_keeps(function: str, left: str, right: str, contract: Contract) -> bool:
    """Whether the right loss keeps a contract with the left one, as one whole term each."""
    terms = [_term(text, function) for text in (left, right)]
    if terms[0] is None or terms[1] is None or terms[0][1] != terms[1][1]:
        return False
    rule = replace(
        all_rules()[0],
        rewrites=(Rewrite(terms[0][0], terms[1][0]),),
        contract=contract,
        domains=dict.fromkeys(terms[0][1], Domain(-3.0, 3.0, near=(0.0, 0.5, 1.0), shape=SHAPE)),
    )
    return not prove(rule)


def _agree(
    first: Term,
    second: Term,
    values: Mapping[str, Array],
    active: Sequence[str],
) -> bool:
    sample = Sample(values, {})
    a, b = evaluate(first, sample), evaluate(second, sample)
    if a.value.shape != b.value.shape:
        return False
    numbers = [
        [*real.value.flat, *(g for n in active for g in real.gradients[n])] for real in (a, b)
    ]
    return agree(*numbers, DIGITS)


def _places(term: Term) -> Iterator[str]:
    """The variables that a term takes as numbers of rows, in `gather`."""
    for part in subterms(term):
        if isinstance(part, Apply) and part.op == "gather":
            yield from variables(part.args[1])


def _points(names: Mapping[str, Role], places: Collection[str]) -> list[dict[str, Array]]:
    """Inputs; what is a setting is one number."""
    rng = np.random.default_rng(11)
    draws = (
        lambda: rng.uniform(0.01, 0.99, SHAPE),
        lambda: rng.normal(0.0, 3.0, SHAPE),
        lambda: rng.choice([0.0, 0.5, 1.0], SHAPE),
        lambda: rng.normal(0.0, 1.0, SHAPE) * 10.0 ** rng.uniform(-6, 2, SHAPE),
        lambda: rng.uniform(-5.0, -0.5, SHAPE),
    )
    random = [{name: draws[i % len(draws)]() for name in names} for i in range(POINTS)]
    alike = [dict.fromkeys(names, np.full(SHAPE, value)) for value in (0.0, 0.5, 1.0)]
    rows = {name: rng.integers(0, SHAPE[0], SHAPE).astype(np.float64) for name in places}
    points = [{**point, **rows} for point in (*alike, *random)]
    return [
        {n: v.reshape(-1)[0] if names[n] is Role.SETTING else v for n, v in point.items()}
        for point in points
    ]


def _term(text: str, function: str) -> tuple[Term, dict[str, Role]] | None:
    """The whole loss as a term, and its inputs by name, with the role of each."""
    unit = lift_module(ast.parse(text)).unit(function)
    if unit is None or len(unit.results) != 1:
        return None
    known: dict[int, Term | None] = {}

    def term(node: Node) -> Term | None:
        if id(node) not in known:
            known[id(node)] = _of(node)
        return known[id(node)]

    def _of(node: Node) -> Term | None:
        if node.inner is not None:
            return term(node.inner)
        if node.op == INPUT:
            return Var(node.name)
        if node.op == CONST:
            return Const(node.value) if isinstance(node.value, (int, float)) else None
        args = [term(arg) for arg in node.args]
        values = [arg for arg in args if arg is not None]
        attrs = tuple(sorted(node.attrs.items()))
        if node.op not in OPS or len(values) != len(args):
            return None
        return Apply(node.op, tuple(values), attrs)  # type: ignore[arg-type]

    whole = term(unit.results[0])
    if whole is None:
        return None
    # what is no parameter of the loss is one of the function around it
    roles = {name: node.role for name, node in unit.inputs.items()}
    names = sorted({*roles, *variables(whole)})
    return whole, {name: roles.get(name) or Role.SETTING for name in names}
