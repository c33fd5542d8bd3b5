"""What a migration leaves behind: patches, a page, and its report."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lossfix.cli.exits import CLEAN, ERROR, FINDINGS
from lossfix.cli.output import write_output
from lossfix.cli.wanted import Wanted
from lossfix.errors import MigrateError
from lossfix.migrate.choices import Until
from lossfix.migrate.commits import Committed
from lossfix.migrate.patches import file_patches, split_patches, whole_patch, write_patches
from lossfix.migrate.run import Migrated
from lossfix.migrate.tasks import PLAN, VERIFY
from lossfix.report.as_json import dumps
from lossfix.report.formats import CONCISE, FULL, JSON, TEXT, findings_text
from lossfix.report.migration import migration_json, migration_text
from lossfix.report.rows import FileRow, State
from lossfix.report.text import failures_text


def land(wanted: Wanted, migrated: Migrated, root: Path) -> None:
    """Writes the patches that were asked for."""
    if wanted.patch is None:
        return
    place = Path(wanted.patch)
    if wanted.split_by is None:
        try:
            place.write_bytes(whole_patch(migrated.changes))
        except OSError as error:
            raise MigrateError(f"{place}: cannot be written: {error.strerror}") from None
        return
    parts = split_patches(migrated.changes, wanted.split_by, root)
    for path in write_patches(place, parts):
        print(path, file=sys.stderr)


def _write_page(place: str, migrated: Migrated, files: Sequence[FileRow]) -> None:
    """The report as one page: each file with its diff, each fix with its verdict and plot."""
    from lossfix.report.page import page

    diffs = {os.fsdecode(path): diff for path, diff in file_patches(migrated.changes)}
    rows = [
        replace(file, diff=diffs.get(known.path, b"").decode("utf-8", "replace"))
        for file, known in zip(files, migrated.files, strict=True)
    ]
    write_output(place, "".join(page(rows, "lossfix migration")), "report")


def _below_here(root: Path) -> bytes:
    """The root as it is seen from the working folder; empty where it is that, or not below it."""
    path = os.path.relpath(root)
    return b"" if path == "." or path.startswith("..") else os.fsencode(path)


def report(wanted: Wanted, migrated: Migrated, committed: Committed | None) -> int:
    files = _shown(migrated.files, wanted.root)
    text = _text(wanted, migrated, files, committed)
    if wanted.html is not None:
        _write_page(wanted.html, migrated, files)
    if wanted.diff:
        sys.stdout.flush()
        patch = whole_patch(migrated.changes, _below_here(Path(os.path.abspath(wanted.root))))
        sys.stdout.buffer.write(patch)
        sys.stdout.buffer.flush()
    say(text, sys.stderr.fileno() if wanted.diff else sys.stdout.fileno())
    failures = failures_text(files)
    if failures:
        say(failures, sys.stderr.fileno())
    code = _exit_code(files, migrated.until)
    return CLEAN if wanted.exit_zero and code == FINDINGS else code


def say(text: str, handle: int) -> None:
    """A line or more, names in the bytes that they have."""
    sys.stdout.flush()
    sys.stderr.flush()
    data = f"{text}\n".encode("utf-8", "surrogateescape")
    while data:
        data = data[os.write(handle, data) :]


def _exit_code(files: Sequence[FileRow], until: Until) -> int:
    """2 for a file in error, 1 for a finding that is still there."""
    if any(file.state is State.FAILED for file in files):
        return ERROR
    left = any(not row.applied or until is not Until.APPLY for f in files for row in f.findings)
    return FINDINGS if left else CLEAN


def _shown(files: Sequence[FileRow], root: str) -> list[FileRow]:
    """The rows with paths as they are seen from the working folder."""
    prefix = os.path.join(os.path.normpath(root), "") if os.path.normpath(root) != "." else ""
    return [_from_here(file, prefix) for file in files]


def _from_here(file: FileRow, prefix: str) -> FileRow:
    path = prefix + file.path
    reason = file.reason
    if reason.startswith(f"{file.path}:"):
        reason = prefix + reason
    findings = tuple(replace(row, path=path) for row in file.findings)
    suppressed = tuple(replace(row, path=path) for row in file.suppressed)
    return replace(file, path=path, reason=reason, findings=findings, suppressed=suppressed)


def _text(
    wanted: Wanted, migrated: Migrated, files: Sequence[FileRow], committed: Committed | None
) -> str:
    written = migrated.until is Until.APPLY
    if wanted.output_format == JSON:
        return dumps(migration_json(files, _steps(migrated, committed)))
    if wanted.output_format not in (TEXT, FULL, CONCISE):
        return findings_text(files if written else _as_they_are(files), wanted.output_format)
    return migration_text(
        files, _done(migrated, committed), written, sites=wanted.output_format != CONCISE
    )


def _as_they_are(files: Sequence[FileRow]) -> list[FileRow]:
    """The rows of files that nothing was written to: what would be mended is still there."""
    return [
        replace(file, findings=tuple(replace(row, applied=False) for row in file.findings))
        for file in files
    ]


def _steps(migrated: Migrated, committed: Committed | None) -> dict[str, object]:
    counts = migrated.counts
    return {
        "until": migrated.until.value,
        "rounds": counts.rounds,
        "done": counts.done,
        "known": counts.known,
        "written": len(migrated.changes) if migrated.until is Until.APPLY else 0,
        "commits": None if committed is None else committed._asdict(),
        "seconds": {step: round(spent, 3) for step, spent in counts.seconds.items()},
    }


def _done(migrated: Migrated, committed: Committed | None) -> str:
    counts = migrated.counts
    parts = [
        f"{counts.done[step]} files {word} ({counts.known[step]} known from the journal)"
        for step, word in ((PLAN, "planned"), (VERIFY, "verified"))
        if counts.done[step] or counts.known[step]
    ]
    number = len({write.path for write in migrated.changes})
    changed = "1 file" if number == 1 else f"{number} files"
    if migrated.until is Until.APPLY:
        parts.append(f"{changed} written")
    elif number:
        parts.append(f"{changed} would change; nothing written, --until apply writes")
    else:
        parts.append("nothing to write")
    lines = ["; ".join(parts) + "."]
    if committed is not None:
        number = committed.commits
        commits = "1 commit" if number == 1 else f"{number} commits"
        lines.append(f"{commits} on the branch {committed.branch}.")
        lines += [
            f"{path}: written, and in no commit: it was not as in the last one"
            for path in committed.left_out
        ]
    return "\n".join(lines)
