"""The parent's side of a worker: starting it, asking it, and ending it with all it started."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import signal
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

from lossfix.errors import NoDevice, VerifyError
from lossfix.verify import sandbox, wire

START_S = 120.0  # for importing the framework
GRACE_S = 15.0  # beyond a request's own limit, before the worker itself is ended
_GPU_FILES = ("/dev/nvidia[0-9]*", "/dev/kfd", "/dev/dxg")


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    requests: int
    replies: int
    scratch: str


class Session:
    """A warm worker that serves one request after another; use it as a context manager.

    The framework is imported once, at the first request. A request that hangs or crashes costs
    its own answer only. `device` is "auto", "cpu" or "gpu"; "gpu" raises NoDevice where the
    framework sees none.
    """

    def __init__(self, device: str = "auto") -> None:
        if device not in ("auto", "cpu", "gpu"):
            raise VerifyError(f"there is no device {device!r}: say auto, cpu or gpu")
        self._asked = device
        self._device: str | None = "cpu" if device == "cpu" else None
        self._worker: _Worker | None = None
        self._lock = threading.Lock()
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
        if self._device is None:
            gpus = self._gpus()
            if not gpus and self._asked == "gpu":
                raise NoDevice(
                    "--device gpu: TensorFlow sees no GPU here; use --device auto to run on the CPU"
                )
            self._device = "gpu" if gpus else "cpu"
        return self._device

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Sends a request and returns the reply, or {"failure": why} where none came."""
        with self._lock:
            device = self.device
            return self._exchange(request, device)

    def close(self) -> None:
        """Ends the worker and all that it started, and removes its folder."""
        if self._finalizer is not None:
            self._finalizer()
        self._worker = None

    def _gpus(self) -> list[str]:
        if not any(glob.glob(pattern) for pattern in _GPU_FILES):
            return []
        request = {"job": "devices", "timeout_s": START_S, "memory_mb": 0}
        reply = self._exchange(request, "gpu")
        self.close()
        found = reply.get("result", {}).get("gpus", [])
        return [str(name) for name in found]

    def _exchange(self, request: dict[str, Any], device: str) -> dict[str, Any]:
        try:
            worker = self._started(device)
            deadline = time.monotonic() + float(request["timeout_s"]) + GRACE_S
            wire.send(worker.requests, request)
            return wire.receive(worker.replies, deadline)
        except (wire.WireError, OSError) as error:
            why = self._last_words() or str(error)
            self.close()
            return {"failure": f"the loss took its worker down: {why}"}
        except BaseException:
            self.close()
            raise

    def _started(self, device: str) -> _Worker:
        if self._worker is not None and self._worker.process.poll() is None:
            return self._worker
        self.close()
        scratch = tempfile.mkdtemp(prefix="lossfix-")
        request_end, requests = os.pipe()
        replies, reply_end = os.pipe()
        root = str(Path(__file__).resolve().parents[2])
        inherited = os.environ.get("PYTHONPATH")
        path = os.pathsep.join([root, inherited] if inherited else [root])
        command = [sys.executable, "-m", "lossfix.verify.worker"]
        command += [str(request_end), str(reply_end), device, scratch]
        with open(os.path.join(scratch, "stderr"), "wb") as errors:
            process = subprocess.Popen(
                command + (["--cold"] if device == "gpu" else []),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=scratch,
                env=sandbox.environment(scratch, device, path),
                pass_fds=(request_end, reply_end),
                start_new_session=True,
            )
        os.close(request_end)
        os.close(reply_end)
        self._worker = _Worker(process, requests, replies, scratch)
        self._finalizer = weakref.finalize(self, _end, self._worker)
        wire.receive(replies, time.monotonic() + START_S)
        return self._worker

    def _last_words(self) -> str:
        if self._worker is None:
            return ""
        with contextlib.suppress(OSError):
            with open(os.path.join(self._worker.scratch, "stderr"), "rb") as file:
                lines = file.read()[-4000:].decode("utf-8", "replace").strip().splitlines()
            return lines[-1][:300] if lines else ""
        return ""


def _end(worker: _Worker) -> None:
    """Closing the pipes has the worker kill its child and leave; a stuck one is killed."""
    for fd in (worker.requests, worker.replies):
        with contextlib.suppress(OSError):
            os.close(fd)
    try:
        worker.process.wait(3.0)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(OSError):
            os.killpg(worker.process.pid, signal.SIGKILL)
        worker.process.wait()
    shutil.rmtree(worker.scratch, ignore_errors=True)
