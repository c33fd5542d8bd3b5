"""The byte gate: which files can hold a finding at all, before anything is decoded or parsed."""

from __future__ import annotations

_FRAMEWORK = (b"tensorflow", b"keras", b"tf.", b"K.", b"import tf", b"\x00")
"""What stands in every file that speaks of a framework. A NUL is in UTF-16 and UTF-32 files, which
pass: Python cannot read them, and reading says so."""


def may_hold_a_loss(data: bytes) -> bool:
    """Whether the bytes of a file may name a framework that the vocabulary knows."""
    return any(word in data for word in _FRAMEWORK)
