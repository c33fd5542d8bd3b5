"""`lossfix migrate` and `lossfix undo`: the commands' work, without their parser."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lossfix.cli.bar import bar
from lossfix.cli.exits import CLEAN, ERROR
from lossfix.cli.landing import land, report, say
from lossfix.cli.wanted import Wanted
from lossfix.config import Flags
from lossfix.confirming import must_run
from lossfix.errors import MigrateError, VerifyError
from lossfix.globs import Glob
from lossfix.migrate.choices import EngineName, Until
from lossfix.migrate.commits import Committed, commit, ready_to_commit
from lossfix.migrate.engine import Engine, Pool
from lossfix.migrate.files import Listed, listed, named
from lossfix.migrate.journal import Journal
from lossfix.migrate.lock import only_one
from lossfix.migrate.question import Asked
from lossfix.migrate.run import Migration
from lossfix.migrate.tasks import Setup
from lossfix.rules.registry import allowed_by, every_rule, selected


def migrate(wanted: Wanted, flags: Flags) -> int:
    """Plans, verifies and writes as far as is asked, reports, gives the exit code.

    Raises LossfixError.
    """
    root = _root(wanted.root)
    selected(flags.select, flags.ignore)
    allowed_by(flags.allow, every_rule())
    files = _files(wanted, flags, root)
    setup = _setup(wanted, root)
    asked = Asked(setup, flags, wanted.until, wanted.keep_unrun)
    if wanted.until is not Until.PLAN:
        _device_there(wanted.device)
        if wanted.confirmed:
            must_run()
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
    land(wanted, migrated, root)
    return report(wanted, migrated, committed)


def _setup(wanted: Wanted, root: Path) -> Setup:
    setup = Setup(str(root), wanted.device, wanted.inputs)
    setup = setup._replace(
        sandbox=wanted.sandbox, curves=wanted.html is not None, confirmed=wanted.confirmed
    )
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


def undo_migration(root: str) -> int:
    """Takes back what the last migration wrote. Raises LossfixError."""
    from lossfix.migrate.undo import undo

    place = _root(root)
    undone, kept, branches = undo(place)
    if not undone and not kept:
        print("Nothing to undo.")
        return CLEAN
    number = "1 file" if undone == 1 else f"{undone} files"
    print(f"{number} as before the migration; {len(kept)} left.")
    for branch in branches:
        print(f"The commits on the branch {branch} stay; git reverts them.")
    for reason in kept:
        say(f"error: {reason}", sys.stderr.fileno())
    return ERROR if kept else CLEAN
