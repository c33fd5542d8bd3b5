"""Checking a file so that the answer can be kept: with the digest of the very bytes it is about."""

from __future__ import annotations

import gc
import os
import traceback
import warnings
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from lossfix.cache.stamps import digest_of, read
from lossfix.check import check_file
from lossfix.graph.packages import Packages
from lossfix.job import Job
from lossfix.report.rows import FileRow, State
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
        warnings.filterwarnings("ignore", category=SyntaxWarning)  # of the code that is looked at
        self._packages = Packages()

    def examine(self, job: Job) -> Examined:
        """Check one file, which is read once; a defect of lossfix costs this file alone."""
        rules, roles = _rules_of(job.codes), RoleOverrides(*job.roles)
        path = Path(job.path)
        found = read(job.path)
        data, stamp = found or (None, "")  # without bytes, reading them again says why
        try:
            row = check_file(path, rules, job.function, self._packages, roles, data)
        except Exception as error:
            self._packages = Packages()  # whatever state the error left it in
            return Examined(FileRow(job.path, State.FAILED, _defect(job.path, error)), None, "")
        return Examined(row, None if data is None else digest_of(data), stamp)


def _defect(path: str, error: Exception) -> str:
    """What went wrong, and in which line of lossfix."""
    message = " ".join(str(error).split())
    what = f"{type(error).__name__}: {message}" if message else type(error).__name__
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{os.path.basename(frame.filename)}:{frame.lineno}"
    return (
        f"{path}: {what} ({place}); this is a defect of lossfix: please report it with the file, "
        "which stays as it is"
    )


@lru_cache(maxsize=64)
def _rules_of(codes: tuple[str, ...]) -> tuple[Rule, ...]:
    wanted = frozenset(codes)
    return tuple(rule for rule in every_rule() if rule.code in wanted)
