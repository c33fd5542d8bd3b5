"""A rule is data: what to look for, what to put there, and everything a person should know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from lossfix.rules.contracts import Contract
from lossfix.rules.pattern import Condition, Rewrite

ROOT = "."  # `range_of` where the whole match is meant


class Scope(Enum):
    """Where a rule looks."""

    ANYWHERE = "anywhere"  # any code that uses a framework
    LOSS = "loss"  # values that depend on the predictions, in a loss or a helper of one
    PART = "part"  # any value of a loss or of a helper of one, labels and masks included
    KERAS = "keras"  # as LOSS, in a loss that Keras calls with (y_true, y_pred)


@dataclass(frozen=True, slots=True)
class Limit:
    """Where the original starts to fail: `x > 88.73` in float32, say."""

    text: str  # "x > 88.73"
    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class Domain:
    """Where a variable is drawn from when a rule is proved: a closed interval of the reals.

    `near` are points to crowd (thresholds, zeros); `shape` is the shape of the sample, and `()`
    a scalar. With `distinct`, a relaxation is compared where no two entries are near each other.
    """

    low: float = -400.0
    high: float = 400.0
    near: tuple[float, ...] = ()
    shape: tuple[int, ...] = (2, 3)
    integer: bool = False
    distinct: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Kernel:
    """Another replacement of a rule's patterns, that a person may ask for by its name.

    `rewrites` are the rule's own, in their order, each with another replacement.
    """

    name: str
    contract: Contract
    rewrites: tuple[Rewrite, ...]
    words: str  # what it is good for, one line


@dataclass(frozen=True, kw_only=True, eq=False)
class Rule:
    """One entry of the catalogue."""

    code: str  # "LF101"; LF1xx stability, LF2xx smoothing, LF3xx gradient flow, LF4xx shape
    name: str  # "log-softmax"
    catalogue: tuple[str, ...] = ()  # ids of the pattern catalogue, "A01"
    summary: str  # what it does, one line
    rewrites: tuple[Rewrite, ...]
    contract: Contract
    scope: Scope = Scope.ANYWHERE
    when: Condition | None = None  # over activity, ranges, dtype and shape
    message: str  # what is wrong here, one line
    why: str  # why it is bad, with the number
    breaks_at: tuple[Limit, ...] = ()
    before: str  # an example as text
    after: str  # the example mended ("" for a diagnosis)
    fix_safety: str  # what changes for the author
    when_not: str  # when not to use it
    source: str  # paper, doi, documentation page
    symptoms: tuple[str, ...] = ()  # keys of `symptoms.SYMPTOMS`; by its family where empty
    domains: Mapping[str, Domain] = field(default_factory=dict)
    range_of: str = ""  # the variable whose range makes it a finding; ROOT for the whole
    priority: int = 0  # the more specific of two rules on one place has the higher one
    kernel: str = ""  # the name of the replacement in `rewrites`, where there are others
    kernels: tuple[Kernel, ...] = ()  # the others
    sharpness: float | None = None  # what a person asked for, for this rule
    scale_of: str = ""  # the variable whose width the sharpness is seen against

    def with_kernel(self, name: str) -> Rule:
        """This rule with another of its kernels. Raises KeyError where it has none of that name."""
        if name == self.kernel:
            return self
        kernel = {each.name: each for each in self.kernels}[name]
        return replace(
            self, kernel=name, kernels=(), contract=kernel.contract, rewrites=kernel.rewrites
        )

    @property
    def fixable(self) -> bool:
        return any(rewrite.after is not None for rewrite in self.rewrites)
