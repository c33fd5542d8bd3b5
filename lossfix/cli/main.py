"""The command `lossfix`. A plain `check` is answered before Typer is imported."""

from __future__ import annotations

import gc
import os
import sys
import warnings


def main() -> None:
    """Entry point of the console script."""
    from lossfix.cli.quick import quick_check, quick_serve

    if hasattr(sys.stdout, "reconfigure"):  # names of files need not be text
        sys.stdout.reconfigure(errors="surrogateescape")
    warnings.filterwarnings("ignore", category=SyntaxWarning)  # of the code that is looked at
    try:
        code = quick_check(sys.argv[1:])
        if code is None:
            code = quick_serve(sys.argv[1:])
        if code is None:
            from lossfix.cli.app import run

            code = run()
        sys.stdout.flush()
    except KeyboardInterrupt:
        from lossfix.cli.exits import STOPPED

        print("stopped; files are either as they were or written whole", file=sys.stderr)
        code = STOPPED
    except BrokenPipeError:  # whoever read our output has gone; Python must not flush it again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 2
    gc.freeze()  # the process ends: looking through what it still holds frees nothing in time
    sys.exit(code)
