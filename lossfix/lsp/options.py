"""Options: what the client's settings and the configuration files say of a path.

A configuration that cannot be read leaves the last one that could in force, and is told of once.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lossfix.config import FILE_NAMES, Config, Flags, config_for, flags_from, forget, rules_for
from lossfix.errors import ConfigError, LossfixError
from lossfix.rules.rule import Rule

SECTION = "lossfix"
DEVICES = ("auto", "cpu", "gpu")
SANDBOXES = ("auto", "require", "off")


@dataclass(frozen=True, slots=True)
class Options:
    """The client's settings. `faults` are what could not be used, in words."""

    enable: bool = True
    workspace: bool = True  # check files that are not open as well
    lens: bool = True
    device: str = "auto"
    sandbox: str = "auto"
    inputs: tuple[str, ...] = ()
    flags: Flags = field(default_factory=Flags)
    faults: tuple[str, ...] = ()


def options_from(data: object) -> Options:
    """The settings as a client gives them, by themselves or under the key "lossfix"."""
    if isinstance(data, Mapping) and isinstance(data.get(SECTION), Mapping):
        data = data[SECTION]
    given: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
    faults: list[str] = []
    config = given.get("configuration") or None
    try:
        flags = flags_from(
            select=_texts(given, "select", faults),
            ignore=_texts(given, "ignore", faults),
            sharpness=_sharpness(given, faults),
            config=str(config) if config else None,
        )
    except LossfixError as error:
        faults.append(str(error))
        flags = Flags()
    return Options(
        enable=given.get("enable") is not False,
        workspace=given.get("workspaceDiagnostics") is not False,
        lens=given.get("codeLens") is not False,
        device=_one_of(given, "device", DEVICES, faults),
        sandbox=_one_of(given, "sandbox", SANDBOXES, faults),
        inputs=_texts(given, "inputs", faults),
        flags=flags,
        faults=tuple(faults),
    )


def _one_of(given: Mapping[str, Any], key: str, known: Sequence[str], faults: list[str]) -> str:
    value = given.get(key) or known[0]
    if value in known:
        return str(value)
    faults.append(f"lossfix.{key}: {value!r} is none of {', '.join(known)}")
    return known[0]


def _texts(given: Mapping[str, Any], key: str, faults: list[str]) -> tuple[str, ...]:
    value = given.get(key)
    if value is None:
        return ()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(item for item in value if item)
    faults.append(f"lossfix.{key} must be a list of texts")
    return ()


def _sharpness(given: Mapping[str, Any], faults: list[str]) -> float | None:
    value = given.get("sharpness")
    if value is None:
        return None
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and 0 < value < math.inf:
        return float(value)
    faults.append("lossfix.sharpness must be a number above 0")
    return None


@dataclass(frozen=True, slots=True)
class Applied:
    """What applies to one path."""

    config: Config
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """A configuration that cannot be used: its file, the 1-based line if known, and why."""

    path: str
    line: int | None
    message: str


class Configurations:
    """What applies to each path, with the last good answer kept."""

    def __init__(self) -> None:
        self.options = Options()
        self.generation = 0  # grows whenever an answer may have changed
        self._stamps: dict[str, tuple[tuple[str, int, int], ...]] = {}
        self._good: dict[str, Applied] = {}
        self._faults: dict[str, Fault] = {}

    def set(self, options: Options) -> None:
        if options == self.options:
            return
        self.options = options
        self._stamps = {}
        self.generation += 1

    def for_path(self, path: str) -> Applied:
        """What applies; looked up anew where a configuration file came, went or changed."""
        folder = os.path.dirname(path)
        stamp = _stamp(folder, self.options.flags.config)
        if self._stamps.get(folder) != stamp:
            if folder in self._stamps:
                self.generation += 1
            self._stamps[folder] = stamp
            forget()
        try:
            config = config_for(Path(path), self.options.flags)
            applied = Applied(config, rules_for(config, Path(path)))
        except LossfixError as error:
            self._faults[folder] = _fault(error, folder)
            return self._good.get(folder) or Applied(Config(), rules_for(Config(), Path(path)))
        self._faults.pop(folder, None)
        self._good[folder] = applied
        return applied

    @property
    def faults(self) -> Sequence[Fault]:
        """What cannot be used at present, each once."""
        return tuple(dict.fromkeys(self._faults.values()))


def _stamp(folder: str, named: str | None) -> tuple[tuple[str, int, int], ...]:
    """When the files that may hold the configuration were written, up to the root."""
    found: list[tuple[str, int, int]] = []
    candidates = [named] if named else []
    while not named:
        candidates += [os.path.join(folder, name) for name in FILE_NAMES]
        above = os.path.dirname(folder)
        if above == folder:
            break
        folder = above
    for path in candidates:
        try:
            status = os.stat(path)
        except OSError:
            continue
        found.append((path, status.st_mtime_ns, status.st_size))
    return tuple(found)


def _fault(error: LossfixError, folder: str) -> Fault:
    if isinstance(error, ConfigError):
        return Fault(os.path.abspath(error.path), error.line, str(error))
    return Fault("", None, str(error))
