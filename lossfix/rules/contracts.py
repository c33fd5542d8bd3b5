"""The contracts: what a fix promises, and when it is applied. There are no others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Contract:
    """What a fix promises about the loss it rewrites."""

    name: ClassVar[str]
    promise: ClassVar[str]
    by_default: ClassVar[bool] = False  # applied without --allow
    by_name_only: ClassVar[bool] = False  # --allow wants the rule's own code or name


@dataclass(frozen=True, slots=True)
class Exact(Contract):
    """Equal over the reals on the original's whole domain; more accurate in floating point."""

    name = "exact"
    promise = "the same loss and gradient, computed more accurately"
    by_default = True


@dataclass(frozen=True, slots=True)
class Guarded(Contract):
    """Equal wherever the original is finite; finite on the singular set, by a convention."""

    name = "guarded"
    promise = "the same loss wherever it was finite, and finite on its singular set"
    by_default = True
    singular: str = ""  # the singular set, in words
    convention: str = ""  # the value and gradient there, in words


@dataclass(frozen=True, slots=True)
class Bounded(Contract):
    """The value moves by at most a stated bound."""

    name = "bounded"
    promise = "the value moves by at most a stated bound"
    bound: float = 0.0
    relative: bool = False


@dataclass(frozen=True, slots=True)
class Monotone(Contract):
    """An increasing function of the original, at the root of the loss."""

    name = "monotone"
    promise = "the same minimisers and parallel gradients, on another scale"


@dataclass(frozen=True, slots=True)
class Relaxed(Contract):
    """Tends to the original as the sharpness k grows, off the threshold.

    `error` is the bound, in words, with k in it. Further than `fades / k` from the threshold the
    gradient is exactly 0 in float32; 0 where it never is.
    """

    name = "relaxed"
    promise = "a smooth stand-in that tends to the original as the sharpness k grows"
    sharpness: float | None = 10.0  # None where the relaxation has no sharpness
    error: str = ""
    fades: float = 0.0


IDENTITY = "the identity"


@dataclass(frozen=True, slots=True)
class StraightThrough(Contract):
    """The same forward value; the backward pass is a declared surrogate.

    With `surrogate` IDENTITY it is that of the value without its step, which the proof and the
    verifier hold a rule to.
    """

    name = "straight-through"
    promise = "the same value, with a declared surrogate gradient"
    surrogate: str = ""
    sharpness: float | None = None  # of the surrogate, where it has one


@dataclass(frozen=True, slots=True)
class Meaning(Contract):
    """Repairs what looks like a bug, so the loss changes.

    `equal_on` names variables of the pattern, each with an interval: with their values in it the
    two losses are equal over the reals, as with an epsilon of 0. With `by_row` the new loss of a
    row is the old loss of that row alone. With `same_value` the value stays, and the gradient
    becomes the value's own. The proof and the verifier hold a rule to it.
    """

    name = "meaning"
    promise = "a different loss, which only its author can ask for"
    by_name_only = True
    changes: str = ""
    keeps: str = ""
    equal_on: tuple[tuple[str, float, float], ...] = ()  # (variable, low, high)
    by_row: bool = False
    same_value: bool = False


@dataclass(frozen=True, slots=True)
class Diagnosis(Contract):
    """Explains; no replacement can be known to be right."""

    name = "diagnosis"
    promise = "no replacement can be known to be right"


CONTRACTS: tuple[type[Contract], ...] = (
    Exact,
    Guarded,
    Bounded,
    Monotone,
    Relaxed,
    StraightThrough,
    Meaning,
    Diagnosis,
)
