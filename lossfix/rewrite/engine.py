"""The engine: find, build, apply, and again until nothing changes."""

from __future__ import annotations

import ast
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lossfix.errors import RewriteError
from lossfix.graph.module import NO_OVERRIDES, Module
from lossfix.graph.packages import Packages
from lossfix.rewrite.apply import apply_edits
from lossfix.rewrite.build import fix_for
from lossfix.rewrite.edits import Fix
from lossfix.rewrite.imports import add_imports
from lossfix.rewrite.style import restyled
from lossfix.rewrite.unused import drop_unused
from lossfix.rules.find import find_in
from lossfix.rules.findings import Finding
from lossfix.rules.rule import Rule
from lossfix.source.comments import role_comments
from lossfix.source.roles import RoleOverrides
from lossfix.source.text import Span, Text

MAX_PASSES = 50


@dataclass(frozen=True, eq=False, slots=True)
class Left:
    """A finding that is still there, and why: a reason code, and a few words."""

    finding: Finding
    reason: str


@dataclass(frozen=True, eq=False, slots=True)
class Rewritten:
    """What became of a text. `applied` are the fixes that were made, in order."""

    text: str
    applied: tuple[Fix, ...]
    left: tuple[Left, ...]
    passes: int


Decide = Callable[[Finding], str]
"""Says why a finding is not to be fixed; an empty text where it is."""


def rewrite_text(
    content: str,
    path: Path,
    rules: Sequence[Rule],
    decide: Decide,
    *,
    function: str | None = None,
    sharpness: float | None = None,
    forced: float | None = None,
    roles: RoleOverrides = NO_OVERRIDES,
    once: bool = False,
) -> Rewritten:
    """Every finding fixed that `decide` lets through, pass by pass until nothing changes.

    `sharpness` is the k of smooth fixes for which no nearer one is asked; `forced` is that of all.
    With `once` what the first pass made is not looked at again. A text that comes back is a cycle:
    what led to it is undone and reported. Raises SyntaxError.
    """
    original, seen = content, {content}
    packages = Packages()
    applied: list[Fix] = []
    for passes in range(1, MAX_PASSES + 1):
        text = Text(content)
        index = packages.index(os.path.abspath(path), content)
        module = Module(index, packages, roles, role_comments(text))
        findings = find_in(module, text, rules, function)
        fixes, left = _disjoint_fixes(findings, text, module, decide, sharpness, forced)
        if not fixes:
            return Rewritten(_finished(original, content, path), tuple(applied), left, passes)
        changed, fixes, refused = _applied(content, text, module, fixes)
        if not fixes:
            everything = (*left, *refused)
            done = _finished(original, content, path)
            return Rewritten(done, tuple(applied), everything, passes)
        if changed in seen:
            cycle = tuple(Left(f.finding, "cycle: its fix leads back to this text") for f in fixes)
            return Rewritten(original, (), (*left, *cycle), passes)
        seen.add(changed)
        applied.extend(fixes)
        content = changed
        if once:
            return Rewritten(_finished(original, content, path), tuple(applied), left, passes)
    raise RewriteError(f"no-end: {MAX_PASSES} passes over {path} did not settle it")


def _finished(original: str, content: str, path: Path) -> str:
    return content if content == original else restyled(original, content, path)


def _disjoint_fixes(
    findings: Sequence[Finding],
    text: Text,
    module: Module,
    decide: Decide,
    sharpness: float | None,
    forced: float | None,
) -> tuple[list[Fix], tuple[Left, ...]]:
    """Fixes whose texts do not touch, inner ones first; what overlaps waits for the next pass.

    So does a fix that would give a name that another one gives: in the next pass that is taken.
    """
    fixes: list[Fix] = []
    left: list[Left] = []
    given: defaultdict[str, set[str]] = defaultdict(set)  # names, by the outermost scope's name
    taken: defaultdict[str, list[Span]] = defaultdict(list)  # by the outermost scope's name
    for finding in sorted(findings, key=lambda f: f.span.end - f.span.start):
        reason = finding.reason or decide(finding)
        if reason:
            left.append(Left(finding, reason))
            continue
        try:
            fix = fix_for(finding, text, module, sharpness, forced)
        except RewriteError as error:
            left.append(Left(finding, str(error)))
            continue
        if _changes_nothing(fix):
            left.append(Left(finding, "as-asked: it is as sharp as was asked for"))
            continue
        scope = finding.function.partition(".")[0]
        names, near, touched = {n for n, _ in fix.edit.bindings}, taken[scope], _touched(fix, text)
        if names & given[scope]:
            continue
        if not any(span.overlaps(other) for span in touched for other in near):
            near.extend(touched)
            given[scope] |= names
            fixes.append(fix)
    return fixes, tuple(left)


def _changes_nothing(fix: Fix) -> bool:
    """Whether the new code is the old one: a step that is steep because a person wants it so."""
    origin = fix.finding.match.root.origin
    assert origin is not None
    return ast.dump(origin.code) == ast.dump(fix.edit.new.tree)


def _touched(fix: Fix, text: Text) -> list[Span]:
    """The replaced text, and the statements that the fix reads: they must not change with it."""
    place = fix.finding.match.root.origin
    assert place is not None
    interior = [
        text.span(node.origin.code)
        for node in fix.finding.match.interior
        if node.origin is not None and node.origin.frame.home is place.frame.home
    ]
    return [fix.edit.span, *interior]


def _applied(
    content: str, text: Text, module: Module, fixes: list[Fix]
) -> tuple[str, list[Fix], tuple[Left, ...]]:
    """All fixes at once; one at a time where together they do not print what was meant."""
    try:
        changed = apply_edits(text, [fix.edit for fix in fixes])
    except RewriteError as error:
        if len(fixes) == 1:
            return content, [], (Left(fixes[0].finding, str(error)),)
        refused: list[Left] = []
        for fix in fixes:
            done, kept, more = _applied(content, text, module, [fix])
            if kept:
                return done, kept, tuple(refused)
            refused.extend(more)
        return content, [], tuple(refused)
    changed = drop_unused(module, changed, {fix.finding.function for fix in fixes})
    changed = add_imports(changed, [item for fix in fixes for item in fix.edit.imports])
    return changed, fixes, ()
