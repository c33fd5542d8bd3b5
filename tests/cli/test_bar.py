"""The bar of a migration: on a terminal alone, with counts, and gone at the end."""

import os
import pty
import subprocess
import sys

SHOWN = """
import time
from lossfix.cli.bar import bar
with bar() as watch:
    watch.begin("plan", 3)
    for name in ("a.py", "b.py"):
        watch.done(name)
    time.sleep(0.3)
    watch.begin("verify", 7)
    time.sleep(0.3)
"""


def run(**more):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", SHOWN], stderr=theirs, env={**os.environ, "TERM": "xterm", **more}
    )
    os.close(theirs)
    text = b""
    while True:
        try:
            text += os.read(ours, 4096)
        except OSError:
            break
    assert process.wait() == 0
    return text.decode()


def test_a_terminal_sees_counts_and_time_left():
    shown = run()
    assert "planning" in shown
    assert "2/3" in shown
    assert "verifying" in shown
    assert "0/7" in shown
    assert "\x1b[3" in shown  # colours


def test_no_color_is_kept_to():
    assert "\x1b[3" not in run(NO_COLOR="1")


def test_nobody_else_sees_anything():
    ran = subprocess.run([sys.executable, "-c", SHOWN], capture_output=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
