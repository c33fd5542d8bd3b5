"""Gates: what a file can hold at all, seen before anything is parsed."""

from __future__ import annotations

import re

_OUR_NOQA = r"(?i)noqa\s*:[^\r\n]*\bLF[0-9]"  # compiled where a text has a noqa
_FRAMEWORK = (b"tensorflow", b"keras", b"tf.", b"K.", b"import tf", b"\x00")
"""What stands in every file that speaks of a framework. A NUL is in UTF-16 and UTF-32 files, which
pass: Python cannot read them, and reading says so."""


def may_hold_a_loss(data: bytes) -> bool:
    """Whether the bytes of a file may name a framework that the vocabulary knows."""
    return any(word in data for word in _FRAMEWORK)


def may_speak_to_lossfix(text: str) -> bool:
    """Whether a text can hold a comment that lossfix obeys."""
    if "lossfix" in text:
        return True
    return ("noqa" in text or "NOQA" in text) and re.search(_OUR_NOQA, text) is not None
