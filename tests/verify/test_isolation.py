"""Losses that misbehave: each costs its own verdict, with a reason, and nothing else."""

from __future__ import annotations

import glob
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import losses as text
import pytest

from lossfix.errors import NoDevice, VerifyError
from lossfix.rules.contracts import Exact
from lossfix.verify import Options, Outcome, Session, verify_pair

pytestmark = pytest.mark.tensorflow

FAST = Options(device="cpu", modes=("eager",), dtypes=("float32",), timeout_s=6.0)
GOOD = "return tf.reduce_mean(tf.square(y_true - y_pred))"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise ValueError('no such thing')", "no such thing"),
        ("import os; os._exit(3)", "exit code 3"),
        ("import sys; sys.exit(4)", "sys.exit(4)"),
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
        ("import os, signal; os.killpg(0, signal.SIGKILL)", "SIGKILL"),
        ("import os, signal; os.kill(os.getppid(), signal.SIGKILL)", "took its worker down"),
        ("x = bytearray(20 * 2**30)", "memory"),
        ("x = tf.ones([2**34])", "memory"),
        ("import socket; socket.create_connection(('192.0.2.1', 80), 2)", "nreachable"),
        ((f"import os\nfor fd in range(3, 64):\n    try: os.write(fd, b'junk' * 9)\n"
         f"    except OSError: pass\n{GOOD}"), "no answer that can be read"),
    ],
)  # fmt: skip
def test_not_run_with_a_reason(session: Session, body: str, reason: str) -> None:
    loss = text.program(body)
    verdict = verify_pair(loss, loss, Exact(), options=FAST, session=session)
    assert verdict.outcome is Outcome.NOT_RUN
    assert reason in verdict.reason
    verdict = verify_pair(text.SQUARES, text.SQUARES, Exact(), options=FAST, session=session)
    assert verdict.outcome is Outcome.VERIFIED


def test_a_loop_is_stopped(session: Session) -> None:
    loss = text.program("while True: pass")
    start = time.monotonic()
    verdict = verify_pair(
        loss, loss, Exact(), options=replace(FAST, timeout_s=1.0), session=session
    )
    assert time.monotonic() - start < 5.0
    assert verdict.outcome is Outcome.NOT_RUN
    assert "1 s" in verdict.reason


def test_prints_do_not_matter(session: Session) -> None:
    loss = text.program(
        "import os, sys\nprint('x' * 100000)\nos.write(1, b'y' * 100000)\n"
        f"sys.stderr.write('z' * 9000000)\n{GOOD}"
    )
    verdict = verify_pair(loss, loss, Exact(), options=FAST, session=session)
    assert verdict.outcome is Outcome.VERIFIED, verdict.reason


def test_writes_stay_in_scratch(session: Session, tmp_path: Path) -> None:
    target = tmp_path / "escaped"
    loss = text.program(f"open({str(target)!r}, 'w').write('x')\n{GOOD}")
    verdict = verify_pair(loss, loss, Exact(), options=FAST, session=session)
    if "writes in scratch only" in verdict.versions.get("sandbox", ""):
        assert verdict.outcome is Outcome.NOT_RUN
    if verdict.outcome is Outcome.NOT_RUN:
        assert not target.exists()


def test_a_daemon_is_ended(session: Session) -> None:
    loss = text.program(
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(97531)\n"
        "    os._exit(0)\nos._exit(7)"
    )
    verdict = verify_pair(loss, loss, Exact(), options=FAST, session=session)
    assert "exit code 7" in verdict.reason
    assert _workers_of(os.getpid()) == 1


def _workers_of(parent: int) -> int:
    """How many workers, and processes forked from them, descend from `parent`."""
    owners: dict[int, int] = {}
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            fields = Path(stat).read_text().rpartition(")")[2].split()
            command = Path(stat).with_name("cmdline").read_bytes()
        except OSError:
            continue
        if b"lossfix.verify.worker" in command:
            owners[int(Path(stat).parent.name)] = int(fields[1])
    return sum(owner == parent or owner in owners for owner in owners.values())


def test_only_the_slice_is_loaded(session: Session) -> None:
    script = (
        "import tensorflow as tf\nimport nosuchmodule\nscale = 2.0\n"
        "def helper(x):\n    return scale * x\n"
        "model = nosuchmodule.Model()\nmodel.fit()\nwhile True:\n    pass\n"
        "def loss(y_true, y_pred):\n    return tf.reduce_mean(helper(y_true - y_pred))\n"
        "if __name__ == '__main__':\n    model.fit()\n"
    )
    loss = text.module(script)
    verdict = verify_pair(loss, loss, Exact(), options=FAST, session=session)
    assert verdict.outcome is Outcome.VERIFIED, verdict.reason
    assert any("lines 2, 6, 7, 8-9, 12-13" in note for note in verdict.notes)


def test_an_import_that_fails_is_named(session: Session) -> None:
    loss = text.module("import nosuchmodule\ndef loss(a, b):\n    return nosuchmodule.f(a, b)\n")
    verdict = verify_pair(loss, loss, Exact(), options=FAST, session=session)
    assert verdict.reason.startswith("cannot import nosuchmodule (/nowhere/loss.py:1)")


def test_code_that_autograph_cannot_convert_is_said(session: Session) -> None:
    # AutoGraph writes what it makes into the temporary folder, and runs the loss as it is otherwise
    made = text.program(f"import tempfile\ntempfile.tempdir = '/nowhere'\n{GOOD}")
    options = replace(FAST, modes=("eager", "graph"))
    verdict = verify_pair(made, made, Exact(), options=options, session=session)
    graph = next(c for c in verdict.contexts if c.mode == "graph")
    assert graph.outcome is Outcome.NOT_RUN
    assert "AutoGraph" in graph.reason


def test_the_parent_never_imports_tensorflow() -> None:
    code = "import lossfix.verify, sys; raise SystemExit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(textwrap.dedent("""
            import tempfile
            from lossfix.rules.contracts import Exact
            from lossfix.verify import Options, Program, Session, verify_pair
            loss = Program("def loss(a, b):\\n    while True: pass\\n", "/nowhere/l.py", "loss")
            with Session("cpu") as session:
                session.ask({"job": "devices", "timeout_s": 60, "memory_mb": 4000})
                print("started", flush=True)
                verify_pair(loss, loss, Exact(), session=session)
            """))
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        process.wait(10)
        assert _workers_of(process.pid) == 0
    assert not list(tmp_path.glob("lossfix-*"))


def test_a_gpu_that_is_not_there() -> None:
    if glob.glob("/dev/nvidia[0-9]*"):
        pytest.skip("there is a GPU")
    with pytest.raises(NoDevice, match="sees no GPU"):
        verify_pair(text.SQUARES, text.SQUARES, Exact(), options=Options(device="gpu"))
    with pytest.raises(VerifyError):
        Session("tpu")
