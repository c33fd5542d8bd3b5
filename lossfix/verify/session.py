"""The parent's side of a worker: starting it, asking it, and ending it with all it started."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from lossfix.errors import NoDevice, NoSandbox, VerifyError
from lossfix.verify import cage, wire

_NAMES = {"tensorflow": "TensorFlow", "jax": "JAX"}
START_S = 120.0  # for importing the framework
GRACE_S = 15.0  # beyond a request's own limit, before the worker itself is ended
_GPU_FILES = ("/dev/nvidia[0-9]*", "/dev/kfd", "/dev/dxg")


@dataclass(eq=False)
class _Worker:
    """A process that has imported the framework, and what it serves."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    scratch: str


@dataclass(eq=False)
class _Server:
    """The two pipes of one process that the worker has forked; it serves one request at a time."""

    worker: _Worker
    requests: int
    replies: int

    def close(self) -> None:
        for fd in (self.requests, self.replies):
            with contextlib.suppress(OSError):
                os.close(fd)


class Session:
    """A warm worker that serves `jobs` requests at a time; use it as a context manager.

    The framework is imported once, at the first request. A request that hangs or crashes costs
    its own answer only. `ask` may be called from several threads. `device` is "auto", "cpu" or
    "gpu"; "gpu" raises NoDevice where the framework sees none. `framework` is what it imports, and
    Keras's backend.
    """

    def __init__(self, device: str = "auto", jobs: int = 1, framework: str = "tensorflow") -> None:
        if device not in ("auto", "cpu", "gpu"):
            raise VerifyError(f"there is no device {device!r}: say auto, cpu or gpu")
        self._asked = device
        self._device: str | None = "cpu" if device == "cpu" else None
        self._jobs = jobs
        self.framework = framework
        self._others: dict[str, Session] = {}
        self._worker: _Worker | None = None
        self._idle: list[_Server] = []
        self._turns = threading.BoundedSemaphore(jobs)
        self._lock = threading.RLock()
        self._finalizer: weakref.finalize[..., Any] | None = None

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def device(self) -> str:
        """ "cpu" or "gpu": where losses run. Asks the framework at the first use."""
        with self._lock:
            if self._device is None:
                gpus = self._gpus()
                if not gpus and self._asked == "gpu":
                    raise NoDevice(
                        f"--device gpu: {_NAMES[self.framework]} sees no GPU here; "
                        "use --device auto to run on the CPU"
                    )
                self._device = "gpu" if gpus else "cpu"
            return self._device

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Sends a request and returns the reply, or {"failure": why} where none came.

        Raises NoSandbox where the request's `sandbox` is "require" and a fence cannot stand.
        """
        device = self.device
        with self._turns:
            reply = self._exchange(request, device)
        absent = reply.get("missing")
        if absent:
            needs = "; ".join(f"{fence} ({cage.FENCES.get(fence, '')})" for fence in absent)
            raise NoSandbox(f"--sandbox require: this system does not give {needs}")
        return reply

    def under(self, framework: str) -> Session:
        """The session for another framework, started at its first request and closed with this."""
        if framework == self.framework:
            return self
        with self._lock:
            if framework not in self._others:
                self._others[framework] = Session(self._asked, self._jobs, framework)
            return self._others[framework]

    def close(self) -> None:
        """Ends the worker and all that it started, and removes its folder."""
        with self._lock:
            for other in self._others.values():
                other.close()
            self._others.clear()
            for server in self._idle:
                server.close()
            self._idle.clear()
            self._worker = None
            if self._finalizer is not None:
                self._finalizer()

    def _gpus(self) -> list[str]:
        if not any(glob.glob(pattern) for pattern in _GPU_FILES):
            return []
        request = {"job": "devices", "timeout_s": START_S, "memory_mb": 0}
        request["framework"] = self.framework
        reply = self._exchange(request, "gpu")
        self.close()
        found = reply.get("result", {}).get("gpus", [])
        return [str(name) for name in found]

    def _exchange(self, request: dict[str, Any], device: str) -> dict[str, Any]:
        server: _Server | None = None
        try:
            server = self._free(device)
            deadline = time.monotonic() + float(request["timeout_s"]) + GRACE_S
            wire.send(server.requests, request)
            reply = wire.receive(server.replies, deadline)
        except (wire.WireError, OSError) as error:
            why = self._last_words() or str(error)
            self._drop(server)
            return {"failure": f"the loss took its worker down: {why}"}
        except BaseException:
            if server is not None:
                server.close()
            self.close()
            raise
        with self._lock:
            if server.worker is self._worker:
                self._idle.append(server)
            else:
                server.close()
        return reply

    def _free(self, device: str) -> _Server:
        """A server that waits for a request; a dead worker is started anew."""
        with self._lock:
            if self._worker is not None and self._worker.process.poll() is not None:
                self.close()
            if self._worker is None:
                self._start(device)
            if self._idle:
                return self._idle.pop()
            assert self._worker is not None
            request_end, requests = os.pipe()
            replies, reply_end = os.pipe()
            server = _Server(self._worker, requests, replies)
            try:
                socket.send_fds(self._worker.control, [b"s"], [request_end, reply_end])
            except OSError:
                server.close()
                raise
            finally:
                os.close(request_end)
                os.close(reply_end)
            return server

    def _drop(self, server: _Server | None) -> None:
        """Lets go of a server that gave no answer, and of a worker that is no more."""
        with self._lock:
            if server is not None:
                server.close()
            if server is None or (
                server.worker is self._worker and server.worker.process.poll() is not None
            ):
                self.close()

    def _start(self, device: str) -> None:
        scratch = tempfile.mkdtemp(prefix="lossfix-")
        ours, theirs = socket.socketpair()
        root = str(Path(__file__).resolve().parents[2])
        inherited = os.environ.get("PYTHONPATH")
        path = os.pathsep.join([root, inherited] if inherited else [root])
        command = [sys.executable, "-m", "lossfix.verify.worker"]
        command += [str(theirs.fileno()), device, scratch, self.framework]
        with open(os.path.join(scratch, "stderr"), "wb") as errors, theirs:
            process = subprocess.Popen(
                command + (["--cold"] if device == "gpu" else []),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=scratch,
                env=cage.environment(scratch, device, path, self.framework),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        self._worker = _Worker(process, ours, scratch)
        self._finalizer = weakref.finalize(self, _end, self._worker)
        wire.receive(ours.fileno(), time.monotonic() + START_S)

    def _last_words(self) -> str:
        worker = self._worker
        if worker is None:
            return ""
        with contextlib.suppress(OSError):
            with open(os.path.join(worker.scratch, "stderr"), "rb") as file:
                lines = file.read()[-4000:].decode("utf-8", "replace").strip().splitlines()
            return lines[-1][:300] if lines else ""
        return ""


def _end(worker: _Worker) -> None:
    """Closing the socket has the worker leave, and its servers with it; a stuck one is killed."""
    worker.control.close()
    try:
        worker.process.wait(3.0)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(OSError):
            os.killpg(worker.process.pid, signal.SIGKILL)
        worker.process.wait()
    shutil.rmtree(worker.scratch, ignore_errors=True)
