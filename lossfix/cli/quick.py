"""What is typed most, and `lsp`, parsed by hand: Typer alone costs five bare starts.

Whatever is not plainly understood here is left to the full parser.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence

from lossfix.cli.memory import Answer, recall, remember
from lossfix.report.formats import FORMATS

_LISTS = ("--select", "--ignore", "--exclude")
_FORMAT, _CONFIG, _BASELINE = "--output-format", "--config", "--baseline"
_ISOLATED = "--no-config"
_JOBS = ("--jobs", "-j")


def quick_serve(arguments: Sequence[str]) -> int | None:
    """The exit code of `lsp`, where what it needs is there; None for anything else."""
    from importlib.util import find_spec

    if list(arguments) != ["lsp"] or find_spec("pygls") is None:
        return None
    from lossfix.cli.serving import serve_editor

    return serve_editor()


def quick_check(arguments: Sequence[str]) -> int | None:
    """The exit code of a plain `check`; None where the full parser is wanted."""
    if not arguments or arguments[0] != "check":
        return None
    paths: list[str] = []
    options: dict[str, list[str]] = {
        key: [] for key in (*_LISTS, *_JOBS, _FORMAT, _CONFIG, _BASELINE)
    }
    isolated = False
    rest = list(arguments[1:])
    while rest:
        argument = rest.pop(0)
        name, equals, value = argument.partition("=")
        if name in options:
            if (not equals and not rest) or argument.startswith("-j="):
                return None
            options[name].append(value if equals else rest.pop(0))
        elif argument == _ISOLATED:
            isolated = True
        elif argument.startswith("-"):
            return None
        else:
            paths.append(argument)
    formats = options[_FORMAT] or ["text"]
    jobs = [text for name in _JOBS for text in options[name]]
    if not paths or formats[-1] not in FORMATS or not _are_numbers(jobs):
        return None
    asked = time.time_ns()
    answer = recall(arguments, paths)
    if answer is None:
        number = int(jobs[-1]) if jobs else None
        answer = _asked(arguments, paths, options, isolated, formats[-1], number, asked)
    sys.stdout.write(answer.out)
    sys.stdout.flush()
    sys.stderr.write(answer.err)
    return answer.code


def _asked(
    arguments: Sequence[str],
    paths: Sequence[str],
    options: Mapping[str, Sequence[str]],
    isolated: bool,
    output_format: str,
    jobs: int | None,
    asked: int,
) -> Answer:
    """The answer worked out, and remembered with all that it rests on."""
    from pathlib import Path

    from lossfix.cli.checking import check_paths
    from lossfix.cli.progress import progress
    from lossfix.config import flags_from, rests_on
    from lossfix.errors import ConfigError

    lists = [tuple(n for text in options[key] for n in text.split(",") if n) for key in _LISTS]
    try:
        flags = flags_from(
            select=lists[0],
            ignore=lists[1],
            exclude=lists[2],
            config=_last(options[_CONFIG]),
            baseline=_last(options[_BASELINE]),
            isolated=isolated,
        )
    except ConfigError as error:
        return Answer("", f"error: {error}\n", 2)
    with progress("checking") as step:
        answer = check_paths(paths, flags, output_format, step, None, jobs)
    if answer.code in (0, 1):
        files = [place for one in paths for place in rests_on(Path(one), flags)]
        remember(arguments, paths, answer, asked, files)
    return answer


def _last(values: Sequence[str]) -> str | None:
    return values[-1] if values else None


def _are_numbers(texts: Sequence[str]) -> bool:
    return all(text.isascii() and text.isdigit() and int(text) > 0 for text in texts)
