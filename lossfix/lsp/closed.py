"""Files of the workspace that are not open: checked only when they are new."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.uris import from_fs_path, to_fs_path

from lossfix.config import is_excluded
from lossfix.errors import LossfixError, SourceError
from lossfix.job import Job
from lossfix.lsp.diagnostics import rows_as_diagnostics
from lossfix.lsp.scan import rows_of
from lossfix.report.rows import FileRow
from lossfix.source.files import python_files, read_source

if TYPE_CHECKING:
    from lossfix.lsp.documents import Encoding
    from lossfix.lsp.server import LossfixServer


async def reports(
    ls: LossfixServer, previous: Sequence[types.PreviousResultId]
) -> list[types.WorkspaceDocumentDiagnosticReport]:
    """A report for each Python file below the workspace's folders that is not open."""
    options = ls.configurations.options
    if not (options.enable and options.workspace):
        return []
    known = {each.uri: each.value for each in previous}
    opened = {str(d.path) for d in ls.documents.text_documents.values()}
    roots = [path for path in map(to_fs_path, ls.documents.folders) if path]
    loop = asyncio.get_running_loop()
    paths = await loop.run_in_executor(None, lambda: list(_below(roots, opened, ls)))
    stamps = {path: f"{stamp}.{ls.configurations.generation}" for path, stamp in paths}
    new = [path for path, stamp in stamps.items() if known.get(_uri(path)) != stamp]
    jobs = [job for path in new if (job := _job(ls, path)) is not None]
    rows: list[FileRow] = []
    if jobs:
        rows = await rows_of(jobs)
    encoding = ls.documents.position_encoding
    found = {row.path: row for row in rows}
    made: list[types.WorkspaceDocumentDiagnosticReport] = []
    for path, stamp in stamps.items():
        if path in found:
            made.append(_full(found[path], stamp, encoding))
        elif known.get(_uri(path)) == stamp:
            made.append(types.WorkspaceUnchangedDocumentDiagnosticReport(_uri(path), stamp))
    return made


def _below(roots: Iterable[str], opened: set[str], ls: LossfixServer) -> Iterable[tuple[str, str]]:
    """Paths with the time and size of their last change."""
    flags = ls.configurations.options.flags

    def excluded(path: Path) -> bool:
        try:
            return is_excluded(path, flags)
        except LossfixError:
            return False

    for found in python_files(map(Path, roots), excluded):
        if isinstance(found, SourceError) or str(found) in opened or found.suffix != ".py":
            continue
        try:
            status = os.stat(found)
        except OSError:
            continue
        yield str(found), f"{status.st_mtime_ns:x}.{status.st_size:x}"


def _job(ls: LossfixServer, path: str) -> Job | None:
    applied = ls.configurations.for_path(path)
    config = applied.config
    codes = tuple(rule.code for rule in applied.rules)
    return Job(path, None, codes, (config.predictions, config.labels, config.settings))


def _full(
    row: FileRow, stamp: str, encoding: Encoding
) -> types.WorkspaceFullDocumentDiagnosticReport:
    items: list[types.Diagnostic] = []
    if row.findings:
        try:
            text = read_source(Path(row.path)).text
            items = rows_as_diagnostics(row.findings, text, encoding)
        except (LossfixError, IndexError):
            items = []  # it is being written; the next question finds it new
    return types.WorkspaceFullDocumentDiagnosticReport(_uri(row.path), items, result_id=stamp)


def _uri(path: str) -> str:
    return from_fs_path(path) or Path(path).as_uri()
