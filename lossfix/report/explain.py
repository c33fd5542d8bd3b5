"""Rules in words: the list, and all that is known of one."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from lossfix.graph.vocabulary import OPS
from lossfix.rules.rule import Rule
from lossfix.rules.steer import k_of, kernel_names
from lossfix.rules.symptoms import SYMPTOMS, search, symptoms_of
from lossfix.rules.terms import Apply, Term, subterms

_WIDTH = 88
_COLUMNS = ("tf", "keras.ops", "keras.backend")
_BY_PYTHON = frozenset(
    "add sub mul div neg pow mod floordiv greater greater_equal less less_equal equal not_equal "
    "logical_and logical_or column column_kept matmul to_float to_int to_numpy".split()
)
"""Ops that Python, or a method of a tensor, writes in every framework."""


def rules_text(rules: Sequence[Rule]) -> str:
    """One line a rule: code, name, contract, sharpness, frameworks, what it does."""
    widest = max((len(rule.name) for rule in rules), default=0)
    return "\n".join(_line(rule, widest) for rule in rules)


def _line(rule: Rule, widest: int) -> str:
    k = k_of(rule.contract)
    steered = "" if k is None else f"k={k:g}"
    columns = ",".join(_SHORT[column] for column in frameworks_of(rule))
    name = f"{rule.code}  {rule.name:{widest}}"
    return f"{name}  {rule.contract.name:16}  {steered:5}  {columns:8}  {rule.summary}"


_SHORT = {"tf": "tf", "keras.ops": "ops", "keras.backend": "K"}


def symptom_text(words: str, rules: Sequence[Rule]) -> str:
    """The rules behind what a person sees, by the likeliest symptom first."""
    found = search(words, rules)
    if not found:
        titles = "\n".join(f"  {symptom.title}" for symptom in SYMPTOMS.values())
        return f"No symptom is known by these words. These are:\n{titles}"
    widest = max((len(rule.name) for _, behind in found for rule in behind), default=0)
    return "\n\n".join(
        "\n".join(
            [
                SYMPTOMS[key].title,
                _wrapped(SYMPTOMS[key].advice.replace("`", "")),
                *(f"  {rule.code}  {rule.name:{widest}}  {rule.summary}" for rule in behind),
            ]
        )
        for key, behind in found
    )


def frameworks_of(rule: Rule) -> tuple[str, ...]:
    """The APIs in which some spelling of the rule's pattern can be written."""
    return tuple(
        column
        for column in _COLUMNS
        if any(_is_spelled(rewrite.before, column) for rewrite in rule.rewrites)
    )


def _is_spelled(term: Term, column: str) -> bool:
    return all(
        part.op in _BY_PYTHON
        or part.op.startswith("np_")
        or any(OPS[part.op].names.get(each) for each in (column, "keras.losses", "keras.metrics"))
        for part in subterms(term)
        if isinstance(part, Apply)
    )


def sections(rule: Rule) -> Iterator[tuple[str, str]]:
    """All that is known of a rule but its examples: titles, and the words below them."""
    yield "Why", rule.why
    if rule.breaks_at:
        yield "Breaks at", "; ".join(f"{each.text} in {each.dtype}" for each in rule.breaks_at)
    seen = "; ".join(SYMPTOMS[key].title for key in symptoms_of(rule))
    if seen:
        yield "Seen as", seen
    yield "Contract", f"{rule.contract.name}: {rule.contract.promise}"
    singular = getattr(rule.contract, "singular", "")
    if singular:
        yield "Singular set", f"{singular}; there: {rule.contract.convention}"  # type: ignore[attr-defined]
    for title, field in (("Changes", "changes"), ("Keeps", "keeps"), ("Error", "error")):
        words = getattr(rule.contract, field, "")
        if words:
            yield title, words
    yield "Applied", applied_when(rule)
    if kernel_names(rule):
        others = (f"{each.name} ({each.contract.name}): {each.words}" for each in rule.kernels)
        yield "Kernels", "; ".join([f"{rule.kernel}, by default", *others])
    yield "What changes", rule.fix_safety
    yield "When not", rule.when_not
    yield "Source", rule.source


def explain_text(rule: Rule) -> str:
    """What the rule finds and why, an example, its contract, when not to use it, its source."""
    parts = [f"{rule.code} {rule.name}", _wrapped(rule.summary)]
    found = [_wrapped(f"{title}. {_ended(words)}") for title, words in sections(rule)]
    first = 2 if rule.breaks_at else 1
    example = f"  - {rule.before}" + (f"\n  + {rule.after}" if rule.after else "")
    return "\n\n".join([*parts, *found[:first], example, *found[first:]])


def _ended(words: str) -> str:
    return words if words.endswith(".") else f"{words}."


def applied_when(rule: Rule) -> str:
    if not rule.fixable:
        return "never: it explains and offers nothing"
    if rule.contract.by_default:
        return "by default"
    if rule.contract.by_name_only:
        return f"with --allow {rule.code} or --allow {rule.name}"
    return f"with --allow {rule.contract.name}"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
