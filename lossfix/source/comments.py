"""Comments that speak to lossfix: suppressions, and what a function's parameters stand for.

    # lossfix: ignore[LF101, soft-gate] reason      these rules, in this statement
    # lossfix: ignore reason                        every rule, in this statement
    # lossfix: ignore-file[LF2] reason              these rules, in the whole file
    # noqa: LF101                                   as flake8 has it
    # lossfix: predictions z, mu                    and `labels`, `settings`: above a def or on it
    # lossfix: smooth smoothstep, k = 20            the kernel and sharpness of a fix here

A comment speaks about the line that it ends; where it stands alone, about the code line below it,
with nothing but comments in between. `# lossfix: input ...` belongs to the verifier.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from lossfix.source.gate import may_speak_to_lossfix
from lossfix.source.spoken import Comment, comments_in
from lossfix.source.text import Span, Text

ROLES = {"predictions": "prediction", "labels": "label", "settings": "setting"}
"""What a comment, and a key of the configuration, calls a role; and the role's own name."""

_IGNORE, _IGNORE_FILE, _SMOOTH = "ignore", "ignore-file", "smooth"
_WORDS = (_IGNORE, _IGNORE_FILE, _SMOOTH, *ROLES, "input")
_START = re.compile(r"#\s*(?:(?P<own>lossfix)|(?P<noqa>(?i:noqa)))\s*:\s*")
_WORD = re.compile(r"[\w-]+")
_LISTED = re.compile(r"\s*\[(?P<names>[^\]]*)(?P<closed>\]?)")
_CODE = re.compile(r"[A-Za-z]+[0-9]+(?![\w-])")
_OWN_CODE = re.compile(r"LF[0-9]")
_NAMES = re.compile(r"[^\W\d]\w*(?:\s*,\s*[^\W\d]\w*)*")
_SEPARATORS = re.compile(r"[,\s]+")
_ASKED = re.compile(r"(?:(?P<kernel>[a-z][a-z-]+))?[,\s]*(?:k\s*=\s*(?P<k>[\d.]+(?:e[+-]?\d+)?))?")


@dataclass(frozen=True, slots=True)
class Suppression:
    """A comment that asks for findings to be left alone. No `names` means every rule."""

    names: tuple[str, ...]  # codes, prefixes of codes, names of rules
    reason: str
    about: int  # the line that it speaks about; 0 for none
    whole_file: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Wish:
    """A comment that asks for a kernel, a sharpness or both, for a smooth fix."""

    kernel: str  # "" where none is named
    sharpness: float | None
    about: int  # the line that it speaks about; 0 for none
    span: Span


@dataclass(frozen=True, slots=True)
class Fault:
    """A comment that speaks to lossfix and cannot be obeyed: why, and what next."""

    span: Span
    message: str


@dataclass(frozen=True, slots=True)
class Directives:
    """All that the comments of one text ask for."""

    suppressions: tuple[Suppression, ...] = ()
    faults: tuple[Fault, ...] = ()
    roles: Mapping[int, Mapping[str, str]] | None = None
    wishes: tuple[Wish, ...] = ()


def role_comments(text: Text) -> Mapping[int, Mapping[str, str]]:
    """Line of a `def` -> name -> "prediction", "label" or "setting", as comments say.

    The line is the `lineno` that `ast` gives the function; the values are those of `graph.nodes`'
    `Role`. A comment may stand above the function, above or between its decorators, or on any line
    of its header. Where two comments name one parameter, the later one holds.
    """
    return directives(text).roles or {}


def directives(text: Text) -> Directives:
    """What the comments of a text that parses ask for; strings are never read."""
    return _directives(text.content) if may_speak_to_lossfix(text.content) else Directives()


@lru_cache(maxsize=16)
def _directives(content: str) -> Directives:
    suppressions: list[Suppression] = []
    faults: list[Fault] = []
    wishes: list[Wish] = []
    roles: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for comment in comments_in(Text(content)):
        starts = list(_START.finditer(comment.text))
        ends = [*(start.start() for start in starts[1:]), len(comment.text)]
        for start, end in zip(starts, ends, strict=False):
            words = comment.text[start.end() : end].rstrip()
            first = comment.offset + start.start()
            span = Span(first, first + start.end() - start.start() + len(words))
            said: Suppression | Wish | Fault | None
            if start["noqa"]:
                said = _noqa(words, comment, span)
            else:
                said = _own(words, comment, span, roles)
            if isinstance(said, Fault):
                faults.append(said)
            elif isinstance(said, Wish):
                wishes.append(said)
            elif said is not None:
                suppressions.append(said)
    return Directives(tuple(suppressions), tuple(faults), dict(roles), tuple(wishes))


def _noqa(words: str, comment: Comment, span: Span) -> Suppression | None:
    """The codes of ours in a noqa; a bare one, and other tools' codes, are not for lossfix."""
    codes: list[str] = []
    at = 0
    while found := _CODE.match(words, at):
        codes.append(found.group().upper())
        gap = _SEPARATORS.match(words, found.end())
        at = gap.end() if gap else len(words)
    ours = tuple(code for code in codes if _OWN_CODE.match(code))
    about = 0 if comment.alone else comment.about
    return Suppression(ours, "", about, False, span) if ours else None


def _own(
    words: str, comment: Comment, span: Span, roles: Mapping[int, dict[str, str]]
) -> Suppression | Wish | Fault | None:
    found = _WORD.match(words)
    word = found.group() if found else ""
    rest = words[len(word) :]
    if word in (_IGNORE, _IGNORE_FILE):
        return _suppression(word, rest, comment, span)
    if word in ROLES:
        return _role(word, rest, comment, span, roles)
    if word == _SMOOTH:
        return _wish(rest, comment, span)
    return None if word == "input" else _misspelt(word, span)


def _suppression(word: str, rest: str, comment: Comment, span: Span) -> Suppression | Fault:
    listed = _LISTED.match(rest)
    names: tuple[str, ...] = ()
    if listed:
        names = tuple(name for name in _SEPARATORS.split(listed["names"]) if name)
        rest = rest[listed.end() :]
        if not listed["closed"]:
            return Fault(span, f"the bracket is not closed; write {word}[LF101] reason")
        if not names:
            return Fault(span, f"the brackets name no rule; write {word}[LF101], or leave them out")
    reason = rest.strip(" \t:-–—")
    if not listed and _OWN_CODE.match(reason):
        code = reason.split()[0].rstrip(",")
        return Fault(span, f"rules stand in brackets; write {word}[{code}] reason")
    return Suppression(names, reason, comment.about, word == _IGNORE_FILE, span)


def _wish(rest: str, comment: Comment, span: Span) -> Wish | Fault:
    found = _ASKED.fullmatch(rest.strip())
    try:
        k = float(found["k"]) if found and found["k"] else None
    except ValueError:
        found = k = None
    if found is None or not (found["kernel"] or k):
        return Fault(
            span, "asks for nothing; write `lossfix: smooth KERNEL, k = NUMBER`, or either"
        )
    return Wish(found["kernel"] or "", k, comment.about, span)


def _role(
    word: str, rest: str, comment: Comment, span: Span, roles: Mapping[int, dict[str, str]]
) -> Fault | None:
    found = _NAMES.match(rest.strip())
    if not found:
        return Fault(span, f"names no parameter; write `lossfix: {word} NAME, NAME`")
    if not comment.def_line:
        return Fault(span, "stands at no function; put it above its def, or on the def line")
    names = [name for name in _SEPARATORS.split(found.group()) if name]
    roles[comment.def_line].update(dict.fromkeys(names, ROLES[word]))
    return None


def _misspelt(word: str, span: Span) -> Fault | None:
    """A fault where the word is nearly one that lossfix knows; other prose is left alone."""
    import difflib

    near = difflib.get_close_matches(word, _WORDS, n=1, cutoff=0.7)
    if not near:
        return None
    return Fault(span, f"lossfix knows no comment {word!r}; did you mean {near[0]!r}?")
