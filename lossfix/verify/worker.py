"""The worker: imports the framework once, and serves each request in a forked child.

It never computes anything itself: a process that has used TensorFlow cannot be forked any more.
For each pair of pipes that it is handed, it forks a *server*, which takes one request after the
other from there; so several losses run at once, and one import serves all of them.
With `--cold` it does not even import, and each child does; that is for GPUs.

Run as `python -m lossfix.verify.worker CONTROL DEVICE SCRATCH FRAMEWORK [--cold]`; CONTROL is the
descriptor of a Unix socket, whose end is the worker's.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
from typing import Any

from lossfix.verify import cage, wire
from lossfix.verify.frameworks.choice import TENSORFLOW, framework_named
from lossfix.verify.reads import Reads

_UNREADABLE = "the loss sent no answer that can be read"
_LOOK_S = 1.0  # how often servers that have ended are looked for


def main(arguments: list[str]) -> int:
    control = socket.socket(fileno=int(arguments[0]))
    device, scratch = arguments[1], arguments[2]
    cage.adopt_orphans()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says when to stop
    if "--cold" not in arguments:
        framework_named(arguments[3]).warm()
        importlib.import_module("lossfix.verify.jobs")
    wire.send(control.fileno(), {"ready": True})
    servers: set[int] = set()
    for number in itertools.count():
        pipes = _handed(control, servers)
        if pipes is None:
            cage.end_orphans()  # the servers, and then what they leave
            return 0
        pid = os.fork()
        if pid == 0:
            control.close()
            _server(*pipes, device, os.path.join(scratch, str(number)))
        servers.add(pid)
        for pipe in pipes:
            os.close(pipe)
    raise AssertionError


def _handed(control: socket.socket, servers: set[int]) -> tuple[int, int] | None:
    """The next pair of pipes, or None where the parent is gone."""
    while not select.select([control], [], [], _LOOK_S)[0]:
        for pid in tuple(servers):
            if os.waitpid(pid, os.WNOHANG)[0]:
                servers.discard(pid)
        cage.end_orphans(servers)  # of a server that was killed
    try:
        _, pipes, _, _ = socket.recv_fds(control, 1, 2)
    except OSError:
        return None
    return (pipes[0], pipes[1]) if len(pipes) == 2 else None


def _server(requests: int, replies: int, device: str, scratch: str) -> None:
    """Takes requests from one pipe until it ends; this process ends with it."""
    cage.die_with_parent()
    cage.adopt_orphans()
    try:
        for number in itertools.count():
            request = wire.receive(requests)
            folder = os.path.join(scratch, str(number))
            os.makedirs(folder)
            try:
                reply = _serve(request, requests, replies, device, folder)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            wire.send(replies, reply)
    except (wire.WireError, OSError):
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


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
        cage.end_orphans()
    if failure == "died":
        memory_mb = int(request["memory_mb"])
        failure = _UNREADABLE if status is None else _how_it_died(status, folder, memory_mb)
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


def _end(pid: int, wait_s: float) -> int | None:
    """Kills the child's group; returns its wait status, None where it did not end by itself."""
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
    os.waitpid(pid, 0)
    return None


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
        return _UNREADABLE
    return f"the loss ended its process with exit code {os.WEXITSTATUS(status)}"


def _child(request: dict[str, Any], result: int, device: str, folder: str) -> None:
    """Serves one request in this process and ends it."""
    os.setpgid(0, 0)
    cage.die_with_parent()
    memory_mb = None if device == "gpu" else int(request["memory_mb"])
    reply: dict[str, Any]
    try:
        cage.inside(folder, result)
        cpu_s = int(float(request["timeout_s"]) * (os.cpu_count() or 1)) + 5
        sandbox = str(request.get("sandbox", "auto"))
        fences = cage.enter(folder, memory_mb, cpu_s, sandbox, device)
        absent = cage.missing(fences, device) if sandbox == "require" else ()
        reply = {"missing": list(absent)} if absent else _run(request, fences, device, folder)
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
    except wire.WireError as error:
        wire.send(result, {"failure": f"the answer is too large: {error}"})
    finally:
        os._exit(0)


def _run(
    request: dict[str, Any], fences: tuple[str, ...], device: str, folder: str
) -> dict[str, Any]:
    """Does the job inside the fences. Raises OSError where the temporary folder is of no use."""
    # without it AutoGraph would run a loss as it is, and the verdict be about other code
    with tempfile.TemporaryFile(dir=folder):
        pass
    jobs = importlib.import_module("lossfix.verify.jobs")
    reads = Reads(folder)
    result = jobs.run_job(request, folder, device)
    versions = framework_named(request.get("framework", TENSORFLOW)).versions()
    places = {
        os.path.abspath(os.path.join(str(loss["folder"]), str(loss["path"])))
        for loss in (request.get("before"), request.get("after"))
        if loss
    }
    return {
        "result": result,
        "fences": list(fences),
        "versions": versions,
        "reads": reads.paths(tuple(places)),
    }


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
