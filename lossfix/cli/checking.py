"""`lossfix check`: the command's work, without its parser."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence

from lossfix.check import check_file
from lossfix.cli.exits import ERROR, exit_code
from lossfix.cli.memory import Answer
from lossfix.cli.targets import targets_of
from lossfix.errors import RuleError, SourceError
from lossfix.graph.packages import Packages
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
) -> Answer:
    """Checks every file; `step` is told each one before it is checked."""
    try:
        rules = selected(select, ignore)
    except RuleError as error:
        return Answer("", f"error: {error}\n", ERROR)
    gc.disable()  # trees hold no cycles, and walking them again and again costs more than parsing
    files: list[FileRow] = []
    packages = Packages()
    for target in targets_of(paths):
        if isinstance(target, SourceError):
            files.append(FileRow(target.path, State.FAILED, str(target)))
            continue
        if step is not None:
            step(str(target.path))
        files.append(check_file(target.path, rules, target.function, packages))
    failures = failures_text(files)
    return Answer(
        f"{_text_of(files, output_format)}\n", f"{failures}\n" if failures else "", exit_code(files)
    )


def _text_of(files: Sequence[FileRow], output_format: str) -> str:
    if output_format == JSON:
        from lossfix.report.as_json import check_json, dumps

        return dumps(check_json(files))
    return check_text(files)


def print_answer(answer: Answer) -> int:
    """Prints the answer and gives its exit code."""
    sys.stdout.write(answer.out)
    sys.stdout.flush()
    sys.stderr.write(answer.err)
    return answer.code
