"""Which files: git's own list in a repository, else all that no .gitignore leaves out.

Nothing outside the root is ever listed, whatever symlinks say: a link is skipped, and the file that
it leads to is taken where it lies.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pathspec import GitIgnoreSpec

from lossfix.config import Flags, config_for
from lossfix.errors import MigrateError
from lossfix.globs import Glob
from lossfix.migrate.git import git, in_repository
from lossfix.migrate.journal import FOLDER
from lossfix.source.files import SKIPPED_FOLDERS, SUFFIXES

LINK = "is a symlink; what it leads to is migrated where it lies"
OUTSIDE = "lies outside of what is migrated"
SUBMODULE = "is a git submodule; migrate it in its own repository"
NO_FILE = "is no file"
MISSING = "there is no such file; check the path"

_Rules = tuple[tuple[bytes, GitIgnoreSpec], ...]


class Listed(NamedTuple):
    """A file, by its path from the root, and why it is skipped, if it is."""

    path: bytes
    skipped: str = ""


def listed(root: Path, flags: Flags, include: Sequence[Glob] = ()) -> list[Listed]:
    """The files under `root`, in the order of their paths, less what is excluded.

    With `include`, those alone that one of the globs matches. Raises MigrateError, ConfigError.
    """
    found = _from_git(root) if in_repository(root) else _walked(root, b"", ())
    return sorted(one for one in found if _wanted(root, one.path, flags, include))


def named(root: Path, text: bytes) -> list[Listed]:
    """The files in a list with NUL or newline between them, each once; links are looked through.

    Relative ones are seen from the working folder. What is not below `root` is skipped.
    """
    parts = text.split(b"\0") if b"\0" in text else text.splitlines()
    top = os.fsencode(os.path.realpath(root))
    found: dict[bytes, Listed] = {}
    for part in filter(None, parts):
        path = os.path.join(os.getcwdb(), part)
        real = os.path.realpath(path)
        below = real[len(top) + 1 :] if real.startswith(top + b"/") else None
        if below is None:
            one = Listed(part, OUTSIDE)
        elif not os.path.lexists(path):
            one = Listed(below, MISSING)
        else:
            one = Listed(below, "" if os.path.isfile(real) else NO_FILE)
        found.setdefault(one.path, one)
    return sorted(found.values())


def _wanted(root: Path, path: bytes, flags: Flags, include: Sequence[Glob]) -> bool:
    absolute = os.path.join(root, os.fsdecode(path))
    if include and not any(glob.matches(absolute) for glob in include):
        return False
    config = config_for(Path(absolute), flags)
    return not any(glob.matches(absolute) for glob in config.exclude)


def _from_git(root: Path) -> Iterator[Listed]:
    """Tracked files, and those that are not and no .gitignore names; submodules with a reason."""
    staged = git(root, "ls-files", "-z", "--stage")
    links = {
        entry.partition(b"\t")[2] for entry in staged.split(b"\0") if entry.startswith(b"160000 ")
    }
    for path in sorted(links):
        yield Listed(path, SUBMODULE)
    command = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    seen = set(git(root, *command).split(b"\0")) - links
    for path in sorted(seen):
        if path.endswith(tuple(map(os.fsencode, SUFFIXES))):
            yield from _looked_at(root, path)


def _looked_at(root: Path, path: bytes) -> Iterator[Listed]:
    try:
        mode = os.lstat(os.path.join(os.fsencode(root), path)).st_mode
    except OSError:  # deleted, and git has not been told
        return
    if stat.S_ISLNK(mode):
        yield Listed(path, LINK)
    elif stat.S_ISREG(mode):
        yield Listed(path)
    else:
        yield Listed(path, NO_FILE)


def _walked(root: Path, folder: bytes, above: _Rules) -> Iterator[Listed]:
    """As git would list a folder that is in no repository."""
    place = os.path.join(os.fsencode(root), folder)
    rules = (*above, *_rules_in(place, folder))
    try:
        entries = sorted(os.scandir(place), key=lambda entry: entry.name)
    except OSError as error:
        raise MigrateError(f"{os.fsdecode(place)}: cannot be listed: {error.strerror}") from None
    for entry in entries:
        path = os.path.join(folder, entry.name)
        if entry.is_dir(follow_symlinks=False):
            name = os.fsdecode(entry.name)
            if name not in SKIPPED_FOLDERS and name != FOLDER and not _ignored(path + b"/", rules):
                yield from _walked(root, path, rules)
        elif entry.name.endswith(tuple(map(os.fsencode, SUFFIXES))) and not _ignored(path, rules):
            yield from _looked_at(root, path)


def _rules_in(place: bytes, folder: bytes) -> _Rules:
    try:
        with open(os.path.join(place, b".gitignore"), encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return ()
    return ((folder, GitIgnoreSpec.from_lines(lines)),)


def _ignored(path: bytes, rules: _Rules) -> bool:
    """By the closest .gitignore that says anything about the path."""
    for folder, spec in reversed(rules):
        inside = path[len(folder) + 1 :] if folder else path
        said = spec.check_file(os.fsdecode(inside)).include
        if said is not None:
            return bool(said)
    return False
