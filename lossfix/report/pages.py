"""Pages of a site: one a rule, and indexes by family, by symptom and by operation, in Markdown."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from lossfix.graph.vocabulary import OPS
from lossfix.report.explain import frameworks_of, sections
from lossfix.rules.rule import Rule
from lossfix.rules.steer import k_of
from lossfix.rules.symptoms import SYMPTOMS, symptoms_of
from lossfix.rules.terms import Apply, subterms

MARK = "<!-- written by lossfix docs from the rules; edit those -->"
FAMILIES: Mapping[str, tuple[str, str]] = {
    "LF0": ("Comments", "what lossfix's own comments ask for"),
    "LF1": ("Stability", "the same loss, computed without overflow, cancellation or NaN"),
    "LF2": ("Smoothing", "steps that have no gradient, and what stands in for them"),
    "LF3": ("Gradient flow", "values that leave the graph"),
    "LF4": ("Shape and meaning", "reductions, broadcasts, labels: another loss than was meant"),
    "": ("Other packs", "rules that other packages registered"),
}
_SPECIAL = re.compile(r"([\\*_<>\[\]|`])")
_DOI = re.compile(r"doi (10\.\d+/[^\s;,]+[^\s;,.])")
_ARXIV = re.compile(r"arXiv (\d{4}\.\d{4,5})")
_COMMON = frozenset("add sub mul div neg cast sum mean".split())


def pages(rules: Sequence[Rule]) -> Mapping[str, str]:
    """Path below the site's folder -> text."""
    found = {f"rules/{rule.code}.md": rule_page(rule) for rule in rules}
    found["rules/index.md"] = _page("Rules", _by_family(rules))
    found["symptoms.md"] = _page("What goes wrong", _by_symptom(rules))
    found["operations.md"] = _page("By operation", _by_operation(rules))
    return found


def rule_page(rule: Rule) -> str:
    """All that is known of a rule."""
    return _page(f"{rule.code} {rule.name}", _about(rule))


def _about(rule: Rule) -> Iterator[str]:
    yield f"{_plain(rule.summary)}."
    yield f'!!! failure "{rule.message[:1].upper() + rule.message[1:]}"'
    lines = [*(f"- {line}" for line in rule.before.splitlines())]
    lines += [f"+ {line}" for line in rule.after.splitlines()]
    yield "\n".join(["```diff", *lines, "```"])
    for title, words in sections(rule):
        yield f"## {title}"
        yield _linked(_plain(words))
    yield "## Where it is understood"
    yield ", ".join(f"`{column}`" for column in frameworks_of(rule)) or "In the text alone."


def _by_family(rules: Sequence[Rule]) -> Iterator[str]:
    yield (
        "`lossfix rules` lists these, `lossfix explain CODE` shows one, and "
        "`lossfix rules --symptom 'loss is NaN after a while'` finds those behind what you see."
    )
    for prefix, (title, words) in FAMILIES.items():
        members = [rule for rule in rules if _family(rule) == prefix]
        if members:
            yield f"## {title}"
            yield f"{words[:1].upper()}{words[1:]}."
            yield "\n".join(
                ["| rule | what it does | contract | k |", "| --- | --- | --- | --- |"]
                + [_row(rule) for rule in members]
            )


def _family(rule: Rule) -> str:
    return next(prefix for prefix in FAMILIES if rule.code.startswith(prefix))


def _row(rule: Rule) -> str:
    k = k_of(rule.contract)
    sharpness = "" if k is None else f"{k:g}"
    link = f"[{rule.code} {rule.name}]({rule.code}.md)"
    return f"| {link} | {_plain(rule.summary)} | {rule.contract.name} | {sharpness} |"


def _by_symptom(rules: Sequence[Rule]) -> Iterator[str]:
    yield "Find what you see; each rule below it names the line and, where there is one, the cure."
    for key, symptom in SYMPTOMS.items():
        yield f"## {symptom.title}"
        yield symptom.advice
        yield _list(rule for rule in rules if key in symptoms_of(rule))


def _by_operation(rules: Sequence[Rule]) -> Iterator[str]:
    yield "Every operation that a rule looks for, under the names that you may have written it by."
    found: defaultdict[str, dict[str, Rule]] = defaultdict(dict)
    for rule in rules:
        for rewrite in rule.rewrites:
            for term in subterms(rewrite.before):
                if isinstance(term, Apply) and term.op not in _COMMON:
                    found[term.op.removeprefix("np_")][rule.code] = rule
    for op in sorted(found):
        names = dict.fromkeys(name for names in OPS[op].names.values() for name in names)
        yield f"## {op.replace('_', ' ')}"
        if names:
            yield ", ".join(f"`{name}`" for name in names)
        yield _list(found[op].values())


def _list(rules: Iterable[Rule]) -> str:
    return "\n".join(
        f"- [{rule.code} {rule.name}](rules/{rule.code}.md): {_plain(rule.summary)}"
        for rule in rules
    )


def _page(title: str, parts: Iterator[str]) -> str:
    return "\n\n".join([f"# {title}", MARK, *parts]) + "\n"


def _plain(text: str) -> str:
    """Words that Markdown leaves as they are."""
    return _SPECIAL.sub(r"\\\1", text)


def _linked(text: str) -> str:
    text = _DOI.sub(lambda m: f"[doi {m[1]}](https://doi.org/{_bare(m[1])})", text)
    return _ARXIV.sub(lambda m: f"[arXiv {m[1]}](https://arxiv.org/abs/{m[1]})", text)


def _bare(text: str) -> str:
    return text.replace("\\", "")
