"""`lossfix check`: the command's work, without its parser."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from lossfix.check import check_file
from lossfix.cli.exits import ERROR, exit_code
from lossfix.cli.targets import targets_of
from lossfix.errors import RuleError, SourceError
from lossfix.report.rows import FileRow, State
from lossfix.report.text import check_text, failures_text
from lossfix.rules.registry import selected

TEXT, JSON = "text", "json"
FORMATS = (TEXT, JSON)


def check_paths(
    paths: Sequence[str],
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    output_format: str = TEXT,
    step: Callable[[str], None] | None = None,
) -> int:
    """Checks every file, prints what was found, gives the exit code.

    `step` is told each file before it is checked.
    """
    try:
        rules = selected(select, ignore)
    except RuleError as error:
        print(f"error: {error}", file=sys.stderr)
        return ERROR
    files: list[FileRow] = []
    for target in targets_of(paths):
        if isinstance(target, SourceError):
            files.append(FileRow(target.path, State.FAILED, str(target)))
            continue
        if step is not None:
            step(str(target.path))
        files.append(check_file(target.path, rules, target.function))
    print_check(files, output_format)
    return exit_code(files)


def print_check(files: Sequence[FileRow], output_format: str) -> None:
    if output_format == JSON:
        from lossfix.report.as_json import check_json, dumps

        print(dumps(check_json(files)))
    else:
        print(check_text(files))
    failures = failures_text(files)
    if failures:
        print(failures, file=sys.stderr)
