"""A migration of the corpus in one command, checked from outside, and how it grows with files.

The packages are copied into a git repository, planned, verified and written in one command. Then
git's own list of changed files is held against the report and the journal, every file is compiled,
a second migration must have nothing to do, and undo must give the files back byte for byte.
    python benchmarks/migration.py                        all of it
    python benchmarks/migration.py --until plan --copies 1 2 4          how planning grows
    python benchmarks/migration.py --until plan --copies 1 -- --engine ray
    python benchmarks/migration.py --until verify --losses 40 -j 2      how verifying spreads

With --copies it is every fourth file, so many times beside each other: the same work each time.
With --losses it is so many of the files that show a rule, with something to run in most of them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

from corpus import corpus, corpus_files, corpus_folder

FIXTURES = Path(__file__).parents[1] / "fixtures" / "rules"


class Ran(NamedTuple):
    """A migration's report, and what it cost: seconds, CPU seconds, megabytes of one process."""

    report: dict[str, Any]
    wall: float
    cpu: float
    memory_mb: float


def repository(scratch: Path, folder: Path, files: list[Path], copies: int) -> Path:
    """A git repository with these files of a folder, as often as there are copies, committed."""
    root = scratch / "repository"
    for copy in range(copies):
        for path in files:
            place = root / f"copy{copy}" / path.relative_to(folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "-c", "user.name=n", "-c", "user.email=n@localhost", "commit", "-q", "-m", "corpus")
    return root


def git(root: Path, *arguments: str) -> bytes:
    return subprocess.run(
        ["git", "-C", str(root), *arguments], check=True, capture_output=True
    ).stdout


def migrate(root: Path, until: str, jobs: int, more: list[str]) -> Ran:
    command = [sys.executable, "-m", "lossfix", "migrate", ".", "--until", until, "-j", str(jobs)]
    before, began = _used(), time.monotonic()
    ran = subprocess.run(
        [*command, "--output-format", "json", *more], cwd=root, capture_output=True, text=True
    )
    wall, after = time.monotonic() - began, _used()
    if not ran.stdout:
        raise SystemExit(ran.stderr)
    report = json.loads(ran.stdout)
    return Ran(report, wall, after[0] - before[0], after[1])


def _used() -> tuple[float, float]:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1000


def tree(root: Path) -> dict[str, bytes]:
    names = git(root, "ls-files", "-z").split(b"\0")
    return {os.fsdecode(name): (root / os.fsdecode(name)).read_bytes() for name in names if name}


def checked(root: Path, ran: Ran, before: dict[str, bytes], jobs: int, more: list[str]) -> str:
    """What was seen from outside, as lines. Raises AssertionError where it differs."""
    changed = {os.fsdecode(n) for n in git(root, "diff", "--name-only", "-z").split(b"\0") if n}
    journal = sqlite3.connect(root / ".lossfix" / "journal.sqlite")
    recorded = {
        os.fsdecode(path)
        for (path,) in journal.execute("SELECT path FROM writes WHERE state = 'written'")
    }
    journal.close()
    fixed = {
        row["path"] for row in ran.report["files"] if row["state"] in ("fixed", "partly fixed")
    }
    assert changed == recorded == fixed, (changed ^ recorded, changed ^ fixed)
    broken = [name for name, data in tree(root).items() if compiles(before[name]) > compiles(data)]
    assert not broken, f"compiled before and do not any more: {broken}"
    again = migrate(root, "apply", jobs, more)
    assert again.report["steps"]["done"] == {"plan": 0, "verify": 0}, again.report["steps"]
    assert again.report["steps"]["written"] == 0
    stat = git(root, "diff", "--shortstat").decode().strip()
    undone = subprocess.run([sys.executable, "-m", "lossfix", "undo", "."], cwd=root)
    assert undone.returncode == 0
    assert tree(root) == before
    return (
        f"git: {stat}; the journal and the report name the same files\n"
        f"every file that compiled compiles; a second migration did nothing, in {again.wall:.1f} s"
        f" ({again.cpu:.1f} s CPU)\nundo gave every file back"
    )


def compiles(data: bytes) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(data, "file", "exec")
        except (SyntaxError, ValueError):
            return False
    return True


def told(number: int, ran: Ran) -> str:
    states = ", ".join(f"{count} {state}" for state, count in sorted(ran.report["states"].items()))
    seconds = ", ".join(f"{step} {s:.1f} s" for step, s in ran.report["steps"]["seconds"].items())
    fixes = sum(entry["count"] for entry in ran.report["fixes"])
    return (
        f"{number} files: {states}; {fixes} fixes\n"
        f"  {ran.wall:.1f} s ({seconds}), {ran.cpu:.1f} s CPU, {ran.memory_mb:.0f} MB"
    )


def chosen_files(losses: int, a_part: bool) -> tuple[Path, list[Path]]:
    """Files and the folder that they are in: of the rules' fixtures, or of the corpus."""
    if losses:
        shown = sorted(FIXTURES.glob("*/*.before.py"))
        return FIXTURES, shown[:: max(1, len(shown) // losses)][:losses]
    corpus()
    return corpus_folder(), corpus_files()[:: 4 if a_part else 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--copies", type=int, nargs="*", default=[])
    parser.add_argument("--losses", type=int, default=0)
    parser.add_argument("--until", default="apply", choices=["plan", "verify", "apply"])
    parser.add_argument("--jobs", "-j", type=int, default=1)
    parser.add_argument("more", nargs="*", help="further options of migrate, after --")
    asked = parser.parse_args()
    folder, chosen = chosen_files(asked.losses, asked.copies != [])
    for copies in asked.copies or [1]:
        with tempfile.TemporaryDirectory(prefix="lossfix-migration-") as scratch:
            root = repository(Path(scratch), folder, chosen, copies)
            before = tree(root)
            ran = migrate(root, asked.until, asked.jobs, asked.more)
            print(told(len(before), ran), flush=True)
            for entry in ran.report["fixes"]:
                print(
                    f"  {entry['count']:4} {entry['rule']}, {entry['contract']}, {entry['verdict']}"
                )
            for reason, count in ran.report["left"].items():
                print(f"  {count:4} left: {reason}")
            if asked.until == "apply":
                print(checked(root, ran, before, asked.jobs, asked.more), flush=True)


if __name__ == "__main__":
    main()
