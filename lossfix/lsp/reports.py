"""The HTML report of one file, made by `lossfix report` in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

from lossfix.lsp.options import Options
from lossfix.lsp.proofs import descendants

_LAST_WORDS = 500  # characters of what went wrong


class NoReport(Exception):
    """The report could not be made; the message says why."""


async def write_report(path: str, folder: Path, options: Options) -> Path:
    """The page about a file as it is on disk. Raises NoReport.

    A task that is cancelled meanwhile ends the process and all that it runs.
    """
    output = folder / f"{Path(path).stem}-report.html"
    command = [sys.executable, "-m", "lossfix", "report", path, "--output", str(output)]
    command += ["--device", options.device, "--sandbox", options.sandbox]
    for each in options.inputs:
        command += ["--input", each]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _, errors = await process.communicate()
    except asyncio.CancelledError:
        for pid in (*descendants(process.pid), process.pid):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        raise
    if process.returncode not in (0, 1) or not output.exists():
        said = errors.decode("utf-8", "replace").strip()[-_LAST_WORDS:]
        raise NoReport(said or "lossfix report wrote nothing")
    return output
