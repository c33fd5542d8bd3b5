"""`lossfix check`: the command's work, without its parser."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from lossfix.cli.exits import ERROR, exit_code
from lossfix.cli.memory import Answer
from lossfix.cli.targets import targets_of
from lossfix.errors import LossfixError, SourceError
from lossfix.many import check_many
from lossfix.report.rows import FileRow, State
from lossfix.report.text import check_text, failures_text

TEXT, JSON = "text", "json"
FORMATS = (TEXT, JSON)


def check_paths(
    paths: Sequence[str],
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    output_format: str = TEXT,
    step: Callable[[str], None] | None = None,
    jobs: int | None = None,
) -> Answer:
    """Checks every file, by `jobs` processes; `step` is told of each one that is not known yet."""
    targets = list(targets_of(paths))
    named = [(str(t.path), t.function) for t in targets if not isinstance(t, SourceError)]
    try:
        rows = iter(check_many(named, select, ignore, jobs=jobs, step=step))
    except LossfixError as error:
        return Answer("", f"error: {error}\n", ERROR)
    files = [
        (
            FileRow(target.path, State.FAILED, str(target))
            if isinstance(target, SourceError)
            else next(rows)
        )
        for target in targets
    ]
    failures = failures_text(files)
    return Answer(
        f"{_text_of(files, output_format)}\n",
        f"{failures}\n" if failures else "",
        exit_code(files),
        [path for file in files for path in file.reads],
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
