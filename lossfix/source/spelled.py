"""What a text spells: names that are called, names, numbers, names that are given a value.

Comments and strings count as code does, so that nothing is missed.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from functools import cached_property

_GAP = " \t\r\n\f\\"  # what may stand between a name and its parenthesis
_IN_NAMES = string.ascii_letters + string.digits + "_"
_NO_WORD = re.compile(r"(?!\w)")
_REST_OF_NUMBER = re.compile(r"(?:\.?0*)(?![\w.])")
_GIVEN_A_VALUE = re.compile(r"\w*\s*=[^=]")


class Spelled:
    """A text, with what is asked about it.

    Of a `whole` file, what an import gives another name counts as called: it is, by that name.
    """

    def __init__(self, text: str, *, whole: bool = False) -> None:
        self.text = text
        self.whole = whole

    @cached_property
    def called(self) -> frozenset[str]:
        """The last word of each name that an opening parenthesis follows.

        Cutting the text at the parentheses outruns a pattern by far.
        """
        ends = {part.rpartition(".")[2] for part in self.text.split("(")[:-1]}
        if self.whole:
            ends |= {part.rpartition(" ")[2] for part in self.text.split(" as ")[:-1]}
        return frozenset([end if end.isidentifier() else _last_word(end) for end in ends])

    def names(self, word: str) -> bool:
        """Whether a word stands in the text by itself, called or not."""
        return any(
            _NO_WORD.match(self.text, place + len(word)) and not _continues(self.text, place)
            for place in _places(self.text, word)
        )

    def writes(self, number: float) -> bool:
        """Whether a number, or the one of the other sign, is written in digits."""
        digits = f"{abs(number):g}"
        return any(
            _REST_OF_NUMBER.match(self.text, place + len(digits))
            and not _continues(self.text, place)
            and self.text[place - 1 : place] != "."
            for place in _places(self.text, digits)
        )

    def gives_a_value(self, word: str) -> bool:
        """Whether a name with this word in it is assigned, or is a keyword of a call."""
        return any(
            _GIVEN_A_VALUE.match(self.text, place + len(word)) for place in _places(self.text, word)
        )


def _last_word(end: str) -> str:
    """The word that a text ends with, the gap aside; of a name in other letters than ASCII's,
    which is no framework's, it may be a part."""
    last = end.rstrip(_GAP).rpartition(" ")[2]
    return last if last.isidentifier() else last[len(last.rstrip(_IN_NAMES)) :]


def _places(text: str, word: str) -> Iterator[int]:
    """Where a text holds another; a loop over `find` outruns a pattern by far."""
    place = text.find(word)
    while place >= 0:
        yield place
        place = text.find(word, place + 1)


def _continues(text: str, place: int) -> bool:
    """Whether a name may go on at a place, from what stands just before it."""
    return place > 0 and is_of_a_name(text[place - 1])


def is_of_a_name(character: str) -> bool:
    """Whether it is a letter, a digit or an underscore; "" is none."""
    return character.isalnum() or character == "_"
