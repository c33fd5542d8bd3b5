"""Gates: what a file can hold at all, seen before anything is parsed."""

from __future__ import annotations

import re

_OUR_NOQA = r"(?i)noqa\s*:[^\r\n]*\bLF[0-9]"  # compiled where a text has a noqa
_FRAMEWORK = re.compile(rb"tensorflow|keras|\bimport tf\b|\btf\.|\bK\.")


def may_hold_a_loss(data: bytes) -> bool:
    """Whether the bytes of a file name a framework that the vocabulary knows.

    UTF-16 and UTF-32 files pass; Python cannot read them, and reading says so.
    """
    return _FRAMEWORK.search(data) is not None or b"\x00" in data


def may_speak_to_lossfix(text: str) -> bool:
    """Whether a text can hold a comment that lossfix obeys."""
    if "lossfix" in text:
        return True
    return ("noqa" in text or "NOQA" in text) and re.search(_OUR_NOQA, text) is not None
