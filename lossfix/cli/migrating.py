"""`lossfix migrate` and `lossfix undo`: the commands' work, without their parser."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lossfix.cli.bar import bar
from lossfix.cli.exits import CLEAN, ERROR, FINDINGS
from lossfix.cli.output import write_output
from lossfix.config import Flags
from lossfix.errors import MigrateError, VerifyError
from lossfix.globs import Glob
from lossfix.migrate.choices import EngineName, SplitBy, Until
from lossfix.migrate.commits import BRANCH, Committed, commit, ready_to_commit
from lossfix.migrate.engine import Engine, Pool
from lossfix.migrate.files import Listed, listed, named
from lossfix.migrate.journal import Journal
from lossfix.migrate.lock import only_one
from lossfix.migrate.patches import file_patches, split_patches, whole_patch, write_patches
from lossfix.migrate.run import Asked, Migrated, Migration
from lossfix.migrate.tasks import PLAN, VERIFY, Setup
from lossfix.report.as_json import dumps
from lossfix.report.formats import CONCISE, FULL, JSON, TEXT, findings_text
from lossfix.report.migration import migration_json, migration_text
from lossfix.report.rows import FileRow, State
from lossfix.report.text import failures_text
from lossfix.rules.registry import allowed_by, every_rule, selected


@dataclass(frozen=True)
class Wanted:
    """What was typed, beside the flags that every command has."""

    root: str
    until: Until
    include: tuple[str, ...] = ()
    files_from: str | None = None
    keep_unrun: bool = False
    retry: bool = False
    diff: bool = False
    patch: str | None = None
    split_by: SplitBy | None = None
    commit: bool = False
    branch: str = BRANCH
    allow_dirty: bool = False
    jobs: int | None = None
    engine: EngineName = EngineName.POOL
    address: str | None = None
    device: str = "auto"
    inputs: tuple[str, ...] = ()
    html: str | None = None
    sandbox: str = "auto"
    timeout_s: float | None = None
    output_format: str = "full"
    exit_zero: bool = False


def migrate(wanted: Wanted, flags: Flags) -> int:
    """Plans, verifies and writes as far as is asked, reports, gives the exit code.

    Raises LossfixError.
    """
    root = _root(wanted.root)
    selected(flags.select, flags.ignore)
    allowed_by(flags.allow, every_rule())
    files = _files(wanted, flags, root)
    setup = Setup(
        str(root), wanted.device, wanted.inputs, sandbox=wanted.sandbox, curves=bool(wanted.html)
    )
    if wanted.timeout_s is not None:
        setup = setup._replace(timeout_s=wanted.timeout_s)
    asked = Asked(setup, flags, wanted.until, wanted.keep_unrun)
    if wanted.until is not Until.PLAN:
        _device_there(wanted.device)
    if wanted.commit and wanted.until is not Until.APPLY:
        raise MigrateError("--commit commits what is written; say --until apply as well")
    journal = Journal(root)
    committed: Committed | None = None
    try:
        with only_one(journal.folder), bar() as watch:
            if wanted.commit:
                ready_to_commit(root, wanted.branch, wanted.allow_dirty, journal)
            if wanted.retry:
                journal.forget_what_did_not_run()
            engine = _engine(wanted, setup, files)
            migrated = Migration(asked, engine, journal, watch).over(files)
            if migrated.run is not None:
                if wanted.commit:
                    committed = commit(root, journal, migrated.run, wanted.branch)
                journal.end(migrated.run)
    finally:
        journal.close()
    _land(wanted, migrated, root)
    return _report(wanted, migrated, committed)


def _setup(wanted: Wanted, root: Path) -> Setup:
    setup = Setup(str(root), wanted.device, wanted.inputs)
    setup = setup._replace(sandbox=wanted.sandbox, curves=wanted.html is not None)
    return setup if wanted.timeout_s is None else setup._replace(timeout_s=wanted.timeout_s)


def _root(text: str) -> Path:
    root = Path(os.path.abspath(text))
    if not root.is_dir():
        raise MigrateError(f"{text}: is no folder; name the one that is to be migrated")
    return root


def _files(wanted: Wanted, flags: Flags, root: Path) -> list[Listed]:
    if wanted.files_from is not None:
        return named(root, _list_in(wanted.files_from))
    here = os.getcwd()
    return listed(root, flags, [Glob(here, pattern) for pattern in wanted.include])


def _list_in(place: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if place == "-" else Path(place).read_bytes()
    except OSError as error:
        raise MigrateError(f"{place}: cannot be read: {error.strerror}") from None


def _device_there(device: str) -> None:
    """Raises NoDevice before any file is read."""
    if device != "gpu":
        return
    from lossfix.proving import Prover
    from lossfix.verify import Options, tensorflow_available
    from lossfix.verify.pair import NO_FRAMEWORK

    if not tensorflow_available():
        raise VerifyError(f"--device gpu: {NO_FRAMEWORK}")
    with Prover(Options(device=device)) as prover:
        _ = prover.session().device


def _engine(wanted: Wanted, setup: Setup, files: Sequence[Listed]) -> Engine:
    if wanted.engine is EngineName.POOL:
        return Pool(setup, wanted.jobs)
    from lossfix.migrate.on_ray import Cluster

    paths = [os.fsdecode(file.path) for file in files if not file.skipped]
    return Cluster(setup, paths, wanted.address, wanted.jobs)


# landing


def _land(wanted: Wanted, migrated: Migrated, root: Path) -> None:
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


# reporting


def _report(wanted: Wanted, migrated: Migrated, committed: Committed | None) -> int:
    files = _shown(migrated.files, wanted.root)
    text = _text(wanted, migrated, files, committed)
    if wanted.html is not None:
        _write_page(wanted.html, migrated, files)
    if wanted.diff:
        sys.stdout.flush()
        patch = whole_patch(migrated.changes, _below_here(Path(os.path.abspath(wanted.root))))
        sys.stdout.buffer.write(patch)
        sys.stdout.buffer.flush()
    _say(text, sys.stderr.fileno() if wanted.diff else sys.stdout.fileno())
    failures = failures_text(files)
    if failures:
        _say(failures, sys.stderr.fileno())
    code = _exit_code(files, migrated.until)
    return CLEAN if wanted.exit_zero and code == FINDINGS else code


def _say(text: str, handle: int) -> None:
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


def undo_migration(root: str) -> int:
    """Takes back what the last migration wrote. Raises LossfixError."""
    from lossfix.migrate.undo import undo

    place = _root(root)
    undone, kept = undo(place)
    if not undone and not kept:
        print("Nothing to undo.")
        return CLEAN
    number = "1 file" if undone == 1 else f"{undone} files"
    print(f"{number} as before the migration; {len(kept)} left.")
    for reason in kept:
        _say(f"error: {reason}", sys.stderr.fileno())
    return ERROR if kept else CLEAN
