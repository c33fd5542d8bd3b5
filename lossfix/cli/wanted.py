"""What was typed of a migration, beside the flags that every command has."""

from __future__ import annotations

from dataclasses import dataclass

from lossfix.migrate.choices import EngineName, SplitBy, Until
from lossfix.migrate.commits import BRANCH


@dataclass(frozen=True)
class Wanted:
    """What was typed, beside the flags that every command has."""

    root: str
    until: Until
    include: tuple[str, ...] = ()
    files_from: str | None = None
    keep_unrun: bool = False
    retry: bool = False
    diff: bool = False
    patch: str | None = None
    split_by: SplitBy | None = None
    commit: bool = False
    branch: str = BRANCH
    allow_dirty: bool = False
    jobs: int | None = None
    engine: EngineName = EngineName.POOL
    address: str | None = None
    device: str = "auto"
    inputs: tuple[str, ...] = ()
    html: str | None = None
    sandbox: str = "auto"
    timeout_s: float | None = None
    output_format: str = "full"
    exit_zero: bool = False
    confirmed: bool = False
