"""What a person names on the command line: files, folders, and FILE::NAME."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lossfix.errors import SourceError
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


def targets_of(arguments: Sequence[str]) -> Iterator[Target | SourceError]:
    """Every file that the arguments name, each once; an error in place of what is missing."""
    seen: set[tuple[Path, str | None]] = set()
    for argument in arguments:
        named = parse_target(argument)
        for found in python_files([named.path]):
            if isinstance(found, SourceError):
                yield found
            elif (found, named.function) not in seen:
                seen.add((found, named.function))
                yield Target(found, named.function)
