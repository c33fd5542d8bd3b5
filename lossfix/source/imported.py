"""Imports as the text alone tells them, before it is parsed.

Every import statement of a file is told; what looks like one in a string or a comment may be too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lossfix.source.spelled import is_of_a_name

_KEYWORD = "import"
_FROM = re.compile(r"from(?!\w)(?P<module>.*)")
_NAMES = re.compile(
    r"[\s\\]*\((?P<within>[^)#]*(?:#[^\n]*[^)#]*)*)|(?P<line>[^\n;#\\]*(?:\\\n[^\n;#\\]*)*)"
)
_AS = re.compile(r"\sas\s")
_COMMENT = re.compile(r"#[^\n]*")
_CONTINUED = "\\\n"


def imports_in(text: str) -> Iterator[tuple[str, str]]:
    """Local name and qualified name of each binding, `*` for a star, as `bindings_of` has them."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    place = text.find(_KEYWORD)
    while place >= 0:
        end = place + len(_KEYWORD)
        if not is_of_a_name(text[place - 1 : place]) and not is_of_a_name(text[end : end + 1]):
            for before in _before(text, place):
                module = _module(before)
                if module is not None:
                    yield from _bindings(module, text, end)
        place = text.find(_KEYWORD, end)


def _before(text: str, place: int) -> Iterator[str]:
    """What may stand before a place in its statement, after the `;` or the `:` that ends another.

    A backslash that ends the line above may continue the statement, or stand in a comment: it is
    read both ways.
    """
    start = text.rfind("\n", 0, place) + 1
    yield re.split("[;:]", text[start:place])[-1]
    while text.endswith(_CONTINUED, 0, start):
        start = text.rfind("\n", 0, start - 1) + 1
        yield re.split("[;:]", text[start:place].replace(_CONTINUED, " "))[-1]


def _module(before: str) -> str | None:
    """The module of a `from`, "" of a plain import; None where no import can stand after that.

    `import` is a keyword: the module is all that can stand before it in its statement.
    """
    before = before.strip()
    found = _FROM.match(before)
    if found is not None:
        return "".join(found["module"].split())
    return None if before else ""


def _bindings(module: str, text: str, start: int) -> Iterator[tuple[str, str]]:
    """What a statement binds whose names stand from `start` on."""
    found = _NAMES.match(text, start)
    assert found is not None
    names = _COMMENT.sub("", found["within"] or found["line"] or "").replace(_CONTINUED, " ")
    for each in names.split(","):
        name, *alias = ("".join(part.split()) for part in _AS.split(each, 1))
        if name == "*":
            yield "*", module
        elif name and module:
            yield "".join(alias) or name, module + ("" if module.endswith(".") else ".") + name
        elif name:
            root = name.partition(".")[0]
            yield ("".join(alias), name) if alias else (root, root)
