"""The comments of a text, each with the code line that it speaks about."""

from __future__ import annotations

import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from lossfix.source.text import Text

_LAYOUT = frozenset(
    (tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER, tokenize.ENCODING)
)


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment token, from its `#`."""

    text: str
    offset: int  # of its `#`, in code points
    alone: bool  # nothing but space stands before it on its line
    about: int  # the line that it ends, or the code line below it; 0 for none
    def_line: int  # the line of the `def` that `about` belongs to, its decorators included; or 0


@dataclass
class _Heard:
    """A comment on its way: what it speaks about is known later."""

    token: tokenize.TokenInfo
    alone: bool
    about: int = 0
    logical: int = -1  # index of the logical line that it speaks about


@dataclass
class _Walk:
    """What has been seen of a text."""

    heard: list[_Heard] = field(default_factory=list)
    waiting: list[_Heard] = field(default_factory=list)  # alone, with no code below yet
    logical: list[tuple[str, int]] = field(default_factory=list)  # first words, and line
    open: bool = False  # inside a logical line


def comments_in(text: Text) -> Iterator[Comment]:
    """Every comment of a text that parses, in order."""
    walk = _Walk()
    for token in tokenize.generate_tokens(_reader(text)):
        _take(token, walk, text)
    for one in walk.heard:
        row, column = one.token.start
        yield Comment(
            one.token.string,
            text.line_starts[row - 1] + column,
            one.alone,
            one.about,
            _def_line(walk.logical, one.logical),
        )


def _take(token: tokenize.TokenInfo, walk: _Walk, text: Text) -> None:
    row, column = token.start
    if token.type == tokenize.COMMENT:
        alone = not text.line(row)[:column].strip()
        one = _Heard(token, alone)
        walk.heard.append(one)
        if alone:
            walk.waiting.append(one)
        else:
            one.about, one.logical = row, len(walk.logical) - 1
    elif token.type == tokenize.NL and not text.line(row).strip():
        walk.waiting.clear()
    elif token.type == tokenize.NEWLINE:
        walk.open = False
    elif token.type not in _LAYOUT:
        if not walk.open:
            walk.logical.append((token.string, row))
            walk.open = True
        elif walk.logical[-1][0] == "async":
            walk.logical[-1] = (f"async {token.string}", walk.logical[-1][1])
        for one in walk.waiting:
            one.about, one.logical = row, len(walk.logical) - 1
        walk.waiting.clear()


def _def_line(logical: list[tuple[str, int]], index: int) -> int:
    if index < 0:
        return 0
    for words, row in logical[index:]:
        if words in ("def", "async def"):
            return row
        if words != "@":
            return 0
    return 0


def _reader(text: Text) -> Callable[[], str]:
    """The lines of a text, one a call, each ended by LF: `tokenize` takes CR alone for a space."""
    lines = (text.line(number).rstrip("\r\n") for number in range(1, len(text.line_starts) + 1))
    return lambda: next((f"{line}\n" for line in lines), "")
