"""Kills a migration at random moments and lets it go on; the files must end as if it had not been.

A migration of a made-up repository is killed with SIGKILL at a random moment, started again and
killed again, until it comes to its end; then the same with a fresh copy, until so many kills were
made. After each kill every file must be as it was or as it will be, and no process may be left;
at the end the tree must be that of a migration that nobody disturbed, byte for byte.
    python benchmarks/kill.py [--kills 30] [--files 40] [--seed 0] [--real]

Verdicts come from a stand-in that takes a moment and runs nothing; with --real losses are run.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_WHILE_WRITING = 0.4  # of the kills, where there is anything to write
_WRITING_S = 2.0
BEFORE = "tf.math.log(1 + tf.exp(-y_true * y_pred))"
ROOT = "tf.sqrt(tf.reduce_sum(tf.square(y_true - y_pred), axis=-1))"
PROGRAM = """
import os, sys, time
if sys.argv[1] == "stand-in":
    from lossfix.proving import Prover
    from lossfix.verify import Outcome, Verdict
    def prove(self, before, after, path, findings, contract, after_at, twin=""):
        time.sleep(0.05)
        return Verdict(Outcome.VERIFIED, contract.name, "stand-in")
    Prover.prove = prove
real = os.replace
def replace(source, target):
    time.sleep(0.05)  # time to be killed in
    real(source, target)
os.replace = replace
sys.argv = ["lossfix", "migrate", sys.argv[2], "--until", "apply", "-j", "2"]
from lossfix.cli.main import main
main()
"""


def make(folder: Path, files: int) -> None:
    """A package of losses, each with one or two fixes, one notebook, and clean files."""
    head = "import tensorflow as tf\n\n\n"
    for number in range(files):
        body = BEFORE if number % 3 else ROOT
        text = f"def my_loss(y_true, y_pred):\n    return tf.reduce_mean({body}, axis=-1)\n"
        if number % 5 == 0:
            text = "def fine_loss(y_true, y_pred):\n    return tf.abs(y_true - y_pred)\n"
        place = folder / f"part{number % 4}" / f"m{number}.py"
        place.parent.mkdir(exist_ok=True)
        place.write_text(head + text + f"# file {number}\n")


def start(folder: Path, real: bool) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", PROGRAM, "real" if real else "stand-in", str(folder)]
    environment = {**os.environ, "LOSSFIX_CACHE_DIR": ""}
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
    )


def tree(folder: Path) -> dict[str, bytes]:
    """Every file but the journal's, hidden ones too."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".lossfix" not in path.relative_to(folder).parts
    }


def descendants(pid: int) -> set[int]:
    """The processes below one, as /proc tells them."""
    parents: dict[int, int] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                parents[int(name)] = int(file.read().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def gone(pids: set[int], patience_s: float) -> bool:
    """Whether all of these processes end, or are zombies that nobody has reaped."""
    until = time.monotonic() + patience_s
    while any(map(_lives, pids)):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def _lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (OSError, IndexError):
        return False


def wait_for_a_write(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Until a file changes, or the migration has ended."""
    start = tree(folder)
    while process.poll() is None and tree(folder) == start:
        time.sleep(0.01)


def half_made(folder: Path, before: dict[str, bytes], after: dict[str, bytes]) -> list[str]:
    """Files that are neither as they were nor as they will be."""
    return [
        name
        for name, data in tree(folder).items()
        if name in before and data not in (before[name], after[name])
    ]


def kill_all_over(kills: int, files: int, seed: int, real: bool, scratch: Path) -> str:
    """What was seen, as one line. Raises AssertionError where the promise is not kept."""
    chance = random.Random(seed)
    origin, model = scratch / "origin", scratch / "model"
    origin.mkdir()
    make(origin, files)
    before = tree(origin)
    shutil.copytree(origin, model)
    began = time.monotonic()
    process = start(model, real)
    _, said = process.communicate()
    took = time.monotonic() - began
    assert process.returncode in (0, 1), said.decode()
    after = tree(model)
    assert set(after) == set(before), "an undisturbed migration left a file behind"
    changed = sum(before[name] != after[name] for name in before)
    made = trees = between = 0
    while made < kills:
        folder = scratch / f"copy{trees}"
        shutil.copytree(origin, folder)
        while True:
            process = start(folder, real)
            if made < kills:
                try:
                    if chance.random() < _WHILE_WRITING:
                        wait_for_a_write(process, folder)
                        process.wait(chance.uniform(0.0, _WRITING_S))
                    else:
                        process.wait(chance.uniform(0.0, took))
                except subprocess.TimeoutExpired:
                    below = descendants(process.pid)
                    process.kill()
                    process.communicate()
                    made += 1
                    between += tree(folder) not in (before, after)
                    assert gone(below, 20.0), f"processes {below} outlived the migration"
                    bad = half_made(folder, before, after)
                    assert not bad, f"{bad} are neither as they were nor as they will be"
                    continue
            _, said = process.communicate()
            assert process.returncode in (0, 1), said.decode()
            break
        assert tree(folder) == after, f"{folder} differs from the undisturbed migration"
        trees += 1
    return (
        f"{made} kills over {trees} migrations of {len(before)} files, {changed} of them changed, "
        f"{between} kills with some written and some not: every tree ended the same, "
        f"no file was half written, no process was left; undisturbed {took:.1f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--real", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lossfix-kill-") as scratch:
        print(kill_all_over(asked.kills, asked.files, asked.seed, asked.real, Path(scratch)))


if __name__ == "__main__":
    main()
