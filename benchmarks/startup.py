"""How long `lossfix check` takes on one small file, in starts of a bare interpreter.

CPU time of the whole process, the least of many runs; all are measured in turn, in one run, with
Python's bytecode on disk. A file that was seen before is named once as itself, and its answer is
remembered whole; and once as its folder, which asks the store of results.
    python benchmarks/startup.py
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 15
EXAMPLE = Path(__file__).parents[1] / "fixtures" / "seed" / "threshold_gate.py"


def cpu_seconds(command: list[str], environment: dict[str, str]) -> float:
    """User and system time of one child process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, capture_output=True, check=False, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    bare: list[float] = []
    checks: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "LOSSFIX_CACHE_DIR": f"{folder}/cache"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for number in range(ROUNDS):
            # a new file each round: nothing can be remembered of it
            path = Path(folder) / str(number) / "loss.py"
            path.parent.mkdir()
            path.write_text(f"{EXAMPLE.read_text()}\n# round {number}\n")
            check = [sys.executable, "-m", "lossfix", "check"]
            bare.append(cpu_seconds([sys.executable, "-c", "pass"], environment))
            for name, named in (
                ("a file seen first", path),
                ("a file seen before", path),
                ("its folder", path.parent),
            ):
                checks.setdefault(name, []).append(cpu_seconds([*check, str(named)], environment))
    start = min(bare)
    print(f"Python {sys.version.split()[0]}; CPU time, the least of {ROUNDS} runs")
    print(f"bare interpreter          {start * 1000:6.1f} ms")
    for name, seconds in ((name, min(times)) for name, times in checks.items()):
        print(f"check, {name:18} {seconds * 1000:6.1f} ms  {seconds / start:4.1f} bare starts")


if __name__ == "__main__":
    main()
