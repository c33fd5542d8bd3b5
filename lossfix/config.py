"""Configuration: what applies to a path, by the closest file above it and the command line.

The closest `lossfix.toml`, or `pyproject.toml` with a `[tool.lossfix]` table, holds alone: nothing
is merged with what stands further up. Beside each other, `lossfix.toml` holds. Answers are kept
for each folder; `forget` drops them, for programs that outlive a change.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Sequence
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
    rule_sharpness: tuple[tuple[str, float], ...] = ()
    kernels: tuple[tuple[str, str], ...] = ()
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
    rule_sharpness: tuple[tuple[str, float], ...] = ()  # rule -> its own k
    kernels: tuple[tuple[str, str], ...] = ()  # rule -> the name of a kernel
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
    sharpness: float | Sequence[str] | None = None,
    kernels: Sequence[str] = (),
    exclude: tuple[str, ...] = (),
    baseline: str | None = None,
    config: str | None = None,
    isolated: bool = False,
) -> Flags:
    """Flags from what was typed: paths and globs are seen from the working folder.

    A sharpness is one number for all, or texts: "20" for all, "LF203=5" for a rule. Kernels are
    texts such as "LF203=smoothstep". Raises ConfigError where one excludes another, or is none.
    """
    general, by_rule = _sharpness(sharpness)
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
        general,
        by_rule,
        tuple(_pair(text, "--kernel", "LF203=smoothstep") for text in kernels),
        tuple(Glob(here, pattern) for pattern in exclude),
        None if baseline is None else os.path.abspath(baseline),
        None if config is None else os.path.abspath(config),
        isolated,
    )


def _sharpness(
    given: float | Sequence[str] | None,
) -> tuple[float | None, tuple[tuple[str, float], ...]]:
    """The k for all, and those of rules. Raises ConfigError."""
    if given is None or isinstance(given, (int, float)):
        return given, ()
    general: float | None = None
    by_rule: list[tuple[str, float]] = []
    for text in given:
        rule, number = ("", text) if "=" not in text else _pair(text, "--sharpness", "LF203=5")
        try:
            k = float(number)
        except ValueError:
            k = 0.0
        if not 0.0 < k < math.inf:
            raise ConfigError("--sharpness", f"{text!r} is no number above 0; write 20, or LF203=5")
        if rule:
            by_rule.append((rule, k))
        else:
            general = k
    return general, tuple(by_rule)


def _pair(text: str, option: str, example: str) -> tuple[str, str]:
    rule, _, value = (part.strip() for part in text.partition("="))
    if not rule or not value:
        raise ConfigError(option, f"{text!r} names no rule and value; write {example}")
    return rule, value


def config_for(path: Path, flags: Flags = NO_FLAGS) -> Config:
    """What applies to a file, or to what stands in a folder. Raises ConfigError.

    `--select` and `--baseline` replace what the file says, and `--select` its `ignore` as well:
    a rule that is asked for is looked for. `--ignore` and `--sharpness` replace theirs; `--allow`,
    `--exclude`, `--kernel` and the sharpness of a rule add to it.
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
        rule_sharpness=(*found.rule_sharpness, *flags.rule_sharpness),
        kernels=(*found.kernels, *flags.kernels),
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
    """The rules to look for in a file, with the sharpness and kernel that are asked for each.

    Raises RuleError for a name that selects none.
    """
    from lossfix.rules.registry import selected

    absolute = os.path.abspath(path)
    here = [
        name for glob, names in config.per_file_ignores if glob.matches(absolute) for name in names
    ]
    rules = selected(config.select, (*config.ignore, *here))
    if not (config.rule_sharpness or config.kernels):
        return rules
    from lossfix.rules.steer import steered

    return steered(rules, config.rule_sharpness, config.kernels)


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
