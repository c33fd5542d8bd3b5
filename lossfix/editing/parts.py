"""Parts: the top-level statements of a text, grouped by what one group's findings can rest on.

A finding in a function rests on the text of that function, of what it names, of what names it, and
on the statements at the top of the file. So where the text of a group and the top of the file are
what they were, so are its findings, wherever the group has moved to.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lossfix.source.text import Text

TOP = ""
"""The name of the parts that define nothing."""

PartId = tuple[str, int]
"""A name, and which of the parts of that name."""

_WORD = re.compile(r"[^\W\d]\w*")
_DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True, slots=True)
class Part:
    """A definition with the comments above it, or statements in a row that define nothing."""

    id: PartId
    text: str
    first: int  # the 1-based line that it starts at

    @property
    def name(self) -> str:
        """Of the function or class; TOP for the rest."""
        return self.id[0]


@dataclass(frozen=True, slots=True)
class Group:
    """Parts that depend on each other. Equal keys mean equal findings."""

    names: frozenset[str]
    key: int


@dataclass(frozen=True, slots=True)
class _Said:
    """What one part's text says of other parts."""

    words: frozenset[str]
    calls_parameter: bool  # a loss like that makes helpers of what others hand around
    passed: frozenset[str]  # names that are taken for values
    bindings: tuple[tuple[frozenset[str], frozenset[str]], ...]  # names stored, and read with them


class Parts:
    """A parsed text in parts and groups; `rest` is whatever else their findings depend on.

    `before` are the parts of an earlier text: what is the same in both is not looked at again.
    """

    def __init__(
        self, tree: ast.Module, text: Text, rest: object = None, before: Parts | None = None
    ) -> None:
        self.parts, trees = _parts(tree, text)
        known = before.said if before is not None else {}
        self.said: dict[str, _Said] = {
            part.text: known.get(part.text) or _said(part, statements)
            for part, statements in zip(self.parts, trees, strict=True)
        }
        self._firsts = [part.first for part in self.parts]
        self._starts = {part.id: part.first for part in self.parts}
        self.groups = _groups(self.parts, [self.said[part.text] for part in self.parts], rest)

    def within(self, line: int) -> tuple[PartId, int]:
        """The part that a line stands in, and which line of it that is."""
        part = self.parts[max(0, bisect_right(self._firsts, line) - 1)]
        return part.id, line - part.first

    def line(self, part: PartId, inside: int) -> int:
        """The line, given what `within` gave for a text whose group has the same key."""
        return self._starts[part] + inside


def _groups(parts: Sequence[Part], said: Sequence[_Said], rest: object) -> list[Group]:
    named: defaultdict[str, list[int]] = defaultdict(list)
    for number, part in enumerate(parts):
        named[part.name].append(number)
    joined = list(range(len(parts)))
    for other in named[TOP]:
        _join(joined, named[TOP][0], other)
    handed_on = _handed_on(said, named)
    for number, each in enumerate(said):
        for name in each.words & named.keys():
            for other in named[name]:
                _join(joined, number, other)
        if handed_on & each.words:
            _join(joined, number, named[TOP][0])
    _join_passed(joined, said, named)
    members: defaultdict[int, list[Part]] = defaultdict(list)
    for number, part in enumerate(parts):
        members[_root(joined, number)].append(part)
    top = tuple(parts[number].text for number in named[TOP])
    return [
        Group(
            frozenset(part.name for part in found),
            hash((tuple((part.id, part.text) for part in found), top, rest)),
        )
        for found in members.values()
    ]


def _handed_on(said: Sequence[_Said], named: Mapping[str, Sequence[int]]) -> set[str]:
    """Names at the top of the file that stand for its functions: `bare = partial(one, 0.0)`."""
    bindings = [each for number in named[TOP] for each in said[number].bindings]
    found: set[str] = set()
    while True:
        more = {
            name
            for stored, read in bindings
            if read & (named.keys() | found)
            for name in stored
            if name not in found
        }
        if not more:
            return found
        found |= more


def _join_passed(
    joined: list[int], said: Sequence[_Said], named: Mapping[str, Sequence[int]]
) -> None:
    """A function that calls its parameter, with all parts that hand functions of the file on."""
    callers = [number for number, each in enumerate(said) if each.calls_parameter]
    if callers:
        handing = [n for n, each in enumerate(said) if each.passed & named.keys()]
        for number in (*callers, *handing):
            _join(joined, callers[0], number)


def _root(joined: list[int], number: int) -> int:
    while joined[number] != number:
        joined[number] = joined[joined[number]]
        number = joined[number]
    return number


def _join(joined: list[int], one: int, other: int) -> None:
    first, second = sorted((_root(joined, one), _root(joined, other)))
    joined[second] = first


def _parts(tree: ast.Module, text: Text) -> tuple[list[Part], list[list[ast.stmt]]]:
    """The parts in order, without the empty lines around them, and the statements of each."""
    pieces: list[tuple[str, int, list[ast.stmt]]] = []  # name, first line, statements
    done = 0  # lines that are in a part already
    for statement in tree.body:
        last = statement.end_lineno or statement.lineno
        name = statement.name if isinstance(statement, _DEFINES) else TOP
        if last <= done or (name == TOP and pieces and pieces[-1][0] == TOP):
            pieces[-1][2].append(statement)  # after a semicolon, or one more that defines nothing
        else:
            pieces.append((name, done + 1, [statement]))
        done = max(done, last)
    if done < len(text.line_starts) and not (pieces and pieces[-1][0] == TOP):
        pieces.append((TOP, done + 1, []))
    firsts = [first for _, first, _ in pieces]
    lasts = [first - 1 for first in firsts[1:]] + [len(text.line_starts)]
    counts: Counter[str] = Counter()
    parts: list[Part] = []
    for (name, first, _), last in zip(pieces, lasts, strict=True):
        while first < last and not text.line(first).strip():
            first += 1
        piece = text.lines(first, last).rstrip()
        parts.append(Part((name, counts[name]), piece, first))
        counts[name] += 1
    return parts, [statements for _, _, statements in pieces]


def _said(part: Part, statements: Sequence[ast.stmt]) -> _Said:
    return _Said(
        frozenset(_WORD.findall(part.text)),
        any(map(_calls_parameter, statements)),
        frozenset(_passed(statements)),
        tuple(map(_binding, statements)) if part.name == TOP else (),
    )


def _calls_parameter(statement: ast.stmt) -> bool:
    """Whether a function in the statement calls one of its own parameters."""
    for inner in ast.walk(statement):
        if isinstance(inner, _FUNCTIONS):
            arguments = inner.args
            own = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
            if {each.arg for each in own} & set(_called(inner)):
                return True
    return False


def _called(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def _passed(statements: Sequence[ast.stmt]) -> Iterator[str]:
    """Names that are read and not called."""
    for statement in statements:
        called = {id(n.func) for n in ast.walk(statement) if isinstance(n, ast.Call)}
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and id(node) not in called:
                yield node.id


def _binding(statement: ast.stmt) -> tuple[frozenset[str], frozenset[str]]:
    names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
    stored = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    return frozenset(stored), frozenset(node.id for node in names) - stored
