"""Titles: what a fix does, in the few words of a menu."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lossfix.graph.vocabulary import OPS
from lossfix.rules.contracts import Contract, Relaxed
from lossfix.rules.rule import Rule
from lossfix.rules.terms import Apply, Term, subterms

_ARITHMETIC = frozenset(
    "add sub mul div neg greater greater_equal less less_equal cast reshape stop_gradient "
    "column column_kept where maximum".split()
)
_VERBS: Mapping[str, str] = {
    "exact": "Replace by",
    "guarded": "Guard with",
    "bounded": "Guard with",
    "monotone": "Replace by",
    "relaxed": "Smooth with",
    "straight-through": "Pass the gradient straight through",
    "meaning": "Change the loss: use",
}
_WITHOUT_OPS: Mapping[str, str] = {
    "straight-through": "Pass the gradient straight through",
}


def fix_title(rule: Rule, sharpness: float | None = None, outcome: str = "") -> str:
    """ "Replace by logsumexp (exact)", "Smooth with sigmoid, k = 10 (relaxed, verified)".

    `outcome` is what running this very fix came to, empty where it was not run.
    """
    contract = rule.contract
    words = f"{contract.name}, {outcome}" if outcome else contract.name
    k = rule.sharpness or sharpness
    return f"{_what(rule)}{_with_sharpness(contract, k)} ({words})"


def _what(rule: Rule) -> str:
    kind = rule.contract.name
    if kind in _WITHOUT_OPS:
        return _WITHOUT_OPS[kind]
    named = list(dict.fromkeys(_new_ops(rule)))[:2]
    if not named:
        return f"Fix {rule.name}"
    return f"{_VERBS.get(kind, 'Use')} {' and '.join(named)}"


def _with_sharpness(contract: Contract, sharpness: float | None) -> str:
    if not isinstance(contract, Relaxed) or contract.sharpness is None:
        return ""
    return f", k = {sharpness or contract.sharpness:g}"


def _new_ops(rule: Rule) -> Iterator[str]:
    """Ops that the replacement has and the pattern has not, the ones that name it first."""
    for rewrite in rule.rewrites:
        if rewrite.after is None:
            continue
        old = set(_ops(rewrite.before))
        new = [op for op in _ops(rewrite.after) if op not in old]
        telling = [op for op in new if op not in _ARITHMETIC]
        if telling:
            yield from telling
        else:
            yield from (op for op in new if op in ("where", "maximum"))
        return


def _ops(term: Term) -> list[str]:
    return [part.op for part in subterms(term) if isinstance(part, Apply) and part.op in OPS]
