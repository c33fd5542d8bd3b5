"""Losses that misbehave: each costs its own verdict, with a reason, and nothing else."""

from __future__ import annotations

import glob
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import losses as text
import pytest

from lossfix.errors import NoDevice, NoSandbox, VerifyError
from lossfix.rules.contracts import Exact
from lossfix.verify import Options, Outcome, Session, verify_pair

pytestmark = pytest.mark.tensorflow

FAST = Options(device="cpu", modes=("eager",), dtypes=("float32",), timeout_s=60.0)
OPEN = replace(FAST, sandbox="off")
GOOD = "return tf.reduce_mean(tf.square(y_true - y_pred))"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise ValueError('no such thing')", "no such thing"),
        ("import os; os._exit(3)", "exit code 3"),
        ("import sys; sys.exit(4)", "sys.exit(4)"),
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
        ("import os, signal; os.killpg(0, signal.SIGKILL)", "SIGKILL"),
        ("x = bytearray(100 * 2**30)", "memory"),
        ("x = tf.ones([2**34])", "memory"),
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


@pytest.mark.parametrize(
    ("fence", "body"),
    [
        ("other processes out of reach", "import os; os.kill(os.getppid(), 9)"),
        ("other processes out of reach", "import os; open(f'/proc/{os.getppid()}/environ').read()"),
        ("no network", "import socket; socket.create_connection(('192.0.2.1', 80), 2)"),
        ("no new processes", "import os; os.fork()"),
        ("no new processes", "import subprocess; subprocess.run(['true'])"),
    ],
)
def test_what_a_fence_refuses_is_the_reason(session: Session, fence: str, body: str) -> None:
    probe = verify_pair(text.SQUARES, text.SQUARES, Exact(), options=FAST, session=session)
    if fence not in probe.versions["sandbox"]:
        pytest.skip(f"this system has no fence for: {fence}")
    loss = text.program(f"{body}\n{GOOD}")
    verdict = verify_pair(loss, loss, Exact(), options=FAST, session=session)
    assert verdict.outcome is Outcome.NOT_RUN
    assert any(word in verdict.reason for word in ("not permitted", "denied")), verdict.reason


def test_a_worker_that_is_killed_costs_one_verdict(session: Session) -> None:
    loss = text.program("import os; os.kill(os.getppid(), 9)")
    verdict = verify_pair(loss, loss, Exact(), options=OPEN, session=session)
    assert "took its worker down" in verdict.reason
    verdict = verify_pair(text.SQUARES, text.SQUARES, Exact(), options=FAST, session=session)
    assert verdict.outcome is Outcome.VERIFIED


def test_what_the_process_sees_of_the_parent(session: Session) -> None:
    body = """
        import os
        held = sorted(os.listdir('/proc/self/fd'))
        pipes = [f for f in held if os.path.exists(f'/proc/self/fd/{f}')
                 and os.readlink(f'/proc/self/fd/{f}').startswith(('pipe', 'socket'))]
        raise ValueError(f'pipes {len(pipes)}, environment {sorted(os.environ)}')
    """
    loss = text.program(textwrap.dedent(body).strip())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("A_SECRET_OF_MINE", "x")
        with Session("cpu") as fresh:
            verdict = verify_pair(loss, loss, Exact(), options=FAST, session=fresh)
    assert "pipes 1" in verdict.reason  # its answer goes there
    assert "A_SECRET" not in verdict.reason


def test_a_sandbox_that_is_required_and_cannot_be_had(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    required = replace(FAST, sandbox="require")
    probe = verify_pair(text.SQUARES, text.SQUARES, Exact(), options=FAST, session=session)
    if probe.versions["sandbox"].startswith("full"):
        verdict = verify_pair(
            text.SQUARES, text.SQUARES, Exact(), options=required, session=session
        )
        assert verdict.outcome is Outcome.VERIFIED
    monkeypatch.setattr(Session, "_exchange", lambda *_: {"missing": ["no network"]})
    with pytest.raises(NoSandbox, match="this system does not give no network"):
        verify_pair(text.SQUARES, text.SQUARES, Exact(), options=required, session=session)


def test_several_losses_run_at_once() -> None:
    slow = text.program(f"import time\nif not tf.executing_eagerly(): time.sleep(0)\n{GOOD}")
    killer = text.program("import os; os.kill(os.getppid(), 9)")
    with Session("cpu", jobs=3) as session, ThreadPoolExecutor(6) as threads:
        asked = [
            threads.submit(verify_pair, loss, loss, Exact(), options=OPEN, session=session)
            for loss in [slow, killer, slow, text.SQUARES, killer, text.SQUARES]
        ]
        outcomes = [each.result().outcome.value for each in asked]
    assert outcomes == ["verified", "not run", "verified", "verified", "not run", "verified"]


@pytest.mark.parametrize("body", ["while True: pass", "import time; time.sleep(600)"])
def test_a_loop_is_stopped(session: Session, body: str) -> None:
    loss = text.program(body)
    start = time.monotonic()
    verdict = verify_pair(
        loss, loss, Exact(), options=replace(FAST, timeout_s=1.0), session=session
    )
    assert time.monotonic() - start < 20.0
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


def test_a_daemon_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    loss = text.program(
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(97531)\n"
        "    os._exit(0)\nos._exit(7)"
    )
    with Session("cpu") as session:
        verdict = verify_pair(loss, loss, Exact(), options=OPEN, session=session)
        assert "exit code 7" in verdict.reason
        assert _workers(tmp_path) == 2  # the one that imported, and its server
    assert _workers(tmp_path) == 0


def _workers(scratch: Path) -> int:
    """How many workers, and processes forked from them, have a folder beneath `scratch`."""
    found = 0
    for command in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            words = Path(command).read_bytes()
        except OSError:
            continue
        found += b"lossfix.verify.worker" in words and os.fsencode(scratch) in words
    return found


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
        assert _workers(tmp_path) == 0
    assert not list(tmp_path.glob("lossfix-*"))


def test_a_gpu_that_is_not_there() -> None:
    if glob.glob("/dev/nvidia[0-9]*"):
        pytest.skip("there is a GPU")
    with pytest.raises(NoDevice, match="sees no GPU"):
        verify_pair(text.SQUARES, text.SQUARES, Exact(), options=Options(device="gpu"))
    with pytest.raises(VerifyError):
        Session("tpu")
