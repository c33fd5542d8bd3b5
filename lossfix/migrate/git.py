"""git, asked as a program: paths are bytes, and its own words are what an error says."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from lossfix.errors import MigrateError


def git(
    root: Path,
    *arguments: str | bytes,
    given: bytes = b"",
    more: Mapping[str, str] | None = None,
) -> bytes:
    """What git prints. `more` are environment variables. Raises MigrateError."""
    ran = _run(root, arguments, given, more or {})
    if ran is None:
        raise MigrateError("git is not installed; install it, or go without --commit")
    if ran.returncode != 0:
        said = ran.stderr.decode("utf-8", "replace").strip().splitlines()
        what = os.fsdecode(arguments[0])
        raise MigrateError(f"git {what}: {said[-1] if said else 'failed'}")
    return ran.stdout


def try_git(root: Path, *arguments: str | bytes) -> bytes | None:
    """What git prints; None where it fails or is not there."""
    ran = _run(root, arguments, b"", {})
    return ran.stdout if ran is not None and ran.returncode == 0 else None


def in_repository(root: Path) -> bool:
    """Whether a folder lies in the working tree of a repository, and git is there to ask."""
    return try_git(root, "rev-parse", "--is-inside-work-tree") == b"true\n"


def _run(
    root: Path, arguments: tuple[str | bytes, ...], given: bytes, more: Mapping[str, str]
) -> subprocess.CompletedProcess[bytes] | None:
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C", **more}
    command = [b"git", b"-C", os.fsencode(root), *map(os.fsencode, arguments)]
    try:
        return subprocess.run(command, input=given, capture_output=True, env=environment)
    except FileNotFoundError:
        return None
