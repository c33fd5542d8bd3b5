"""CODEOWNERS: who owns a path, by the last line that matches it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from pathspec import GitIgnoreSpec

from lossfix.migrate.git import try_git

NOBODY = "no-owner"
_PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")


def owners_of(root: Path) -> Callable[[str], str]:
    """What gives the owners of a path from the root, as one text; NOBODY where none is named."""
    said = try_git(root, "rev-parse", "--show-toplevel")
    top = Path(os.fsdecode(said.removesuffix(b"\n"))) if said else root
    found = next((top / place for place in _PLACES if (top / place).is_file()), None)
    text = found.read_text("utf-8", "replace") if found is not None else ""
    lines = [_line(line) for line in text.splitlines()]
    rules = [(spec, owners) for spec, owners in lines if spec is not None]
    below = os.path.relpath(os.path.realpath(root), os.path.realpath(top))

    def owners_at(path: str) -> str:
        whole = os.path.normpath(os.path.join(below, path))
        for spec, owners in reversed(rules):
            if spec.match_file(whole):
                return owners or NOBODY
        return NOBODY

    return owners_at


def _line(line: str) -> tuple[GitIgnoreSpec | None, str]:
    """The pattern of a line and its owners; sections of GitLab's and comments have none."""
    text = line.partition(" #")[0].strip()
    if not text or text.startswith(("#", "[", "^[")):
        return None, ""
    pattern, *owners = text.replace("\\ ", "\0").split()
    return GitIgnoreSpec.from_lines([pattern.replace("\0", "\\ ")]), " ".join(owners)
