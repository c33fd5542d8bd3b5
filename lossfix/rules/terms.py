"""Terms over the op vocabulary: what a rule looks for, and what it puts there.

`ops.log(ops.softmax(x, axis=ax))` builds a term; Python's operators build the arithmetic ones.
A variable stands for any value, and the same variable twice for the same value twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lossfix.graph.vocabulary import OPS


@dataclass(frozen=True, slots=True)
class Term:
    """Base of all terms; immutable, hashable, equal by structure."""

    def __neg__(self) -> Term:
        return Apply("neg", (self,))

    def __add__(self, other: Operand) -> Term:
        return Apply("add", (self, as_term(other)))

    def __radd__(self, other: Operand) -> Term:
        return Apply("add", (as_term(other), self))

    def __sub__(self, other: Operand) -> Term:
        return Apply("sub", (self, as_term(other)))

    def __rsub__(self, other: Operand) -> Term:
        return Apply("sub", (as_term(other), self))

    def __mul__(self, other: Operand) -> Term:
        return Apply("mul", (self, as_term(other)))

    def __rmul__(self, other: Operand) -> Term:
        return Apply("mul", (as_term(other), self))

    def __truediv__(self, other: Operand) -> Term:
        return Apply("div", (self, as_term(other)))

    def __rtruediv__(self, other: Operand) -> Term:
        return Apply("div", (as_term(other), self))

    def __gt__(self, other: Operand) -> Term:
        return Apply("greater", (self, as_term(other)))

    def __lt__(self, other: Operand) -> Term:
        return Apply("less", (self, as_term(other)))

    def __ge__(self, other: Operand) -> Term:
        return Apply("greater_equal", (self, as_term(other)))

    def __le__(self, other: Operand) -> Term:
        return Apply("less_equal", (self, as_term(other)))


Operand = Term | int | float


@dataclass(frozen=True, slots=True)
class Var(Term):
    """A wildcard for a value."""

    name: str


@dataclass(frozen=True, slots=True)
class Const(Term):
    """A number; matches a folded constant that equals it."""

    value: int | float | bool


@dataclass(frozen=True, slots=True)
class Sharpness(Term):
    """The relaxation's sharpness k: the rule's default, or what the person asked for."""


@dataclass(frozen=True, slots=True)
class AttrVar:
    """A wildcard for an attribute: an axis, a flag, a dtype."""

    name: str


AttrPattern = AttrVar | int | float | str | bool | None


@dataclass(frozen=True, slots=True)
class Apply(Term):
    """An op of the vocabulary on terms. An attribute that is not named is the op's default."""

    op: str
    args: tuple[Term, ...]
    attrs: tuple[tuple[str, AttrPattern], ...] = ()


@dataclass(frozen=True, slots=True)
class Bind(Term):
    """A part of a replacement that deserves a variable of its own: used twice, computed once.

    `name` is the name to suggest; the rewriter picks a free one.
    """

    name: str
    term: Term


def as_term(value: Operand) -> Term:
    return value if isinstance(value, Term) else Const(value)


class _Ops:
    """`ops.exp(x)` is `Apply("exp", (x,))`; a name outside the vocabulary is an error at once."""

    def __getattr__(self, name: str) -> _Builder:
        if name not in OPS:
            raise AttributeError(f"{name!r} is not an op of the vocabulary")
        return _Builder(name)


@dataclass(frozen=True, slots=True)
class _Builder:
    op: str

    def __call__(self, *args: Operand, **attrs: AttrPattern) -> Term:
        known = OPS[self.op]
        if len(args) != len(known.params) or not set(attrs) <= set(known.attrs):
            raise TypeError(f"{self.op} takes {known.params} and {tuple(known.attrs)}")
        return Apply(self.op, tuple(map(as_term, args)), tuple(sorted(attrs.items())))


ops = _Ops()


def subterms(term: Term) -> Iterator[Term]:
    """`term` and everything in it, outermost first, repeats included."""
    yield term
    if isinstance(term, Apply):
        for arg in term.args:
            yield from subterms(arg)
    elif isinstance(term, Bind):
        yield from subterms(term.term)


def variables(term: Term) -> tuple[str, ...]:
    """The names of the variables of `term`, in the order in which they first occur."""
    return tuple(dict.fromkeys(t.name for t in subterms(term) if isinstance(t, Var)))


def substituted(term: Term, old: Term, new: Term) -> Term:
    """`term` with `new` in every place where it has `old`."""
    if term == old:
        return new
    if isinstance(term, Apply):
        return replace(term, args=tuple(substituted(arg, old, new) for arg in term.args))
    if isinstance(term, Bind):
        return replace(term, term=substituted(term.term, old, new))
    return term
