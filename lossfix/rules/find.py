"""Finding: every rule against every value of a module, the most specific match kept."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from lossfix.errors import RuleError
from lossfix.graph.facts import Facts
from lossfix.graph.index import Index
from lossfix.graph.kinds import may_be_loss
from lossfix.graph.module import Module, lift_module
from lossfix.graph.nodes import CONST, Call, Kind, Node, Unit, reached
from lossfix.graph.number import Numbering
from lossfix.rules.candidates import Candidates, candidates_of
from lossfix.rules.findings import Finding
from lossfix.rules.match import match
from lossfix.rules.operands import PRODUCT, SUM
from lossfix.rules.pattern import Match, Rewrite
from lossfix.rules.range_text import range_text
from lossfix.rules.rule import ROOT, Rule, Scope
from lossfix.rules.terms import subterms, variables
from lossfix.rules.words import Worth
from lossfix.source.gate import may_speak_to_lossfix
from lossfix.source.text import Text

_SUM_OR_PRODUCT = SUM | PRODUCT


def find(text: str, rules: Sequence[Rule], function: str | None = None) -> tuple[Finding, ...]:
    """Every finding in a module's text, in the order of the text.

    With `function`, that scope alone is looked at, as a loss whatever its name says.
    Raises SyntaxError, and RuleError where the module has no such function.
    """
    return find_in(lift_module(ast.parse(text)), Text(text), rules, function)


def find_in(
    module: Module,
    text: Text,
    rules: Sequence[Rule],
    function: str | None = None,
    worth: Worth | None = None,
) -> tuple[Finding, ...]:
    """Every finding in a lifted module, in the order of the text; suppressed ones say so.

    With `worth`, only those units and what losses among them call are looked at.
    """
    index = candidates_of(tuple(rules))
    if function is None:
        worth = worth or Worth(module.names, ())
        facts = facts_of(module.survey(worth.losses, worth.others))
    else:
        facts = (Facts(_as_loss(module, function)),)
    found = _settled(_all_findings(facts, module, index, text), module)
    found.sort(key=lambda f: (f.span.start, f.span.end, f.rule.code))
    if may_speak_to_lossfix(text.content):
        from lossfix.rules.suppress import mark_suppressed, steer_by_comments

        rematch = partial(_rematched, numbers=module.numbers)
        return mark_suppressed(steer_by_comments(found, text, rematch), text)
    return tuple(found)


def _rematched(rewrite: Rewrite, old: Match, numbers: Numbering) -> Match | None:
    """The same place and the same values, by another rewrite of the same pattern."""
    values = {name: node.number for name, node in old.values.items()}
    for hit in match(rewrite, old.root, old.unit, old.facts, numbers):
        if {name: node.number for name, node in hit.values.items()} == values:
            return hit
    return None


def _settled(findings: Iterable[Finding], module: Module) -> list[Finding]:
    """One finding a piece of text, at the place that a person would mend.

    What a call completes is reported at the call; what a helper wrote by itself in the helper; and
    what only a caller's values show is reported last, where nothing else is.
    """
    best: dict[int, tuple[tuple[int, int, int], Finding]] = {}
    completed: set[int] = set()  # what helpers wrote and the text of a call completes
    elsewhere: list[tuple[int, Finding]] = []  # what a helper wrote, and the call shows to be bad
    for finding in findings:
        inner = _inner_code(finding.match)
        if inner is not None and _within_helper(finding.match):
            elsewhere.append((inner, finding))
            continue
        code = _code(finding.match)
        if finding.reason.startswith(_ACROSS) and not _straddles(finding.match):
            elsewhere.append((code, finding))
            continue
        rank = _rank(finding.rule, finding.match)
        if code not in best or best[code][0] < rank:
            best[code] = (rank, finding)
        if inner is not None:
            completed.add(inner)
    used = {
        id(node.origin.code)
        for _, finding in best.values()
        for node in finding.match.interior
        if node.origin is not None
    }
    for code, finding in elsewhere:
        if code in used or _is_of_another_loss(finding, best.values(), module):
            continue
        if finding.reason.startswith(_ACROSS):
            best[code] = (_LOWEST, finding)
        elif not _is_found_there(finding, module):
            best.setdefault(_code(finding.match), (_LOWEST, _in_helper(finding)))
    return [finding for code, (_, finding) in best.items() if code not in completed]


def _all_findings(
    facts: Sequence[Facts], module: Module, index: Candidates, text: Text
) -> Iterator[Finding]:
    for each in facts:
        matches = _most_specific(list(_matches(each, each.unit, module.numbers, index)))
        yield from (_finding(rule, hit, text) for rule, hit in matches)
    if len(facts) > 1:
        for each in facts:
            yield from _across_calls(each, module, index, text)


def _across_calls(facts: Facts, module: Module, index: Candidates, text: Text) -> Iterator[Finding]:
    """Findings in functions of the file that only their caller's values make: no fix is local."""
    caller = facts.unit
    for name, nodes in _run_through(caller, module.index).items():
        callee = replace(caller, name=name, tree=module.index.places[name].tree, nodes=nodes)
        hits = [
            (rule, hit)
            for rule, hit in _matches(facts, callee, module.numbers, index)
            if _straddles(hit) or (rule.range_of and rule.scope is not Scope.ANYWHERE)
        ]
        for rule, hit in _most_specific(hits):
            reason = f"{_ACROSS}: what {caller.name or 'the module'} gives makes it so"
            yield replace(_finding(rule, hit, text), reason=reason)


_ACROSS = "across-functions"


def _straddles(hit: Match) -> bool:
    """Whether the text of more than one function makes up the match."""
    return bool(_frames(hit) - {_frame_of(hit)})


def _frame_of(hit: Match) -> str:
    assert hit.root.origin is not None
    return hit.root.origin.frame.name


def _run_through(unit: Unit, home: Index) -> Mapping[str, tuple[Node, ...]]:
    """What functions of the file, by name, make of the values that a unit gives them."""
    own = {id(node) for node in unit.nodes}
    own |= {id(node.inner) for node in unit.nodes if node.inner is not None}
    found: defaultdict[str, dict[int, Node]] = defaultdict(dict)
    for call in unit.calls:
        for node in reached((call.result, *call.left)):
            origin = node.origin
            if id(node) in own or origin is None or node.inner is not None:
                continue
            name = origin.frame.name
            if origin.frame.home is home and name != unit.name and name in home.places:
                found[name][id(node)] = node
    return {name: tuple(nodes.values()) for name, nodes in found.items()}


def facts_of(units: Sequence[Unit]) -> tuple[Facts, ...]:
    """What is known of each unit, helpers by what their callers give them."""
    facts = {unit.name: Facts(unit) for unit in units}
    sites: defaultdict[str, list[tuple[Facts, Call]]] = defaultdict(list)
    for unit in units:
        for call in unit.calls:
            sites[call.callee].append((facts[unit.name], call))
    for name, each in facts.items():
        each.sites = sites[name]
    return tuple(facts.values())


def _as_loss(module: Module, function: str) -> Unit:
    unit = module.unit(function) if function else None
    if unit is not None:
        return unit.as_kind(Kind.LOSS)
    names = ", ".join(name for name in module.names if name) or "none"
    raise RuleError(f"there is no function {function!r} here; its functions are: {names}")


def _matches(
    facts: Facts, unit: Unit, numbers: Numbering, index: Candidates
) -> Iterator[tuple[Rule, Match]]:
    if unit.kind is Kind.METRIC:
        return
    for node in unit.nodes:
        inside: dict[Scope, bool] = {}
        for rule, rewrite in index.of(node):
            scope = rule.scope
            if scope not in inside:
                inside[scope] = in_scope(scope, node, facts)
            if not inside[scope]:
                continue
            for hit in match(rewrite, node, unit, facts, numbers):
                if hit.conditional and not facts.active(node):
                    continue
                if _splits_a_sum(hit) or _splits_a_quotient(hit):
                    continue
                if _holds(rule, hit):
                    yield rule, hit
                    break


def _splits_a_sum(hit: Match) -> bool:
    """Whether a sum takes its operand out of another sum, which is of use as it is.

    That is one that a name holds for several uses, or that another function makes.
    """
    if hit.root.op not in ("add", "sub"):
        return False
    used = {id(node) for node in hit.interior if node.op not in ("add", "sub")}
    others = [
        node
        for node in hit.interior
        if node.op in ("add", "sub")
        and node is not hit.root
        and any(arg.op == CONST or id(arg) in used for arg in node.args)
    ]
    if not others:
        return False
    held = {id(d.value) for d in hit.unit.definitions if d.simple and len(d.loads) > 1}
    home = _frame_of(hit)
    return any(
        id(node) in held or (node.origin is not None and node.origin.frame.name != home)
        for node in others
    )


def _splits_a_quotient(hit: Match) -> bool:
    """Whether a product takes its operand out of a quotient that another function makes."""
    if hit.root.op != "mul":
        return False
    home, used = _frame_of(hit), {id(node) for node in hit.interior}
    product = reached((hit.root,), lambda n: n.args if n.op in ("mul", "neg") else ())
    return any(
        node.op == "div"
        and id(node) in used
        and (node.inner is not None or (node.origin and node.origin.frame.name != home))
        for node in product
    )


def in_scope(scope: Scope, node: Node, facts: Facts) -> bool:
    """Whether a rule of `scope` looks at `node`."""
    if scope is Scope.KERAS and not facts.unit.keras:
        return False
    if facts.is_left_to_its_guard(node) or not facts.is_of_reals(node):
        return False
    if scope is Scope.ANYWHERE and (facts.unit.kind is Kind.CODE or not facts.unit.inputs):
        return facts.tensor(node)
    if scope is Scope.ANYWHERE:
        return facts.varied(node)
    if scope is Scope.PART:
        return facts.in_loss
    if node.op == "stop_gradient":  # what it stops is not varied any more
        return facts.in_loss and facts.varied(node.args[0]) and facts.useful(node)
    return facts.active(node)


_LOWEST = (-99, 0, 0)


def _code(hit: Match) -> int:
    assert hit.root.origin is not None
    return id(hit.root.origin.code)


def _inner_code(hit: Match) -> int | None:
    """What the called function wrote, where the root is a call of one."""
    inner = hit.root.inner
    return id(inner.origin.code) if inner is not None and inner.origin is not None else None


def _is_found_there(finding: Finding, module: Module) -> bool:
    """Whether a check of the helper's own file finds it as well."""
    inner = finding.match.root.inner
    assert inner is not None
    assert inner.origin is not None
    frame = inner.origin.frame
    if frame.home is module.index:
        return finding.rule.scope is Scope.ANYWHERE
    place = frame.home.places.get(frame.name)
    by_name = place is not None and may_be_loss(place, frame.home)
    return finding.rule.scope is Scope.ANYWHERE or by_name


def _is_of_another_loss(
    finding: Finding, others: Iterable[tuple[object, Finding]], module: Module
) -> bool:
    """Whether the function that a call enters is a loss of the file with the finding itself."""
    inner = finding.match.root.inner
    if inner is None or inner.origin is None or inner.origin.frame.home is not module.index:
        return False
    name = inner.origin.frame.name
    return any(other.rule is finding.rule and other.match.unit.name == name for _, other in others)


def _in_helper(finding: Finding) -> Finding:
    inner = finding.match.root.inner
    assert inner is not None
    assert inner.origin is not None
    frame, line = inner.origin.frame, inner.origin.code.lineno
    where = f"{frame.home.path}:{line}" if frame.home.path else f"line {line}"
    return replace(finding, reason=f"in-helper: mend {frame.name} ({where})")


def _within_helper(hit: Match) -> bool:
    """Whether all that matched stands in a function that is called here: its own finding."""
    return hit.root.inner is not None and not _frames(hit) & {hit.unit.name}


def _frames(hit: Match) -> set[str]:
    """The scopes whose text the match uses up, the root and the operands aside."""
    operands = {value.number for value in hit.values.values()}
    return {
        node.origin.frame.name
        for node in hit.interior
        if node is not hit.root and node.origin is not None and node.number not in operands
    }


def _holds(rule: Rule, hit: Match) -> bool:
    return (rule.when is None or rule.when(hit)) and (
        hit.rewrite.when is None or hit.rewrite.when(hit)
    )


def _most_specific(hits: list[tuple[Rule, Match]]) -> list[tuple[Rule, Match]]:
    """Drop a match whose root another match uses up, if that one outranks it.

    A value that a name holds for several uses is mended once, where it is made.
    """
    shared = _shared(hits)
    kept: list[tuple[Rule, Match]] = []
    used: set[int] = set()
    cores: defaultdict[str, list[frozenset[int]]] = defaultdict(list)
    for rule, hit in sorted(hits, key=lambda hit: _rank(*hit), reverse=True):
        core = frozenset(id(n) for n in hit.interior if n.op not in _SUM_OR_PRODUCT)
        if id(hit.root) in used or (core and any(core <= other for other in cores[rule.code])):
            continue
        parts = (part for node in hit.interior for part in shared.get(id(node), ()))
        if any(_does_as_well(part, hit) for part in parts):
            continue
        kept.append((rule, hit))
        cores[rule.code].append(core)
        used.update(id(node) for node in hit.interior)
    return kept


def _shared(hits: Iterable[tuple[Rule, Match]]) -> Mapping[int, list[Match]]:
    """Matches of what a name holds and the text loads more than once, by the value's identity."""
    found: defaultdict[int, list[Match]] = defaultdict(list)
    many: dict[int, frozenset[int]] = {}
    for _, hit in hits:
        if id(hit.unit) not in many:
            held = (d for d in hit.unit.definitions if d.simple and len(d.loads) > 1)
            many[id(hit.unit)] = frozenset(id(definition.value) for definition in held)
        if id(hit.root) in many[id(hit.unit)]:
            found[id(hit.root)].append(hit)
    return found


def _does_as_well(part: Match, whole: Match) -> bool:
    """Whether the replacement of the whole holds that of a part of it."""
    if part is whole or part.after is None or whole.after is None:
        return False
    return (
        part.after in subterms(whole.after)
        and all(
            name in whole.values and whole.values[name].number == part.values[name].number
            for name in variables(part.after)
        )
        and all(whole.attrs.get(name) == value for name, value in part.attrs.items())
    )


def _rank(rule: Rule, hit: Match) -> tuple[int, int, int]:
    return rule.priority, -hit.rest, len(hit.interior)


def _finding(rule: Rule, hit: Match, text: Text) -> Finding:
    assert hit.root.origin is not None
    reason = "" if hit.after is not None else "diagnosis"
    unsure = next((node.unsure for node in hit.interior if node.unsure), "")
    if unsure and not reason:
        reason = f"ambiguous-name: {unsure}"
    if hit.conditional and not reason:
        reason = "conditional: it is so by way of one branch and not of another"
    message = rule.message
    if rule.range_of:
        value = hit.root if rule.range_of == ROOT else hit.values.get(rule.range_of)
        if value is not None:  # a variable that this spelling of the pattern does not have
            message += range_text(value, hit.unit, hit.facts.ranges())
    return Finding(rule, hit, text.span(hit.root.origin.code), message, reason)
