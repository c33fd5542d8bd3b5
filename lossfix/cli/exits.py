"""Exit codes: 0 clean, 1 findings, 2 error."""

from __future__ import annotations

from collections.abc import Sequence

from lossfix.report.rows import FileRow, State

CLEAN, FINDINGS, ERROR = 0, 1, 2
STOPPED = 130  # as a shell reports a command that Ctrl-C ended


def exit_code(files: Sequence[FileRow]) -> int:
    """Of the whole run: one file in error outranks all findings."""
    if any(file.state is State.FAILED for file in files):
        return ERROR
    return FINDINGS if any(file.findings for file in files) else CLEAN


def rewrite_exit_code(files: Sequence[FileRow], written: bool) -> int:
    """As above; what was mended and written is a finding no more."""
    if not written or exit_code(files) == ERROR:
        return exit_code(files)
    left = any(file.findings for file in files if file.state is not State.FIXED)
    return FINDINGS if left else CLEAN
