"""Which frameworks a loss is run under, and one verdict from theirs.

A loss in `keras.ops` is run under every Keras backend that is installed, each in a process of its
own: they disagree about ties, about the derivative of abs at 0, and about xlogy.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lossfix.verify.regimes import ORDINARY
from lossfix.verify.request import Program
from lossfix.verify.slice import SliceError, slice_module
from lossfix.verify.verdict import Outcome, Verdict

BACKENDS = ("tensorflow", "jax", "torch")  # of Keras 3
MODES = {"tensorflow": ("eager", "graph", "xla"), "jax": ("eager", "xla")}
RUN = tuple(MODES)  # that losses can be run with
_NEAR = 1e-3  # relative: between frameworks, float32 sums in another order
_NOTHING = 1e-30  # what is below it, frameworks may flush to zero

Outline = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Frameworks:
    """What a loss is run under, the first one being the main one, and what is left out."""

    names: tuple[str, ...]
    absent: tuple[str, ...] = ()


def frameworks_of(program: Program) -> Frameworks:
    """By the imports of the loss's own part of its module."""
    try:
        text = slice_module(program.text, program.function).text
        imported = _imported(text)
    except (SliceError, SyntaxError, ValueError):
        imported = set()
    if imported & {"tensorflow", "tf_keras"}:
        return Frameworks(("tensorflow",))
    if "jax" in imported:
        return Frameworks(("jax",))
    if "keras" in imported:
        there = tuple(name for name in RUN if installed(name))
        absent = tuple(name for name in BACKENDS if name not in there)
        return Frameworks(there or ("tensorflow",), absent)
    return Frameworks(("tensorflow",))


def installed(framework: str) -> bool:
    """Whether a framework can be found; it is not imported."""
    return importlib.util.find_spec(framework) is not None


def _imported(text: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def merged(
    verdicts: Mapping[str, Verdict], outlines: Mapping[str, Outline], absent: tuple[str, ...]
) -> Verdict:
    """One verdict: refuted where any backend refutes. The first verdict's figures are kept."""
    main, *others = verdicts
    verdict = verdicts[main]
    told = [f"{name} {v.outcome.value}" for name, v in verdicts.items()]
    if absent:
        told.append(_left_out(absent))
    notes = [f"Keras backends: {'; '.join(told)}"]
    disagree = list(verdict.disagreements)
    contexts = list(verdict.contexts)
    versions = dict(verdict.versions)
    for name in others:
        other = verdicts[name]
        contexts += [replace(context, backend=name) for context in other.contexts]
        versions.update({k: v for k, v in other.versions.items() if k not in versions})
        if other.outcome is Outcome.NOT_RUN:
            notes.append(f"under {name} not run: {other.reason}")
        disagree += [f"under {name}: {told}" for told in other.disagreements]
        if other.outcome is Outcome.REFUTED and verdict.outcome is not Outcome.REFUTED:
            verdict = replace(
                verdict,
                outcome=Outcome.REFUTED,
                reason=f"under Keras with {name}: {other.reason}",
                counterexample=other.counterexample,
            )
    return replace(
        verdict,
        contexts=tuple(contexts),
        versions=versions,
        notes=tuple(dict.fromkeys((*notes, *verdict.notes))),
        disagreements=(*_differences(outlines), *disagree),
        reads=tuple(sorted({path for each in verdicts.values() for path in each.reads})),
    )


def _left_out(absent: tuple[str, ...]) -> str:
    """A backend that is installed and cannot be run with is not said to be missing."""
    gone = [name for name in absent if not installed(name)]
    unknown = [name for name in absent if name not in gone]
    parts = [f"{', '.join(gone)} not installed"] if gone else []
    parts += [f"{', '.join(unknown)} installed, and not run: lossfix cannot"] if unknown else []
    return "; ".join(parts)


def _differences(outlines: Mapping[str, Outline]) -> list[str]:
    """Where the original itself comes out otherwise under another backend."""
    notes: dict[tuple[str, str], list[str]] = {}
    for which in ("value", "gradient"):
        regimes = set.intersection(*(set(o) for o in outlines.values())) if outlines else set()
        for regime in sorted(regimes):
            seen = {name: outline[regime][which] for name, outline in outlines.items()}
            good = [n for n, v in seen.items() if v is None or np.isfinite(v).all()]
            bad = [n for n in seen if n not in good]
            if good and bad:
                told = f"is finite in {', '.join(good)} and not in {', '.join(bad)}"
                notes.setdefault((which, told), []).append(regime)
            elif not bad and not _alike([np.asarray(v or [0.0]) for v in seen.values()]):
                known = "" if regime in ORDINARY else ", by convention"
                told = f"differs between {' and '.join(seen)}{known}"
                notes.setdefault((which, told), []).append(regime)
    return [
        f"the original's {which} {told} (regimes: {', '.join(regimes)})"
        for (which, told), regimes in notes.items()
    ]


def _alike(numbers: list[Any]) -> bool:
    first = numbers[0]
    top = max(float(np.max(np.abs(n), initial=0.0)) for n in numbers)
    return top < _NOTHING or all(
        n.shape == first.shape and bool(np.all(np.abs(n - first) <= _NEAR * top)) for n in numbers
    )
