"""`lossfix rewrite`: the command's work, without its parser."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from lossfix.cli.exits import rewrite_exit_code
from lossfix.cli.progress import progress
from lossfix.cli.targets import Plan, plans_of
from lossfix.config import Flags
from lossfix.errors import SourceError, VerifyError
from lossfix.mend import Ask, Settings, mend_file
from lossfix.proving import Prover
from lossfix.report.as_json import dumps, rewrite_json
from lossfix.report.formats import JSON
from lossfix.report.rows import FileRow, FindingRow, State, opt_in
from lossfix.report.text import failures_text, rewrite_notes, rewrite_summary
from lossfix.rules.registry import allowed_by, every_rule
from lossfix.verify import Options, tensorflow_available
from lossfix.verify.pair import NO_FRAMEWORK


def rewrite_paths(
    paths: Sequence[str],
    *,
    write: bool,
    verify: bool | None,
    flags: Flags,
    interactive: bool,
    device: str,
    inputs: tuple[str, ...],
    output_format: str,
    sandbox: str = "auto",
    jobs: int = 1,
) -> int:
    """Rewrites every file, shows what was done, gives the exit code. Raises LossfixError.

    A baseline is for `check` alone: what it knows is fixed as well.
    """
    allowed_by(flags.allow, every_rule())
    plans = plans_of(paths, flags)
    if verify and not tensorflow_available():
        raise VerifyError(f"--verify: {NO_FRAMEWORK}")
    options = Options(device=device, inputs=inputs, sandbox=sandbox)
    jobs = 1 if interactive else jobs
    with ExitStack() as stack:
        prover = None
        if verify or (verify is None and tensorflow_available()):
            prover = stack.enter_context(Prover(options, jobs))
            if device == "gpu":
                _ = prover.session().device  # raises NoDevice before any file is read
        ask = _asker() if interactive else None
        step = stack.enter_context(progress("rewriting", len(plans)))
        files = mend_plans(plans, write=write, ask=ask, prover=prover, jobs=jobs, step=step)
    _show(files, write, output_format)
    return rewrite_exit_code(files, write)


def mend_plans(
    plans: Sequence[Plan | SourceError],
    *,
    write: bool = False,
    ask: Ask | None = None,
    prover: Prover | None = None,
    jobs: int = 1,
    step: Callable[[str], None] = lambda _: None,
) -> list[FileRow]:
    """A row for each plan, in their order; `jobs` files at a time. Raises LossfixError."""

    def mended(plan: Plan | SourceError) -> FileRow:
        if isinstance(plan, SourceError):
            return FileRow(plan.path, State.FAILED, str(plan))
        step(str(plan.target.path))
        permitted = allowed_by(plan.config.allow, every_rule())
        settings = Settings(
            plan.rules, permitted, plan.config.sharpness, write, ask, prover, plan.config.roles
        )
        return mend_file(plan.target.path, settings, plan.target.function)

    if jobs == 1 or len(plans) == 1:
        return [mended(plan) for plan in plans]
    threads = ThreadPoolExecutor(jobs)
    try:
        return list(threads.map(mended, plans))
    except BaseException:
        if prover is not None:
            prover.close()  # what waits for an answer gets none, so that the threads end
        raise
    finally:
        threads.shutdown(cancel_futures=True)


def _asker() -> Ask:
    import typer
    from rich.console import Console

    console = Console(stderr=True)

    def ask(row: FindingRow, diff: str) -> bool:
        console.print(diff, markup=False, highlight=False)
        wanted = opt_in(row)
        promise = f"{row.contract.name}: {row.contract.promise}"
        console.print(f"{row.code} {row.rule}: {row.message} [{promise}]", markup=False)
        question = "Make this fix?" if not wanted else f"Make this {row.contract.name} fix?"
        return typer.confirm(question, default=not wanted, err=True)

    return ask


def _show(files: Sequence[FileRow], written: bool, output_format: str) -> None:
    if output_format == JSON:
        print(dumps(rewrite_json(files)))
    elif sys.stdout.isatty():
        from rich.console import Console

        from lossfix.report.preview import print_preview

        print_preview(files, Console())
        print(rewrite_summary(files, written))
    else:
        _print_exactly("".join(file.diff for file in files))
        print(rewrite_notes(files, written), file=sys.stderr)
    failures = failures_text(files)
    if failures:
        print(failures, file=sys.stderr)


def _print_exactly(text: str) -> None:
    """Line endings as they are, so that a patch of a CR LF file still applies."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.flush()
