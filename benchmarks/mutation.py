"""Wrong rewrites made from right ones: one change in a rule's replacement at a time.

A mutant is a term. The rewriter prints it in place of the right one, in a fixture of the rule, so
that whatever may be wrong in a rule's `after` reaches the verifier as it would reach a person.
DeMillo, Lipton, Sayward: Hints on test data selection, 1978, doi 10.1109/C-M.1978.218136.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lossfix.graph.vocabulary import OPS
from lossfix.rules.contracts import Contract, Relaxed
from lossfix.rules.pattern import Rewrite
from lossfix.rules.terms import (
    Apply,
    AttrPattern,
    Bind,
    Const,
    Sharpness,
    Term,
    Var,
    ops,
    substituted,
    subterms,
    variables,
)

EPSILON = 1e-7
_OTHER_OPS = {
    "abs": ("square",),
    "add": ("sub",),
    "column": ("column_kept",),
    "column_kept": ("column",),
    "div": ("mul",),
    "divide_no_nan": ("mul",),
    "exp": ("expm1",),
    "expm1": ("exp",),
    "floor": ("round",),
    "log": ("log1p",),
    "log1p": ("log", "softplus"),
    "log_sigmoid": ("sigmoid", "softplus"),
    "log_softmax": ("softmax", "log_sigmoid"),
    "logsumexp": ("max", "sum"),
    "max": ("min", "mean"),
    "maximum": ("minimum",),
    "mean": ("sum", "max"),
    "min": ("max", "mean"),
    "minimum": ("maximum",),
    "mul": ("add",),
    "sigmoid": ("tanh", "softplus"),
    "softmax": ("log_softmax", "sigmoid"),
    "softplus": ("exp", "log_sigmoid"),
    "sqrt": ("square",),
    "square": ("abs",),
    "std": ("variance",),
    "sub": ("add",),
    "sum": ("mean", "max"),
    "tanh": ("sigmoid",),
    "variance": ("std",),
}
_FLIPPED = {
    "greater": "less",
    "greater_equal": "less_equal",
    "less": "greater",
    "less_equal": "greater_equal",
    "equal": "not_equal",
    "not_equal": "equal",
}
_GUARDS = frozenset({"where", "maximum", "minimum", "clip"})
_ORDERED = frozenset({"sub", "div", "divide_no_nan", "pow"})
_SINGULAR = {"log": 0, "log1p": 0, "sqrt": 0, "div": 1, "norm": 0, "euclidean_norm": 0, "acos": 0}
_NO_ARITHMETIC = frozenset(_FLIPPED)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A wrong replacement: what kind of mistake it is, and the mistake in words."""

    kind: str
    what: str
    term: Term


def mutants_of(rewrite: Rewrite, contract: Contract) -> tuple[Mutant, ...]:
    """Every mutant of a rewrite's replacement, each term once, none of them the right one."""
    after = rewrite.after
    assert after is not None
    found: dict[Term, Mutant] = {}
    for mutant in _all(rewrite.before, after, contract):
        if mutant.term not in (after, rewrite.before):
            found.setdefault(mutant.term, mutant)
    return tuple(found.values())


def spread(mutants: Sequence[Mutant], most: int) -> tuple[Mutant, ...]:
    """At most so many, of as many kinds as there are, in turn."""
    by_kind: defaultdict[str, list[Mutant]] = defaultdict(list)
    for mutant in mutants:
        by_kind[mutant.kind].append(mutant)
    chosen: list[Mutant] = []
    while by_kind and len(chosen) < most:
        for kind in list(by_kind):
            chosen.append(by_kind[kind].pop(0))
            if not by_kind[kind]:
                del by_kind[kind]
    return tuple(chosen[:most])


def _all(before: Term, after: Term, contract: Contract) -> Iterator[Mutant]:
    yield from _of_the_whole(after)
    yield from _epsilons(before)
    names = variables(after)
    for part in dict.fromkeys(subterms(after)):
        if isinstance(part, Bind):
            continue
        for kind, what, new in _of_a_part(part, names, contract):
            yield Mutant(kind, what, substituted(after, part, new))


def _of_the_whole(after: Term) -> Iterator[Mutant]:
    yield Mutant("sign", "minus the whole", -after)
    yield Mutant("wrong constant", "twice the whole", 2 * after)
    yield Mutant("wrong constant", "a thousandth too much", 1.001 * after)
    yield Mutant("epsilon outside", "0.001 more than the whole", after + 1e-3)
    yield Mutant("cut gradient", "stop_gradient of the whole", ops.stop_gradient(after))
    whole = Bind("whole", after)
    doubled = 2 * whole - ops.stop_gradient(whole)
    yield Mutant("wrong gradient", "the same value with twice the gradient", doubled)
    yield Mutant("wrong op", "the square of the whole", ops.square(after))
    yield Mutant("wrong op", "tanh of the whole", ops.tanh(after))
    yield Mutant("clamp", "the whole where it is positive", ops.maximum(after, 0))
    yield Mutant("clamp", "the whole where it is negative", ops.minimum(after, 0))


def _epsilons(before: Term) -> Iterator[Mutant]:
    """What people write for a cure: the pattern itself with an epsilon, inside or outside."""
    yield Mutant("epsilon outside", f"{EPSILON:g} more than the original", before + EPSILON)
    for part in dict.fromkeys(subterms(before)):
        if isinstance(part, Apply) and part.op in _SINGULAR:
            place = _SINGULAR[part.op]
            args = [a + EPSILON if i == place else a for i, a in enumerate(part.args)]
            new = substituted(before, part, replace(part, args=tuple(args)))
            yield Mutant("epsilon inside", f"{EPSILON:g} more inside {part.op}", new)


def _of_a_part(
    part: Term, names: Sequence[str], contract: Contract
) -> Iterator[tuple[str, str, Term]]:
    if isinstance(part, Var):
        yield "sign", f"-{part.name} for {part.name}", -part
        yield "cut gradient", f"stop_gradient of {part.name}", ops.stop_gradient(part)
        yield "shifted operand", f"{part.name} + 0.001 for {part.name}", part + 1e-3
        yield "wrong constant", f"2 * {part.name} for {part.name}", 2 * part
        for other in names:
            if other != part.name:
                yield "wrong variable", f"{other} for {part.name}", Var(other)
    elif isinstance(part, Sharpness):
        assert isinstance(contract, Relaxed)
        assert contract.sharpness is not None
        yield "sign", "-k for k", -part
        yield "fixed sharpness", "a number for k", Const(contract.sharpness)
    elif isinstance(part, Const) and not isinstance(part.value, bool):
        other = 2 * part.value if part.value else 1
        yield "wrong constant", f"{other:g} for {part.value:g}", Const(other)
        yield "wrong constant", f"{part.value + 0.1:g} for {part.value:g}", Const(part.value + 0.1)
    elif isinstance(part, Apply):
        yield from _of_an_op(part)
        yield from _of_attributes(part)


def _of_an_op(part: Apply) -> Iterator[tuple[str, str, Term]]:
    op, args = part.op, part.args
    if op in _FLIPPED:
        yield "flipped gate", f"{_FLIPPED[op]} for {op}", replace(part, op=_FLIPPED[op])
    if op not in _NO_ARITHMETIC:
        yield "sign", f"minus {op}", -part
    for other in _OTHER_OPS.get(op, ()):
        known = OPS[other]
        attrs = tuple((name, value) for name, value in part.attrs if name in known.attrs)
        yield "wrong op", f"{other} for {op}", Apply(other, args, attrs)
    if op == "where":
        condition, first, second = args
        swapped = replace(part, args=(condition, second, first))
        yield "swapped branches", "the branches of where swapped", swapped
        yield "dropped guard", "where's first branch alone", first
        yield "dropped guard", "where's second branch alone", second
    elif op in _GUARDS:
        yield "dropped guard", f"{op} left out", args[0]
    elif op == "divide_no_nan":
        yield "dropped guard", "a plain division", args[0] / args[1]
    elif op == "stop_gradient":
        yield "dropped guard", "stop_gradient left out", args[0]
    elif len(args) == 1 and not {"axis", "keepdims"} & set(OPS[op].attrs):
        yield "dropped op", f"{op} left out", args[0]
    elif len(args) == 2 and op not in _FLIPPED:
        yield "dropped op", f"the left operand of {op} alone", args[0]
        yield "dropped op", f"the right operand of {op} alone", args[1]
    if op in _ORDERED:
        swapped = replace(part, args=(args[1], args[0]))
        yield "swapped operands", f"the operands of {op} swapped", swapped


def _of_attributes(part: Apply) -> Iterator[tuple[str, str, Term]]:
    known = OPS[part.op].attrs
    given = dict(part.attrs)

    def changed(name: str, value: AttrPattern) -> Term:
        return replace(part, attrs=tuple(sorted({**given, name: value}.items())))

    if "axis" in known:
        for axis in (0, None) if "keepdims" in known else (0,):
            yield "axis", f"{part.op} over axis {axis}", changed("axis", axis)
    if "keepdims" in known:
        for keepdims in (True, False):
            yield "keepdims", f"{part.op} with keepdims={keepdims}", changed("keepdims", keepdims)
    if "index" in known:
        yield "axis", f"{part.op} 1", changed("index", 1)
        yield "axis", f"{part.op} 0", changed("index", 0)
