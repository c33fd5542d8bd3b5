"""The worker: imports the framework once, and serves each request in a forked child.

It never computes anything itself: a process that has used TensorFlow cannot be forked any more.
With `--cold` it does not even import, and each child does; that is for GPUs.

Run as `python -m lossfix.verify.worker REQUESTS REPLIES DEVICE SCRATCH [--cold]`, the first two
being file descriptors.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from typing import Any

from lossfix.verify import sandbox, wire

_FRAMEWORK = "lossfix.verify.frameworks.tensorflow"


def main(arguments: list[str]) -> int:
    requests, replies = int(arguments[0]), int(arguments[1])
    device, scratch = arguments[2], arguments[3]
    cold = "--cold" in arguments
    sandbox.adopt_orphans()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says when to stop
    if not cold:
        framework = importlib.import_module(_FRAMEWORK)
        framework.warm()
        importlib.import_module("lossfix.verify.jobs")
    wire.send(replies, {"ready": True})
    number = 0
    while True:
        try:
            request = wire.receive(requests)
        except wire.WireError:
            return 0
        number += 1
        folder = os.path.join(scratch, str(number))
        os.makedirs(folder)
        try:
            reply = _serve(request, requests, replies, device, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        wire.send(replies, reply)


def _serve(
    request: dict[str, Any], requests: int, replies: int, device: str, folder: str
) -> dict[str, Any]:
    result_end, child_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(requests)
        os.close(replies)
        os.close(result_end)
        _child(request, child_end, device, folder)
    os.close(child_end)
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)
    deadline = time.monotonic() + float(request["timeout_s"])
    failure = ""
    reply: dict[str, Any] = {}
    try:
        reply = _await(result_end, requests, pid, deadline)
    except wire.WireTimeoutError:
        failure = f"the loss was stopped after {request['timeout_s']:g} s, the time limit"
    except wire.WireError:
        failure = "died"
    finally:
        os.close(result_end)
        status = _end(pid, wait_s=2.0 if failure == "died" else 0.0)
        sandbox.end_orphans()
    if failure == "died":
        failure = _how_it_died(status, folder, int(request["memory_mb"]))
    return {"failure": failure} if failure else reply


def _await(result: int, requests: int, pid: int, deadline: float) -> dict[str, Any]:
    """The child's reply. A parent that is gone shows as an end of the request pipe.

    What the child started may outlive it and hold its end of the result pipe, so that its death
    is looked for as well.
    """
    gone = False
    while True:
        left = max(deadline - time.monotonic(), 0.0)
        ready = select.select([result, requests], [], [], min(left, 0.1))[0]
        if result in ready:
            return wire.receive(result, deadline)
        if gone:
            raise wire.WireError("the child ended without an answer")
        if requests in ready or left <= 0:
            raise wire.WireTimeoutError("no answer in time")
        gone = _has_ended(pid)


def _has_ended(pid: int) -> bool:
    """Whether the child has ended; it is left to be reaped."""
    how = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return hasattr(os, "waitid") and os.waitid(os.P_PID, pid, how) is not None


def _end(pid: int, wait_s: float) -> int:
    """Kills the child's group and returns its wait status."""
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)
            return status
        time.sleep(0.01)
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


def _how_it_died(status: int, folder: str, memory_mb: int) -> str:
    with contextlib.suppress(OSError), open(os.path.join(folder, "stderr"), "rb") as file:
        file.seek(max(0, os.path.getsize(file.name) - 4000))
        tail = file.read().decode("utf-8", "replace")
        if "bad_alloc" in tail or "MemoryError" in tail or "out of memory" in tail.lower():
            return f"the loss asked for more memory than the limit of {memory_mb} MB"
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGXCPU:
            return "the loss used more processor time than the limit"
        return f"the loss was killed by {signal.Signals(number).name}"
    if os.WEXITSTATUS(status) == 0:
        return "the loss sent no answer that can be read"
    return f"the loss ended its process with exit code {os.WEXITSTATUS(status)}"


def _child(request: dict[str, Any], result: int, device: str, folder: str) -> None:
    """Serves one request in this process and ends it."""
    os.setpgid(0, 0)
    sandbox.die_with_parent()
    memory_mb = None if device == "gpu" else int(request["memory_mb"])
    reply: dict[str, Any]
    try:
        os.chdir(folder)
        for name in ("HOME", "TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME"):
            os.environ[name] = folder
        tempfile.tempdir = folder
        _redirect(folder)
        cpu_s = int(float(request["timeout_s"]) * (os.cpu_count() or 1)) + 5
        fences = sandbox.enter(folder, memory_mb, cpu_s)
        jobs = importlib.import_module("lossfix.verify.jobs")
        reply = {"result": jobs.run_job(request, folder, device), "fences": list(fences)}
        reply["versions"] = importlib.import_module(_FRAMEWORK).versions()
    except MemoryError:
        reply = {"failure": f"the loss asked for more memory than the limit of {memory_mb} MB"}
    except SystemExit as error:
        reply = {"failure": f"the loss called sys.exit({error.code!r})"}
    except BaseException as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(frame.filename)}:{frame.lineno}"
        message = " ".join(str(error).split())[:300]
        reply = {"failure": f"the verifier failed at {where}, {type(error).__name__}: {message}"}
    try:
        wire.send(result, reply)
    finally:
        os._exit(0)


def _redirect(folder: str) -> None:
    """No input; what is printed goes nowhere, and errors to a file that explains a crash."""
    null = os.open(os.devnull, os.O_RDWR)
    errors = os.open(os.path.join(folder, "stderr"), os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.dup2(errors, 2)
    os.close(null)
    os.close(errors)
    # the file is for what a crash says; somebody's prints could fill it
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
