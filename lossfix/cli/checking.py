"""`lossfix check`: the command's work, without its parser."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lossfix.cli.exits import CLEAN, ERROR, exit_code
from lossfix.cli.memory import Answer
from lossfix.cli.targets import Plan, parse_target, plans_of
from lossfix.config import NO_FLAGS, Flags, shown
from lossfix.errors import LossfixError, SourceError
from lossfix.job import Job
from lossfix.many import check_many
from lossfix.report.formats import JSON, TEXT, findings_text
from lossfix.report.rows import FileRow, State
from lossfix.report.text import failures_text, statistics_text
from lossfix.rules.registry import every_rule

if TYPE_CHECKING:
    from lossfix.baseline import Looked


def check_paths(
    paths: Sequence[str],
    flags: Flags = NO_FLAGS,
    output_format: str = TEXT,
    step: Callable[[str], None] | None = None,
    write_baseline: str | None = None,
    jobs: int | None = None,
    statistics: bool = False,
) -> Answer:
    """Checks every file, by `jobs` processes; `step` is told of each one that is not known yet.

    With `statistics` findings are counted by rule, with `write_baseline` they are recorded there,
    and not shown.
    """
    try:
        plans = plans_of(paths, flags)
        if write_baseline is not None:
            place = os.path.abspath(write_baseline)
            return _record(paths, plans, place, output_format, step, jobs)
        rows, gone = _compared(paths, plans, step, jobs)
        if statistics:
            return _answer(rows, statistics_text(rows))
        return _answer(rows, findings_text(rows, output_format, gone))
    except LossfixError as error:
        return Answer("", f"error: {error}\n", ERROR)


def _compared(
    paths: Sequence[str],
    plans: Sequence[Plan | SourceError],
    step: Callable[[str], None] | None,
    jobs: int | None,
) -> tuple[list[FileRow], int]:
    """The findings that no baseline knows, and how many that it knows are gone.

    Raises ConfigError for a broken baseline.
    """
    places = [None if isinstance(plan, SourceError) else plan.config.baseline for plan in plans]
    if not any(places):
        return _checked(plans, step, jobs), 0
    from lossfix.baseline import new_only, read_baseline

    baselines = {place: read_baseline(place) for place in dict.fromkeys(places) if place}
    files = _checked(plans, step, jobs)
    looked = _looked(paths, plans, files)
    return new_only(list(zip(files, places, strict=True)), baselines, looked)


def _record(
    paths: Sequence[str],
    plans: Sequence[Plan | SourceError],
    place: str,
    output_format: str,
    step: Callable[[str], None] | None,
    jobs: int | None,
) -> Answer:
    """Writes the baseline; entries that this run says nothing about stay. Raises ConfigError."""
    from lossfix.baseline import entries_of, kept, read_baseline, write_baseline

    old = read_baseline(place) if os.path.exists(place) else {}
    files = _checked(plans, step, jobs)
    folder = os.path.dirname(place)
    found = entries_of(files, folder)
    others = kept(old, _looked(paths, plans, files), folder)
    write_baseline(place, found + others)
    total, stayed = found.total(), others.total()
    if output_format == JSON:
        from lossfix.report.as_json import dumps

        out = dumps({"baseline": shown(place), "recorded": total, "kept": stayed})
    else:
        findings = "1 finding" if total == 1 else f"{total} findings"
        rest = f"; {stayed} of files not looked at kept" if stayed else ""
        out = f"{shown(place)}: {findings} recorded{rest}."
    failures = failures_text(files)
    return Answer(f"{out}\n", f"{failures}\n" if failures else "", ERROR if failures else CLEAN)


def _checked(
    plans: Sequence[Plan | SourceError],
    step: Callable[[str], None] | None,
    jobs: int | None,
) -> list[FileRow]:
    """A row for each plan, in their order. Raises LossfixError where no process can be started."""
    wanted = [_job(plan) for plan in plans if isinstance(plan, Plan)]
    rows = iter(check_many(wanted, jobs=jobs, step=step))
    return [
        FileRow(plan.path, State.FAILED, str(plan)) if isinstance(plan, SourceError) else next(rows)
        for plan in plans
    ]


def _job(plan: Plan) -> Job:
    config = plan.config
    codes = tuple(rule.code for rule in plan.rules)
    roles = (config.predictions, config.labels, config.settings)
    return Job(str(plan.target.path), plan.target.function, codes, roles)


def _looked(
    paths: Sequence[str], plans: Sequence[Plan | SourceError], files: Sequence[FileRow]
) -> Looked:
    """What the run looked at; a file of which one function was named is not among it."""
    from lossfix.baseline import Looked

    codes = {
        os.path.abspath(plan.target.path): frozenset(rule.code for rule in plan.rules)
        for plan, file in zip(plans, files, strict=True)
        if isinstance(plan, Plan)
        and plan.target.function is None
        and file.state is not State.FAILED
    }
    named = [parse_target(path).path for path in paths]
    every = frozenset(rule.code for rule in every_rule())
    return Looked(codes, every, [os.path.abspath(path) for path in named if path.is_dir()])


def _answer(files: Sequence[FileRow], text: str) -> Answer:
    failures = failures_text(files)
    return Answer(
        f"{text}\n",
        f"{failures}\n" if failures else "",
        exit_code(files),
        [path for file in files for path in file.reads],
    )


def print_answer(answer: Answer) -> int:
    """Prints the answer and gives its exit code."""
    sys.stdout.write(answer.out)
    sys.stdout.flush()
    sys.stderr.write(answer.err)
    return answer.code
