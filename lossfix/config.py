"""Configuration: what applies to a path, by the closest file above it and the command line.

The closest `lossfix.toml`, or `pyproject.toml` with a `[tool.lossfix]` table, holds alone: nothing
is merged with what stands further up. Beside each other, `lossfix.toml` holds. Answers are kept
for each folder; `forget` drops them, for programs that outlive a change.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lossfix.errors import ConfigError
from lossfix.globs import Glob, well_formed

if TYPE_CHECKING:
    from lossfix.rules.rule import Rule
    from lossfix.source.roles import RoleOverrides

OWN_NAME, SHARED_NAME = "lossfix.toml", "pyproject.toml"
FILE_NAMES = (OWN_NAME, SHARED_NAME)
_TABLE = rb"""\btool["']?[ \t]*\.[ \t]*["']?lossfix|\blossfix["']?[ \t]*(?:\.|=[^=])"""


class Flags(NamedTuple):
    """What the command line says. Paths are absolute."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    sharpness: float | None = None
    exclude: tuple[Glob, ...] = ()
    baseline: str | None = None
    config: str | None = None  # this file and no other
    isolated: bool = False  # no file at all


class Config(NamedTuple):
    """All that applies to a path. Paths are absolute; `file` is None where there is none."""

    file: str | None = None
    select: tuple[str, ...] = ()  # empty for every rule
    ignore: tuple[str, ...] = ()
    per_file_ignores: tuple[tuple[Glob, tuple[str, ...]], ...] = ()
    exclude: tuple[Glob, ...] = ()
    allow: tuple[str, ...] = ()
    sharpness: float | None = None
    predictions: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    baseline: str | None = None

    @property
    def roles(self) -> RoleOverrides:
        """What the names of parameters stand for here, over the conventions."""
        from lossfix.source.roles import RoleOverrides

        return RoleOverrides(self.predictions, self.labels, self.settings)


NO_FLAGS = Flags()


def flags_from(
    *,
    select: tuple[str, ...] = (),
    ignore: tuple[str, ...] = (),
    allow: tuple[str, ...] = (),
    sharpness: float | None = None,
    exclude: tuple[str, ...] = (),
    baseline: str | None = None,
    config: str | None = None,
    isolated: bool = False,
) -> Flags:
    """Flags from what was typed: paths and globs are seen from the working folder.

    Raises ConfigError where the one excludes the other.
    """
    if config is not None and isolated:
        raise ConfigError(config, "--config and --no-config exclude each other; give one of them")
    for pattern in exclude:
        if not well_formed(pattern):
            raise ConfigError("--exclude", f"{pattern!r} is no glob: its brackets hold no range")
    here = os.getcwd()
    return Flags(
        select,
        ignore,
        allow,
        sharpness,
        tuple(Glob(here, pattern) for pattern in exclude),
        None if baseline is None else os.path.abspath(baseline),
        None if config is None else os.path.abspath(config),
        isolated,
    )


def config_for(path: Path, flags: Flags = NO_FLAGS) -> Config:
    """What applies to a file, or to what stands in a folder. Raises ConfigError.

    `--select` and `--baseline` replace what the file says, and `--select` its `ignore` as well:
    a rule that is asked for is looked for. `--ignore` and `--sharpness` replace theirs, `--allow`
    and `--exclude` add to it.
    """
    absolute = os.path.abspath(path)
    folder = absolute if os.path.isdir(absolute) else os.path.dirname(absolute)
    return _config_of(folder, flags)


@cache
def _config_of(folder: str, flags: Flags) -> Config:
    file = None if flags.isolated else flags.config or _closest(folder)
    found = Config() if file is None else _read(file)
    return found._replace(
        select=flags.select or found.select,
        ignore=flags.ignore or (() if flags.select else found.ignore),
        exclude=(*found.exclude, *flags.exclude),
        allow=(*found.allow, *flags.allow),
        sharpness=found.sharpness if flags.sharpness is None else flags.sharpness,
        baseline=found.baseline if flags.baseline is None else flags.baseline,
    )


@cache
def _closest(folder: str) -> str | None:
    """The file that holds for a folder; None where there is none up to the root."""
    own = os.path.join(folder, OWN_NAME)
    if os.path.isfile(own):
        return own
    shared = os.path.join(folder, SHARED_NAME)
    if os.path.isfile(shared) and _holds_table(shared):
        return shared
    above = os.path.dirname(folder)
    return None if above == folder else _closest(above)


def _holds_table(path: str) -> bool:
    """Whether a pyproject.toml has a `[tool.lossfix]`; most are told by their bytes alone."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise ConfigError(shown(path), f"cannot be read: {error.strerror}") from None
    if not re.search(_TABLE, data):
        return False
    from lossfix.config_file import has_table

    return has_table(path, data)


@cache
def _read(path: str) -> Config:
    from lossfix.config_file import read_config

    return read_config(path)


def forget() -> None:
    """Drop what was read; the next question reads the files anew."""
    for cached in (_config_of, _closest, _read):
        cached.cache_clear()


def is_excluded(path: Path, flags: Flags = NO_FLAGS) -> bool:
    """Whether a folder that is walked leaves this entry of it out. Raises ConfigError."""
    absolute = os.path.abspath(path)
    config = _config_of(os.path.dirname(absolute), flags)
    return any(glob.matches_entry(absolute) for glob in config.exclude)


def rules_for(config: Config, path: Path) -> tuple[Rule, ...]:
    """The rules to look for in a file. Raises RuleError for a name that selects none."""
    from lossfix.rules.registry import selected

    absolute = os.path.abspath(path)
    here = [
        name for glob, names in config.per_file_ignores if glob.matches(absolute) for name in names
    ]
    return selected(config.select, (*config.ignore, *here))


def rests_on(path: Path, flags: Flags = NO_FLAGS) -> Iterator[str]:
    """The files, there or not, that decide what applies to a path. Raises ConfigError."""
    config = config_for(path, flags)
    if config.baseline is not None:
        yield config.baseline
    if flags.config is not None:
        yield flags.config
    if flags.isolated or flags.config is not None:
        return
    folder = os.path.dirname(os.path.abspath(path))
    while True:
        candidates = [os.path.join(folder, name) for name in FILE_NAMES]
        yield from candidates
        above = os.path.dirname(folder)
        if config.file in candidates or above == folder:
            return
        folder = above


def shown(path: str) -> str:
    """A path as a person reads it: from the working folder, where it is below that."""
    here = os.getcwd().rstrip(os.sep) + os.sep
    return path[len(here) :] if path.startswith(here) else path
