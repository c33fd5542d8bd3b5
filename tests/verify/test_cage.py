"""The cage without a framework: what a process inside may not do, and what it still may."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from lossfix.verify.cage import FENCES, enter, level, missing

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fences are of Linux")

PRELUDE = """
import os, sys
from lossfix.verify import cage
os.setpgid(0, 0)
fences = cage.enter({folder!r}, 4096, 60, {sandbox!r})
"""


def caged(folder: Path, code: str, sandbox: str = "auto") -> subprocess.CompletedProcess[str]:
    """Runs `code` in a process that has entered the cage, in `folder`."""
    text = PRELUDE.format(folder=str(folder), sandbox=sandbox) + textwrap.dedent(code)
    command = [sys.executable, "-c", text]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


@pytest.fixture(scope="module")
def fences(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    ran = caged(tmp_path_factory.mktemp("probe"), "print('\\n'.join(fences))")
    return set(ran.stdout.splitlines())


def needs(fences: set[str], fence: str) -> None:
    if fence not in fences:
        pytest.skip(f"this system has no fence for: {fence} ({FENCES[fence]})")


@pytest.mark.parametrize(
    "code",
    [
        "open('{out}/x', 'w')",
        "os.unlink('{out}/kept')",
        "os.truncate('{out}/kept', 0)",
        "os.rename('{out}/kept', 'mine')",
        "os.mkdir('{out}/folder')",
        "os.chmod('{out}/kept', 0)",
        "os.utime('{out}/kept', (0, 0))",
        "os.setxattr('{out}/kept', 'user.x', b'')",
        "open('/dev/shm/lossfix-test', 'w')",
    ],
)
def test_nothing_outside_is_changed(fences: set[str], tmp_path: Path, code: str) -> None:
    needs(fences, "writes in scratch only")
    out, scratch = tmp_path / "outside", tmp_path / "scratch"
    out.mkdir()
    scratch.mkdir()
    kept = out / "kept"
    kept.write_text("as it was")
    before = kept.stat()
    ran = caged(scratch, code.format(out=out))
    assert "PermissionError" in ran.stderr
    assert [path.name for path in out.iterdir()] == ["kept"]
    assert kept.read_text() == "as it was"
    assert (kept.stat().st_mode, kept.stat().st_mtime_ns) == (before.st_mode, before.st_mtime_ns)


@pytest.mark.parametrize(
    ("fence", "code"),
    [
        ("no network", "import socket; socket.create_connection(('192.0.2.1', 80), 2)"),
        ("no network", "import socket as s; s.socket(s.AF_INET, s.SOCK_DGRAM).connect(('::', 1))"),
        ("no network", "import socket; socket.socket(socket.AF_UNIX).connect('/run/any.sock')"),
        ("no new processes", "os.fork()"),
        ("no new processes", "os.posix_spawn('/bin/true', ['true'], {})"),
        ("no new processes", "import subprocess; subprocess.run(['true'])"),
        ("no new processes", "os.execv('/bin/true', ['true'])"),
        ("other processes out of reach", "os.kill(os.getppid(), 9)"),
        ("other processes out of reach", "os.kill(-1, 0)"),
        ("other processes out of reach", "import signal; signal.pidfd_send_signal(0, 9)"),
        ("other processes out of reach", "open(f'/proc/{os.getppid()}/environ').read()"),
        ("other processes out of reach", "open(f'/proc/{os.getppid()}/mem', 'rb')"),
        ("other processes out of reach", "open(f'/proc/{os.getppid()}/fd/0')"),
        ("other processes out of reach",
         "import resource as r; r.prlimit(os.getppid(), r.RLIMIT_CPU, (1, 1))"),
    ],
)  # fmt: skip
def test_nobody_outside_is_reached(fences: set[str], tmp_path: Path, fence: str, code: str) -> None:
    needs(fences, fence)
    ran = caged(tmp_path, code)
    assert ran.returncode == 1, ran
    assert any(word in ran.stderr for word in ("not permitted", "denied", "nreachable")), ran.stderr


def test_a_loss_may_compute_write_in_scratch_start_threads_and_end_itself(tmp_path: Path) -> None:
    ran = caged(
        tmp_path,
        """
        import socket, tempfile, threading
        with tempfile.NamedTemporaryFile(dir=".", suffix=".py") as file:
            file.write(b"x = 1")
        open(os.devnull, "w").write("gone")
        os.urandom(4)
        thread = threading.Thread(target=lambda: print("thread"))
        thread.start()
        thread.join()
        socket.socketpair()
        print(open(os.__file__).readline(), sum(range(10)), flush=True)
        os.kill(os.getpid(), 9)
        """,
    )
    assert "thread" in ran.stdout
    assert "45" in ran.stdout
    assert ran.returncode == -9


def test_a_hundred_gigabytes_are_refused(tmp_path: Path) -> None:
    assert "MemoryError" in caged(tmp_path, "bytearray(100 * 2**30)").stderr


def test_a_file_of_a_hundred_megabytes_is_cut_off(tmp_path: Path) -> None:
    ran = caged(tmp_path, "open('long', 'wb').write(b'x' * (100 << 20))")
    assert "File too large" in ran.stderr


def test_off_leaves_the_limits_alone(tmp_path: Path) -> None:
    ran = caged(tmp_path, "print(fences); os.fork(); os._exit(0)", sandbox="off")
    assert ran.stdout.splitlines()[0] == "('limits',)"
    assert ran.returncode == 0


def test_levels() -> None:
    everything = tuple(FENCES)
    assert level(everything, "cpu") == "full"
    assert level(everything[:-1], "gpu") == "full"
    assert level(everything[:-1], "cpu") == "partial"
    assert level(("limits",), "cpu") == "limits only"
    assert missing(everything[:-1], "cpu") == ("no new processes",)


def test_the_process_of_the_tests_is_free() -> None:
    assert callable(enter)
    os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)
