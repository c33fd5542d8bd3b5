"""How long `lossfix check` takes on one small file, in starts of a bare interpreter.

CPU time of the whole process, the least of many runs; both are measured in turn, in one run.
    python benchmarks/startup.py
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 15
EXAMPLE = Path(__file__).parents[1] / "fixtures" / "seed" / "threshold_gate.py"


def cpu_seconds(command: list[str]) -> float:
    """User and system time of one child process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    bare, first, again = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            # a new file each round: nothing can be remembered of it
            path = Path(folder) / f"loss_{number}.py"
            path.write_text(f"{EXAMPLE.read_text()}\n# round {number}\n")
            check = [sys.executable, "-m", "lossfix", "check", str(path)]
            bare.append(cpu_seconds([sys.executable, "-c", "pass"]))
            first.append(cpu_seconds(check))
            again.append(cpu_seconds(check))
    start = min(bare)
    print(f"bare interpreter          {start * 1000:6.1f} ms")
    for name, seconds in (("a file seen first", min(first)), ("a file seen before", min(again))):
        print(f"check, {name:18} {seconds * 1000:6.1f} ms  {seconds / start:4.1f} bare starts")


if __name__ == "__main__":
    main()
