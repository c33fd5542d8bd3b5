"""The child of the language server that checks files which are not open: jobs in, rows out.

Forking the server itself would copy the locks of its threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from lossfix.cache.packed import packed, unpacked
from lossfix.job import Job, job_of
from lossfix.many import check_many
from lossfix.report.rows import FileRow

_FEW = 20  # files that the server checks itself


async def rows_of(jobs: Sequence[Job]) -> list[FileRow]:
    """A row for each job; none where the child fails. A task that is cancelled ends the child."""
    if len(jobs) <= _FEW:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, lambda: check_many(jobs, jobs=1))
    root = str(Path(__file__).resolve().parents[2])
    inherited = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([root, inherited] if inherited else [root])
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "lossfix.lsp.scan",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path},
    )
    try:
        out, _ = await child.communicate(json.dumps(jobs).encode())
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(signal.SIGKILL)
        raise
    try:
        return [unpacked(row, job.path) for row, job in zip(json.loads(out), jobs, strict=True)]
    except (ValueError, KeyError, TypeError):
        return []


def main() -> None:
    """Checks the jobs on standard input."""
    jobs = [job_of(each) for each in json.load(sys.stdin)]
    json.dump([packed(row) for row in check_many(jobs, jobs=1)], sys.stdout)


if __name__ == "__main__":
    main()
