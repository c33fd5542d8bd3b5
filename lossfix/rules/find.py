"""Finding: every rule against every value of a module, the most specific match kept."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from lossfix.errors import RuleError
from lossfix.graph.facts import Facts
from lossfix.graph.module import Module, lift_module
from lossfix.graph.nodes import Kind, Node, Unit
from lossfix.graph.number import Numbering
from lossfix.rules.findings import Finding
from lossfix.rules.match import match
from lossfix.rules.pattern import Match, Rewrite
from lossfix.rules.rule import Rule, Scope
from lossfix.rules.terms import Apply
from lossfix.source.gate import may_speak_to_lossfix
from lossfix.source.text import Text

_SUM, _PRODUCT = "sum of operands", "product of factors"
_GROUPS = {"add": _SUM, "sub": _SUM, "neg": _SUM, "mul": _PRODUCT, "div": _PRODUCT}
_MIRRORED = {
    "greater": ("greater", "less"),
    "less": ("greater", "less"),
    "greater_equal": ("greater_equal", "less_equal"),
    "less_equal": ("greater_equal", "less_equal"),
}


def find(text: str, rules: Sequence[Rule], function: str | None = None) -> tuple[Finding, ...]:
    """Every finding in a module's text, in the order of the text.

    With `function`, that scope alone is looked at, as a loss whatever its name says.
    Raises SyntaxError, and RuleError where the module has no such function.
    """
    return find_in(lift_module(ast.parse(text)), Text(text), rules, function)


def find_in(
    module: Module, text: Text, rules: Sequence[Rule], function: str | None = None
) -> tuple[Finding, ...]:
    """Every finding in a lifted module, in the order of the text; suppressed ones say so."""
    index = _by_operation(rules)
    found: list[Finding] = []
    units = module.units if function is None else (_as_loss(module, function),)
    for unit in units:
        matches = _most_specific(list(_matches(unit, module.numbers, index)))
        found.extend(_finding(rule, hit, text) for rule, hit in matches)
    found.sort(key=lambda f: (f.span.start, f.span.end, f.rule.code))
    if may_speak_to_lossfix(text.content):
        from lossfix.rules.suppress import mark_suppressed

        return mark_suppressed(found, text)
    return tuple(found)


def _as_loss(module: Module, function: str) -> Unit:
    for unit in module.units:
        if unit.name == function:
            return replace(unit, kind=Kind.LOSS)
    names = ", ".join(unit.name for unit in module.units if unit.name) or "none"
    raise RuleError(f"there is no function {function!r} here; its functions are: {names}")


def _by_operation(rules: Iterable[Rule]) -> Mapping[str, list[tuple[Rule, Rewrite]]]:
    index: defaultdict[str, list[tuple[Rule, Rewrite]]] = defaultdict(list)
    for rule in rules:
        for rewrite in rule.rewrites:
            assert isinstance(rewrite.before, Apply)
            op = rewrite.before.op
            for key in _MIRRORED.get(op, (_GROUPS.get(op, op),)):
                index[key].append((rule, rewrite))
    return index


def _matches(
    unit: Unit,
    numbers: Numbering,
    index: Mapping[str, list[tuple[Rule, Rewrite]]],
) -> Iterator[tuple[Rule, Match]]:
    if unit.kind is Kind.METRIC:
        return
    facts = Facts(unit)
    for node in unit.nodes:
        for key in {node.op, _GROUPS.get(node.op, node.op)}:
            for rule, rewrite in index.get(key, ()):
                if not in_scope(rule.scope, node, facts):
                    continue
                for hit in match(rewrite, node, unit, facts, numbers):
                    if _holds(rule, hit):
                        yield rule, hit
                        break


def in_scope(scope: Scope, node: Node, facts: Facts) -> bool:
    """Whether a rule of `scope` looks at `node`."""
    if scope is Scope.KERAS and not facts.unit.keras:
        return False
    if scope is Scope.ANYWHERE and (facts.unit.kind is Kind.CODE or not facts.unit.inputs):
        return facts.tensor(node)
    if scope is Scope.ANYWHERE:
        return facts.varied(node)
    return facts.active(node)


def _holds(rule: Rule, hit: Match) -> bool:
    return (rule.when is None or rule.when(hit)) and (
        hit.rewrite.when is None or hit.rewrite.when(hit)
    )


def _most_specific(hits: list[tuple[Rule, Match]]) -> list[tuple[Rule, Match]]:
    """Drop a match whose root another match uses up, if that one outranks it."""
    kept: list[tuple[Rule, Match]] = []
    used: set[int] = set()
    cores: set[tuple[str, frozenset[int]]] = set()
    for rule, hit in sorted(hits, key=lambda hit: _rank(*hit), reverse=True):
        core = (rule.code, frozenset(id(n) for n in hit.interior if n.op not in _GROUPS))
        if id(hit.root) in used or (core[1] and core in cores):
            continue
        kept.append((rule, hit))
        cores.add(core)
        used.update(id(node) for node in hit.interior)
    return kept


def _rank(rule: Rule, hit: Match) -> tuple[int, int, int]:
    return rule.priority, -hit.rest, len(hit.interior)


def _finding(rule: Rule, hit: Match, text: Text) -> Finding:
    assert hit.root.origin is not None
    reason = "" if hit.after is not None else "diagnosis"
    return Finding(rule, hit, text.span(hit.root.origin.code), rule.message, reason)
