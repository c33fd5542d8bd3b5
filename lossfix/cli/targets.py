"""What a person names on the command line: files, folders, and FILE::NAME."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lossfix.config import NO_FLAGS, Config, Flags, config_for, is_excluded, rules_for
from lossfix.errors import SourceError
from lossfix.rules.registry import selected
from lossfix.rules.rule import Rule
from lossfix.source.files import python_files

SEPARATOR = "::"


@dataclass(frozen=True, slots=True)
class Target:
    """One file, and the function in it that was named, if one was."""

    path: Path
    function: str | None = None


def parse_target(text: str) -> Target:
    """`losses.py::focal` or `losses.py`."""
    path, found, function = text.partition(SEPARATOR)
    return Target(Path(path), function.replace("::", ".") if found and function else None)


class Plan(NamedTuple):
    """A target, what applies to it, and the rules to look for in it."""

    target: Target
    config: Config
    rules: tuple[Rule, ...]


def plans_of(arguments: Sequence[str], flags: Flags = NO_FLAGS) -> list[Plan | SourceError]:
    """What is to be done with every target; an error in place of what is missing.

    Raises ConfigError and RuleError for a broken configuration: then nothing is to be done at all.
    """
    selected(flags.select, flags.ignore)  # a wrong name is an error even where there is no file
    plans: list[Plan | SourceError] = []
    for target in targets_of(arguments, flags):
        if isinstance(target, SourceError):
            plans.append(target)
            continue
        config = config_for(target.path, flags)
        plans.append(Plan(target, config, rules_for(config, target.path)))
    return plans


def targets_of(arguments: Sequence[str], flags: Flags = NO_FLAGS) -> Iterator[Target | SourceError]:
    """Every file that the arguments name, each once; an error in place of what is missing.

    What is excluded is left out of folders; a file that is named is taken. Raises ConfigError.
    """
    seen: set[tuple[Path, str | None]] = set()
    for argument in arguments:
        named = parse_target(argument)
        for found in python_files([named.path], lambda path: is_excluded(path, flags)):
            if isinstance(found, SourceError):
                yield found
            elif (found, named.function) not in seen:
                seen.add((found, named.function))
                yield Target(found, named.function)
