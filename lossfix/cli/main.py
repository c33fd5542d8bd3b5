"""The command `lossfix`. A plain `check` is answered before Typer is imported."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the console script."""
    from lossfix.cli.quick import quick_check

    code = quick_check(sys.argv[1:])
    if code is None:
        from lossfix.cli.app import run

        code = run()
    sys.exit(code)
