"""A question: a text that may not be on disk, and how to look at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lossfix.graph.module import NO_OVERRIDES
from lossfix.rules.rule import Rule
from lossfix.source.files import Source
from lossfix.source.roles import RoleOverrides


@dataclass(frozen=True, eq=False)
class Question:
    """The text, the rules to look for, what parameters stand for, and the k of relaxed fixes."""

    path: Path
    text: str
    rules: Sequence[Rule]
    roles: RoleOverrides = NO_OVERRIDES
    sharpness: float | None = None

    @property
    def source(self) -> Source:
        return Source(self.path, self.text, "utf-8", False, "")
