"""`lossfix report`: the command's work, without its parser."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack

from lossfix.cli.exits import exit_code
from lossfix.cli.output import write_output
from lossfix.cli.progress import progress
from lossfix.cli.rewriting import mend_plans
from lossfix.cli.targets import plans_of
from lossfix.config import Flags
from lossfix.proving import Prover
from lossfix.report.page import page
from lossfix.report.text import failures_text, rewrite_summary
from lossfix.rules.registry import allowed_by, every_rule
from lossfix.verify import Options, tensorflow_available


def report_paths(
    paths: Sequence[str], output: str, flags: Flags, options: Options, jobs: int
) -> int:
    """Makes every fix in memory, runs both versions, and writes the page. Raises LossfixError."""
    allowed_by(flags.allow, every_rule())
    plans = plans_of(paths, flags)
    with ExitStack() as stack:
        prover = None
        if tensorflow_available():
            prover = stack.enter_context(Prover(options, jobs, curves=True))
        step = stack.enter_context(progress("reporting", len(plans)))
        rows = mend_plans(plans, prover=prover, jobs=jobs, step=step)
    write_output(output, "".join(page(rows)), "report")
    print(f"{rewrite_summary(rows, False)} The report is in {output}.", file=sys.stderr)
    failures = failures_text(rows)
    if failures:
        print(failures, file=sys.stderr)
    return exit_code(rows)
