"""Checking a file so that the answer can be kept: with the digest of the very bytes it is about."""

from __future__ import annotations

import gc
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from lossfix.cache.stamps import digest_of, read
from lossfix.check import check_file
from lossfix.graph.packages import Packages
from lossfix.job import Job
from lossfix.report.rows import FileRow
from lossfix.rules.registry import every_rule
from lossfix.rules.rule import Rule
from lossfix.source.roles import RoleOverrides


class Examined(NamedTuple):
    """A row; the digest of the bytes, None where there were none; their stamp, if it is settled."""

    row: FileRow
    digest: bytes | None
    stamp: str


class Examiner:
    """Checks files one after the other, and remembers what names in them lead to."""

    def __init__(self) -> None:
        gc.disable()  # trees hold no cycles, and walking them again costs more than parsing
        self._packages = Packages()

    def examine(self, job: Job) -> Examined:
        """Check one file, which is read once."""
        rules, roles = _rules_of(job.codes), RoleOverrides(*job.roles)
        path = Path(job.path)
        found = read(job.path)
        if found is None:  # reading it again says why
            row = check_file(path, rules, job.function, self._packages, roles)
            return Examined(row, None, "")
        data, stamp = found
        row = check_file(path, rules, job.function, self._packages, roles, data)
        return Examined(row, digest_of(data), stamp)


@lru_cache(maxsize=64)
def _rules_of(codes: tuple[str, ...]) -> tuple[Rule, ...]:
    wanted = frozenset(codes)
    return tuple(rule for rule in every_rule() if rule.code in wanted)
