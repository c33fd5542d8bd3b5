"""Tasks: one file planned or verified, in any process; tasks and answers are plain JSON.

Nothing here writes, and nothing raises: what goes wrong with a file is its row.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from lossfix.cache.packed import packed, unpacked
from lossfix.cache.stamps import digest_of
from lossfix.confirming import Confirmer
from lossfix.graph.packages import Packages
from lossfix.job import Globs
from lossfix.mend import Settings, Stage, mend_in_stages
from lossfix.proving import Prover
from lossfix.report.rows import FileRow, State
from lossfix.rules.registry import every_rule
from lossfix.rules.steer import steered
from lossfix.source.roles import RoleOverrides
from lossfix.verify import Options
from lossfix.verify.cage.processes import die_with_parent
from lossfix.workers import Death

PLAN, VERIFY = "plan", "verify"


class Setup(NamedTuple):
    """What all tasks of a migration share. `root` is absolute, and is the working folder."""

    root: str
    device: str = "auto"
    inputs: tuple[str, ...] = ()
    timeout_s: float = Options().timeout_s  # of wall time, for each verification
    sandbox: str = Options().sandbox
    curves: bool = False  # each verdict carries what a plot is drawn from
    confirmed: bool = False  # only what shows when the original is run is fixed


class Task(NamedTuple):
    """What is to be done with a file that holds bytes of this digest (hexadecimal)."""

    step: str
    path: str  # from the root
    digest: str
    codes: tuple[str, ...]
    roles: tuple[Globs, Globs, Globs]
    allow: tuple[str, ...]
    sharpness: float | None
    keep_unrun: bool
    rule_sharpness: tuple[tuple[str, float], ...] = ()
    kernels: tuple[tuple[str, str], ...] = ()


class Result(NamedTuple):
    """A file's row, with `reads` from the root, and its bytes rule by rule where it changes."""

    row: FileRow
    stages: tuple[Stage, ...] = ()


@contextmanager
def at_work(setup: Setup, tied: bool = True) -> Iterator[Callable[[Any], Any]]:
    """What turns tasks into answers; the worker that runs losses starts with the first one.

    A process that is `tied` ends with the one that started it.
    """
    os.chdir(setup.root)
    if tied:
        die_with_parent()
    warnings.simplefilter("ignore")  # Python's about the code that is read
    packages = Packages()
    options = Options(
        setup.device,
        inputs=tuple(setup.inputs),
        timeout_s=setup.timeout_s,
        sandbox=setup.sandbox,
    )
    with Prover(options, curves=setup.curves) as prover:
        yield lambda item: _answer(_task(item), packages, prover, setup)


def _answer(task: Task, packages: Packages, prover: Prover, setup: Setup) -> Any:
    """None where the file is not what the task is about."""
    path = Path(task.path)
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if digest_of(data).hex() != task.digest:
        return None
    wanted = frozenset(task.codes)
    rules = tuple(rule for rule in every_rule() if rule.code in wanted)
    verifies = task.step == VERIFY
    confirms = verifies and setup.confirmed
    settings = Settings(
        rules=steered(rules, task.rule_sharpness, task.kernels),
        allow=frozenset(task.allow),
        sharpness=task.sharpness,
        prover=prover if verifies else None,
        confirmer=Confirmer(prover.session(), prover.options) if confirms else None,
        roles=RoleOverrides(*task.roles),
        keep_unrun=task.keep_unrun,
        packages=packages,
    )
    try:
        mended = mend_in_stages(path, settings, data)
    except Exception as error:  # one file must not stop ten thousand
        said = " ".join(str(error).split())[:200]
        reason = f"{task.path}: lossfix failed here, {type(error).__name__}: {said}"
        return [packed(FileRow(task.path, State.FAILED, f"{reason}; left as it was")), []]
    reads = tuple(os.path.relpath(read, setup.root) for read in mended.row.reads)
    row = replace(mended.row, diff="", reads=reads)
    return [packed(row), [[stage.code, stage.data.decode("latin-1")] for stage in mended.stages]]


def _task(item: Any) -> Task:
    step, path, digest, codes, roles, allow, sharpness, keep_unrun, by_rule, kernels = item
    globs = tuple(tuple(each) for each in roles)
    return Task(
        step,
        path,
        digest,
        tuple(codes),
        (globs[0], globs[1], globs[2]),
        tuple(allow),
        sharpness,
        keep_unrun,
        tuple((rule, k) for rule, k in by_rule),
        tuple((rule, kernel) for rule, kernel in kernels),
    )


def result_of(task: Task, answer: Any, planned: Result | None) -> Result | None:
    """The result in an answer; None where the file was another one.

    `planned` is the plan of a task to verify, whose fixes are not run where its process died.
    """
    if answer is None:
        return None
    if isinstance(answer, Death):
        return Result(_died(task, answer, planned))
    try:
        row, stages = answer
        made = tuple(Stage(code, data.encode("latin-1")) for code, data in stages)
        return Result(unpacked(row, task.path), made)
    except (AttributeError, KeyError, TypeError, ValueError):  # of a lossfix that is not this one
        return Result(_died(task, Death("gave an answer that cannot be read"), planned))


def _died(task: Task, death: Death, planned: Result | None) -> FileRow:
    reason = f"{task.path}: the process that worked on it {death.how}"
    if planned is None:
        return FileRow(task.path, State.FAILED, f"{reason}; run again on this file alone")
    findings = tuple(
        (
            replace(row, applied=False, reason=f"not-runnable: its process {death.how}")
            if row.applied
            else row
        )
        for row in planned.row.findings
    )
    return replace(planned.row, state=State.FINDINGS, findings=findings)
