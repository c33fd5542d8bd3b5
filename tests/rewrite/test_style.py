"""The style of a file is kept, whoever asks first."""

import subprocess
import sys

SEVERAL_AT_ONCE = """
import sys
import threading
from pathlib import Path
from lossfix.rewrite.style import restyled

sys.setswitchinterval(1e-6)
start, found = threading.Barrier(4), []

def style():
    start.wait()
    found.append(restyled("x = 1\\n", "x = 1\\ny=2\\n", Path("loss.py")))

threads = [threading.Thread(target=style) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert found == ["x = 1\\ny = 2\\n"] * 4, found
"""


def test_several_threads_may_ask_at_once_in_a_process_that_just_started():
    for _ in range(4):
        subprocess.run([sys.executable, "-c", SEVERAL_AT_ONCE], check=True)
