"""Killed at random moments, a migration goes on where it was, and ends as if nothing had been."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kill.py"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are read from /proc")
@pytest.mark.skipif(not SCRIPT.exists(), reason="the benchmarks are not here")
def test_a_migration_that_is_killed_ends_as_one_that_is_not():
    command = [sys.executable, SCRIPT, "--kills", "4", "--files", "12", "--seed", "7"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("4 kills over ")
