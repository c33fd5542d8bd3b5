"""Symptoms: what a person sees when training goes wrong, and the rules that may be behind it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lossfix.rules.rule import Rule


@dataclass(frozen=True, slots=True)
class Symptom:
    """What is seen, as people say it. `words` are what a search is matched with."""

    title: str
    words: frozenset[str]
    advice: str


def _symptom(title: str, words: str, advice: str) -> Symptom:
    return Symptom(title, frozenset(words.split()), advice)


SYMPTOMS: Mapping[str, Symptom] = {
    "nan": _symptom(
        "The loss is NaN or infinite, at once or after a while",
        "nan nans inf infinite infinity overflow explode explodes exploding diverge diverges while "
        "suddenly hour epochs",
        "`lossfix verify FILE::loss` finds inputs that make it so, and `lossfix why FILE::loss` "
        "names the line.",
    ),
    "no-gradient": _symptom(
        "No gradients provided for any variable, or a gradient is None",
        "no none gradient gradients provided any variable variables missing valueerror",
        "`lossfix why FILE::loss` names the line where the gradient is lost.",
    ),
    "stuck": _symptom(
        "The loss does not go down, and the weights never move",
        "stuck does not go down decrease constant plateau flat move never moves learn learning "
        "stops improve zero same",
        "`lossfix why FILE::loss` tells a gradient of 0 from one that is lost.",
    ),
    "gpu": _symptom(
        "It trains on a CPU and is NaN on a GPU, or compiled by XLA",
        "works cpu gpu xla jit compile compiled tpu device only nan laptop",
        "Keras compiles with XLA by default where there is a GPU. `lossfix verify FILE::loss` runs "
        "the loss eagerly, as a graph and compiled, and compares.",
    ),
    "half": _symptom(
        "It is NaN, infinite or 0 in mixed precision",
        "half float16 bfloat16 mixed precision fp16 bf16 amp nan zero underflow",
        "Cast what the loss is given to float32: the loss itself is cheap.",
    ),
    "inexact": _symptom(
        "Small values are lost: the loss is 0, or rough, where it should be small",
        "small inaccurate precision digits noisy rough lost cancellation wrong zero imprecise",
        "The formula takes two numbers away from each other that are almost equal.",
    ),
    "value": _symptom(
        "The loss is not what the formula says: too large, too small, never near 0",
        "wrong value too large small high low never zero minimum perfect prediction mean broadcast "
        "shape",
        "`lossfix rewrite --allow CODE` shows the loss that was probably meant, beside yours.",
    ),
    "batch": _symptom(
        "Results change with the batch size",
        "batch size changes depends last partial learning rate samples neighbours",
        "A loss of Keras gives one value a sample, and leaves the batch to Keras.",
    ),
    "weights": _symptom(
        "sample_weight or class_weight has no effect, or raises",
        "sample_weight class_weight weight weights effect ignored raises imbalanced",
        "A loss of Keras gives one value a sample: what is one number already has no weights.",
    ),
    "raises": _symptom(
        "It works when called by hand and raises in model.fit",
        "raises error fit hand called symbolic typeerror valueerror notimplementederror "
        "attributeerror invalidargumenterror dtype bool numpy eager graph",
        "model.fit traces the loss once, with symbolic values and float labels.",
    ),
}

_FAMILIES: Mapping[str, tuple[str, ...]] = {
    "LF1": ("nan",),
    "LF2": ("no-gradient", "stuck"),
    "LF3": ("no-gradient",),
    "LF4": ("value",),
}
_HALVES = ("float16", "bfloat16")


def symptoms_of(rule: Rule) -> tuple[str, ...]:
    """The keys of what a person sees: what the rule says, else what its family shows."""
    named = rule.symptoms or _FAMILIES.get(rule.code[:3], ())
    half = any(limit.dtype in _HALVES for limit in rule.breaks_at) and "half" not in named
    return (*named, *(("half",) if half else ()))


def search(words: str, rules: Sequence[Rule]) -> tuple[tuple[str, tuple[Rule, ...]], ...]:
    """The symptoms that a person may mean, the likeliest first, each with its rules.

    A symptom is as likely as it has words of the search; rarer words say more.
    """
    asked = set(re.findall(r"[a-z_0-9]+", words.lower()))
    scores: dict[str, float] = {}
    for key, symptom in SYMPTOMS.items():
        known = symptom.words | set(re.findall(r"[a-z_0-9]+", symptom.title.lower()))
        scores[key] = sum(1.0 / _spread(word) for word in asked & known)
    best = max(scores.values())
    ranked = sorted(scores, key=lambda key: -scores[key])
    return tuple(
        (key, tuple(rule for rule in rules if key in symptoms_of(rule)))
        for key in ranked
        if scores[key] > 0.5 * best
    )


def _spread(word: str) -> int:
    return sum(word in each.words or word in each.title.lower() for each in SYMPTOMS.values()) or 1
