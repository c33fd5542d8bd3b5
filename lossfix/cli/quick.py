"""`lossfix check` as people type it most, parsed by hand: Typer alone costs five bare starts.

Whatever is not plainly understood here is left to the full parser.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from lossfix.cli.memory import recall, remember

_LISTS = ("--select", "--ignore")
_FORMAT = "--output-format"
_JOBS = ("--jobs", "-j")


def quick_check(arguments: Sequence[str]) -> int | None:
    """The exit code of a plain `check`; None where the full parser is wanted."""
    if not arguments or arguments[0] != "check":
        return None
    paths: list[str] = []
    options: dict[str, list[str]] = {name: [] for name in (*_LISTS, *_JOBS, _FORMAT)}
    rest = list(arguments[1:])
    while rest:
        argument = rest.pop(0)
        name, equals, value = argument.partition("=")
        if name in options:
            if (not equals and not rest) or argument.startswith("-j="):
                return None
            options[name].append(value if equals else rest.pop(0))
        elif argument.startswith("-"):
            return None
        else:
            paths.append(argument)
    formats = options[_FORMAT] or ["text"]
    jobs = [text for name in _JOBS for text in options[name]]
    if not paths or formats[-1] not in ("text", "json") or not _are_numbers(jobs):
        return None
    asked = time.time_ns()
    answer = recall(arguments, paths)
    if answer is None:
        from lossfix.cli.checking import check_paths
        from lossfix.cli.progress import progress

        select, ignore = ([n for t in options[key] for n in t.split(",") if n] for key in _LISTS)
        number = int(jobs[-1]) if jobs else None
        with progress("checking") as step:
            answer = check_paths(paths, select, ignore, formats[-1], step, number)
        remember(arguments, paths, answer, asked)
    sys.stdout.write(answer.out)
    sys.stdout.flush()
    sys.stderr.write(answer.err)
    return answer.code


def _are_numbers(texts: Sequence[str]) -> bool:
    return all(text.isascii() and text.isdigit() and int(text) > 0 for text in texts)
