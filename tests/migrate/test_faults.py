"""What can go wrong under way costs the file that it happens to, and no other."""

import faulthandler
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from repositories import HEAD, contents, fixed, loss, prove, softplus

from lossfix.proving import Prover

forked = pytest.mark.skipif(
    sys.platform in ("win32", "darwin"), reason="a worker that is no fork has no patches"
)


def apply(lossfix, *more):
    return lossfix("migrate", ".", "--until", "apply", "-j", "2", *more)


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of its own, of three megabytes."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("no file system can be mounted here")
    yield place
    os.chdir("/")
    subprocess.run(["umount", "--lazy", str(place)], check=True)  # a child may not be gone yet


@pytest.mark.parametrize("room", [0, 120_000])
def test_a_full_disk_leaves_every_file_whole(lossfix, small_disk, proved, monkeypatch, room):
    """Room for nothing, and for the journal but for no file beside it."""
    monkeypatch.chdir(small_disk)
    long = "# a long comment\n" * 10_000
    for number in range(4):
        (small_disk / f"m{number}.py").write_text(softplus() + long)
    lossfix("migrate", ".", "--until", "verify", "-j", "1")
    filler = small_disk / "filler"
    with suppress(OSError), open(filler, "wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass
    os.truncate(filler, max(filler.stat().st_size - room, 0))
    ran = lossfix("migrate", ".", "--until", "apply", "-j", "1")
    assert ran.code == 2
    assert "space left" in ran.err or "make room on the disk, which is full" in ran.err
    assert "Traceback" not in ran.err
    found = contents(small_disk)
    assert set(found) == {b"filler", *(b"m%d.py" % n for n in range(4))}  # nothing half made
    texts = {data.decode() for name, data in found.items() if name != b"filler"}
    assert texts <= {softplus() + long, fixed(softplus()) + long}
    filler.unlink()
    assert lossfix("migrate", ".", "--until", "apply", "-j", "1").code == 0
    assert {data.decode() for data in contents(small_disk).values()} == {fixed(softplus()) + long}


@forked
def test_a_file_that_kills_its_process_is_not_run_and_the_others_are(
    lossfix, repository, monkeypatch
):
    def deadly(self, before, after, path, findings, contract, after_at, twin=""):
        if "deadly" in findings[0].function:
            faulthandler.disable()
            os.kill(os.getpid(), signal.SIGSEGV)
        return prove(self, before, after, path, findings, contract, after_at, twin)

    monkeypatch.setattr(Prover, "prove", deadly)
    (repository / "deadly.py").write_text(softplus("deadly_loss"))
    ran = apply(lossfix, "--output-format", "json")
    rows = {row["path"]: row for row in json.loads(ran.out)["findings"]}
    assert rows["deadly.py"]["reason"] == "not-runnable: its process was ended by SIGSEGV"
    assert (repository / "deadly.py").read_text() == softplus("deadly_loss")
    assert (repository / "plus.py").read_text() == fixed(softplus())
    again = apply(lossfix)
    assert "0 files verified" in again.out
    monkeypatch.setattr(Prover, "prove", prove)
    assert apply(lossfix, "--retry").code == 1
    assert (repository / "deadly.py").read_text() == fixed(softplus("deadly_loss"))


@forked
def test_a_defect_of_lossfix_costs_one_file(lossfix, repository, monkeypatch):
    real = Prover.prove

    def broken(self, before, after, path, findings, contract, after_at, twin=""):
        if path.name == "plus.py":
            raise KeyError("a defect")
        return real(self, before, after, path, findings, contract, after_at, twin)

    monkeypatch.setattr(Prover, "prove", broken)
    (repository / "more.py").write_text(softplus())
    ran = apply(lossfix)
    assert ran.code == 2
    assert "error: plus.py: lossfix failed here, KeyError: 'a defect'; left as it was" in ran.err
    assert (repository / "more.py").read_text() == fixed(softplus())


def test_a_notebook_of_30_mb_changes_in_one_line(lossfix, repository):
    picture = {"data": {"image/png": "iVBORw0KGgo" * 1_000_000}, "output_type": "display_data"}
    cells = [
        {"cell_type": "code", "metadata": {}, "outputs": [picture], "source": [line]}
        for line in (HEAD, "%matplotlib inline\n", "x = 1")
    ]
    cells[2]["source"] = loss("my_loss").splitlines(keepends=True)
    text = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}, indent=1)
    assert len(text) > 30_000_000
    (repository / "big.ipynb").write_text(text)
    apply(lossfix)
    assert (repository / "big.ipynb").read_text() == fixed(text)


CRASHES = HEAD + (
    "import ctypes\n\n\ndef crash_loss(y_true, y_pred):\n    ctypes.string_at(0)\n"
    "    return tf.reduce_mean(tf.math.log(1 + tf.exp(-y_true * y_pred)), axis=-1)\n"
)
HANGS = HEAD + (
    "import time\n\n\ndef hang_loss(y_true, y_pred):\n    time.sleep(10_000)\n"
    "    return tf.reduce_mean(tf.math.log(1 + tf.exp(-y_true * y_pred)), axis=-1)\n"
)


@pytest.mark.tensorflow
def test_losses_that_hang_and_crash_are_not_run(lossfix, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crashes.py").write_text(CRASHES)
    (tmp_path / "hangs.py").write_text(HANGS)
    (tmp_path / "plus.py").write_text(softplus())
    command = ("migrate", ".", "--until", "apply", "-j", "1", "--output-format", "json")
    ran = lossfix(*command, "--timeout", "60")
    rows = {row["path"]: row for row in json.loads(ran.out)["findings"]}
    assert rows["crashes.py"]["verdict"] == rows["hangs.py"]["verdict"] == "not run"
    assert rows["plus.py"]["verdict"] == "verified"
    assert (tmp_path / "crashes.py").read_text() == CRASHES
    assert (tmp_path / "hangs.py").read_text() == HANGS
    assert (tmp_path / "plus.py").read_text() == fixed(softplus())


SLOW = """
import sys, time
sys.path.insert(0, sys.argv[1])
from repositories import prove
from lossfix.proving import Prover
def slow(self, *rest):
    sys.stdout.write("proving\\n")
    sys.stdout.flush()
    time.sleep(60)
    return prove(self, *rest)
Prover.prove = slow
sys.argv = ["lossfix", "migrate", ".", "--until", "apply", "-j", "2"]
from lossfix.cli.main import main
main()
"""


@forked
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_migration_that_is_stopped_leaves_no_process_and_loses_nothing(lossfix, repository, how):
    before = contents(repository)
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, os.path.dirname(__file__)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == "proving\n"
    began = time.monotonic()
    process.send_signal(how)
    _, err = process.communicate()  # until nobody holds its output any more
    assert time.monotonic() - began < 20
    assert "Traceback" not in err
    assert contents(repository) == before
    ran = apply(lossfix)
    assert "0 files planned (5 known" not in ran.out
    assert "1 files planned" in ran.out  # what was written, once more
    assert (repository / "plus.py").read_text() == fixed(softplus())
