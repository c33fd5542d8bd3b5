"""Several processes give what one gives, in the same order; one that dies costs one file."""

import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from lossfix import examine, workers
from lossfix.job import Job
from lossfix.many import check_many
from lossfix.report.rows import State
from lossfix.rules.registry import all_rules

CODES = tuple(rule.code for rule in all_rules())
HEAD = "import tensorflow as tf\n\n\ndef my_loss(y_true, y_pred):\n"
BAD = f"{HEAD}    return tf.sign(y_pred) - y_true\n"
forked = pytest.mark.skipif(
    sys.platform in ("win32", "darwin"), reason="a worker that is no fork has no patches"
)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Twenty files of every kind, handed out in threes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workers, "_CHUNK_FILES", 3)
    texts = [
        BAD,
        "x = 1\n",
        f"{BAD}\n{'# a longer file' * 9000}\n",
        "",
        "import keras\ndef my_loss(:\n",
    ]
    for number in range(20):
        (tmp_path / f"m{number:02}.py").write_text(texts[number % len(texts)])
    return tmp_path


def names(project):
    return sorted(path.name for path in project.glob("*.py"))


def test_the_answer_is_the_same_byte_for_byte(lossfix, project):
    for form in ("text", "json"):
        one, two, many = (
            lossfix("check", ".", "nope.py", "--output-format", form, *jobs)
            for jobs in (["-j", "1"], ["-j2"], ["--jobs=5"])
        )
        assert one.code == 2
        assert (one.out, one.err) == (two.out, two.err) == (many.out, many.err)
        assert one.out.count("LF207") == 8


def test_a_worker_that_starts_afresh_gives_the_same(project, monkeypatch):
    targets = [Job(name, None, CODES) for name in names(project)]
    alone = check_many(targets, jobs=1)
    monkeypatch.setattr(workers, "_context", lambda: multiprocessing.get_context("spawn"))
    assert check_many(targets, jobs=2) == alone


def test_what_workers_found_is_kept(project, monkeypatch, tmp_path_factory):
    monkeypatch.setenv("LOSSFIX_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    targets = [Job(name, None, CODES) for name in names(project) if int(name[1:3]) % 5 != 4]
    first = check_many(targets, jobs=2)
    monkeypatch.setattr(examine, "check_file", lambda path, *rest: pytest.fail(f"{path} again"))
    assert check_many(targets, jobs=1) == first


@pytest.mark.parametrize("jobs", [1, 2])
def test_each_file_is_a_step(project, jobs):
    steps = []
    check_many([Job(name, None, CODES) for name in names(project)], jobs=jobs, step=steps.append)
    assert sorted(steps) == names(project)


def test_little_is_not_worth_a_process(project, monkeypatch):
    monkeypatch.setattr(workers, "shared_out", lambda *_: pytest.fail("workers were started"))
    assert len(check_many([Job("m00.py", None, CODES), Job("m01.py", None, CODES)])) == 2


@pytest.mark.parametrize("text", ["0", "-1", "many", ""])
def test_a_number_of_processes_that_is_none_is_one_line(lossfix, project, text):
    ran = lossfix("check", ".", "-j", text)
    assert ran.code == 2
    assert ran.err.startswith("error: Invalid value for '--jobs' / '-j'")
    assert ran.err.count("\n") == 1


def deadly(monkeypatch, doomed, how):
    real = examine.check_file

    def check_file(path, *rest):
        if path.name in doomed:
            how()
        return real(path, *rest)

    monkeypatch.setattr(examine, "check_file", check_file)


@forked
def test_a_worker_that_is_killed_costs_the_file_it_died_of(lossfix, project, monkeypatch):
    deadly(monkeypatch, {"m05.py", "m06.py"}, lambda: os.kill(os.getpid(), signal.SIGKILL))
    ran = lossfix("check", ".", "-j", "2", "--output-format", "json")
    assert ran.code == 2
    states = {file["path"]: file["state"] for file in json.loads(ran.out)["files"]}
    assert list(states) == names(project)
    assert [name for name, state in states.items() if state == State.FAILED.value] == [
        "m04.py",
        "m05.py",
        "m06.py",
        "m09.py",
        "m14.py",
        "m19.py",
    ]
    assert "m05.py: the process that checked it was ended by SIGKILL" in ran.err


@forked
def test_a_worker_that_leaves_is_no_hang(project, monkeypatch):
    deadly(monkeypatch, set(names(project)), lambda: os._exit(3))
    rows = check_many([Job(name, None, CODES) for name in names(project)], jobs=3)
    assert {row.state for row in rows} == {State.FAILED}
    assert rows[0].reason.startswith("m00.py: the process that checked it ended early, with exit")


def unlucky():
    raise KeyError("width")


@forked
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_defect_of_lossfix_costs_the_file_it_shows_in(lossfix, project, monkeypatch, jobs):
    deadly(monkeypatch, {"m07.py"}, unlucky)
    ran = lossfix("check", ".", "-j", jobs, "--output-format", "json")
    assert ran.code == 2
    files = {file["path"]: file for file in json.loads(ran.out)["files"]}
    assert list(files) == names(project)
    assert files["m07.py"]["state"] == State.FAILED.value
    assert files["m08.py"]["state"] != State.FAILED.value
    assert re.search(
        r"m07\.py: KeyError: 'width' \(test_workers\.py:\d+\); this is a defect of lossfix: "
        "please report it",
        ran.err,
    )
    assert multiprocessing.active_children() == []


@forked
def test_a_defect_outside_of_any_file_is_seen_as_if_there_were_no_worker(project, monkeypatch):
    monkeypatch.setattr(examine, "_rules_of", lambda codes: 1 / 0)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        check_many([Job(name, None, CODES) for name in names(project)], jobs=2)
    assert multiprocessing.active_children() == []


def test_what_a_defect_hides_is_not_kept(project, monkeypatch, tmp_path_factory):
    monkeypatch.setenv("LOSSFIX_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    wanted = [Job("m00.py", None, CODES)]
    with monkeypatch.context() as patch:
        deadly(patch, {"m00.py"}, unlucky)
        assert check_many(wanted, jobs=1)[0].state is State.FAILED
    assert check_many(wanted, jobs=1)[0].state is State.FINDINGS


SLOW = """
import os, sys, time
from lossfix import examine
from lossfix.cli.main import main
seconds = float(sys.argv[1])
def check_file(path, *rest):
    os.write(1, b"checking\\n")
    time.sleep(seconds)
examine.check_file = check_file
sys.argv = ["lossfix", "check", ".", "-j", "2"]
main()
"""


def slow_check(folder, seconds):
    """A check whose every file takes so long, in a process group of its own, once it is at work."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, seconds],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == "checking\n"
    return process


@forked
def test_ctrl_c_ends_every_worker_at_once(project):
    process = slow_check(project, "60")
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does it
    _, err = process.communicate()  # until nobody holds its output any more
    assert time.monotonic() - began < 5
    assert process.returncode == 130
    assert err == "stopped; files are either as they were or written whole\n"


@forked
def test_workers_end_when_who_started_them_is_killed(project):
    process = slow_check(project, "0.5")
    began = time.monotonic()
    process.kill()
    process.communicate()  # until nobody holds its output any more
    assert time.monotonic() - began < 5
