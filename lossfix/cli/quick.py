"""`lossfix check` as people type it most, parsed by hand: Typer alone costs five bare starts.

Whatever is not plainly understood here is left to the full parser.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from lossfix.cli.memory import recall, remember

_LISTS = ("--select", "--ignore")
_FORMAT = "--output-format"
_FEW = 20  # files; a longer run shows its progress, which the full parser does


def quick_check(arguments: Sequence[str]) -> int | None:
    """The exit code of a plain `check`; None where the full parser is wanted."""
    if not arguments or arguments[0] != "check":
        return None
    paths: list[str] = []
    options: dict[str, list[str]] = {"--select": [], "--ignore": [], _FORMAT: []}
    rest = list(arguments[1:])
    while rest:
        argument = rest.pop(0)
        name, equals, value = argument.partition("=")
        if name in options:
            if not equals and not rest:
                return None
            options[name].append(value if equals else rest.pop(0))
        elif argument.startswith("-"):
            return None
        else:
            paths.append(argument)
    formats = options[_FORMAT] or ["text"]
    if not paths or formats[-1] not in ("text", "json") or _is_long(paths):
        return None
    answer = recall(arguments, paths)
    if answer is None:
        from lossfix.cli.checking import check_paths

        lists = [[n for text in options[key] for n in text.split(",") if n] for key in _LISTS]
        answer = check_paths(paths, lists[0], lists[1], formats[-1])
        remember(arguments, paths, answer)
    sys.stdout.write(answer.out)
    sys.stdout.flush()
    sys.stderr.write(answer.err)
    return answer.code


def _is_long(paths: Sequence[str]) -> bool:
    return sys.stderr.isatty() and (len(paths) > _FEW or any(map(os.path.isdir, paths)))
