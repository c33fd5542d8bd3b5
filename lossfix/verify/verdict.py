"""A verdict: what running the two losses showed. Nothing is verified that was not run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any


class Outcome(str, Enum):
    VERIFIED = "verified"
    REFUTED = "refuted"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Context:
    """One way of running the pair, and how far it got there."""

    mode: str  # "eager", "graph", "xla"
    dtype: str  # "float32", "bfloat16", "float64"
    device: str  # "cpu", "gpu"
    outcome: Outcome
    reason: str = ""  # why it was not run, or what failed
    regimes: int = 0  # how many regimes were compared
    value_bits_before: float | None = None  # worst bits of error of the original's value
    value_bits_after: float | None = None
    gradient_bits_before: float | None = None
    gradient_bits_after: float | None = None
    backend: str = "tensorflow"  # the framework that ran it; Keras's backend for `keras.ops`


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one fix, with the figures it rests on."""

    outcome: Outcome
    contract: str
    reason: str
    counterexample: dict[str, Any] | None = None  # the smallest found: inputs and what came out
    contexts: tuple[Context, ...] = ()
    seed: int = 0
    versions: dict[str, str] = field(default_factory=dict)
    device: str = ""
    figures: dict[str, float] = field(default_factory=dict)  # e.g. gradient cosine, term's bits
    regimes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # what differs between contexts, what was left out
    inputs: dict[str, Any] = field(default_factory=dict)  # tensors, settings, digests of draws
    disagreements: tuple[str, ...] = ()  # where the original comes out otherwise in another context
    curve: dict[str, Any] = field(default_factory=dict)  # where asked for: see verify/sweep.py
    reads: tuple[str, ...] = ()  # files beside the losses that were read or looked for

    def as_json(self) -> dict[str, Any]:
        """The verdict under the keys that other programs read."""
        data = asdict(self)
        data["verdict"] = self.outcome.value
        del data["outcome"]
        for context in data["contexts"]:
            context["outcome"] = context["outcome"].value
        return data


_TUPLES = ("regimes", "notes", "disagreements", "reads")


def not_run(contract: str, reason: str) -> Verdict:
    return Verdict(Outcome.NOT_RUN, contract, reason)


def verdict_from_json(data: Mapping[str, Any]) -> Verdict:
    """The verdict that `as_json` wrote; KeyError, TypeError or ValueError for anything else."""
    fields = dict(data)
    contexts = tuple(
        Context(**{**context, "outcome": Outcome(context["outcome"])})
        for context in fields.pop("contexts")
    )
    outcome = Outcome(fields.pop("verdict"))
    fields.update({name: tuple(fields[name]) for name in _TUPLES})
    return Verdict(outcome=outcome, contexts=contexts, **fields)
