"""The fences, and the levels that they make: what is tried, what stands, what is missing."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Collection

from lossfix.verify.cage.capabilities import give_up
from lossfix.verify.cage.landlock import fence_writes
from lossfix.verify.cage.seccomp import fence_calls

LIMITS = "limits"
NO_NETWORK = "no network"
WRITES = "writes in scratch only"
ALONE = "other processes out of reach"
NO_PROCESSES = "no new processes"

FENCES: dict[str, str] = {
    LIMITS: "time, memory and file size",
    NO_NETWORK: "an empty network namespace, or seccomp",
    WRITES: "Landlock and seccomp",
    ALONE: "Landlock, seccomp and no capabilities",
    NO_PROCESSES: "seccomp; the driver of a GPU starts some",
}
SANDBOXES = ("require", "auto", "off")
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_FILE_BYTES = 64 << 20


def enter(
    scratch: str, memory_mb: int | None, cpu_s: int, sandbox: str = "auto", device: str = "cpu"
) -> tuple[str, ...]:
    """Puts the fences around the calling process, for good; returns those that stand.

    `memory_mb` None leaves the address space as it is: CUDA reserves more than it uses. With
    `sandbox` "off" the limits alone are set. The process must have one thread.
    """
    _set_limits(memory_mb, cpu_s)
    if sandbox == "off" or sys.platform != "linux":
        return (LIMITS,)
    gpu = device == "gpu"
    offline = _leave_network()
    powerless = give_up()
    writes = fence_writes((scratch, "/dev") if gpu else (scratch, *_DEVICES))
    calls = fence_calls(new_processes=gpu, unix_sockets=gpu)
    standing = {
        LIMITS: True,
        NO_NETWORK: offline or calls,
        WRITES: writes and calls,
        ALONE: writes and calls and powerless,
        NO_PROCESSES: calls and not gpu,
    }
    return tuple(fence for fence in FENCES if standing[fence])


def missing(standing: Collection[str], device: str) -> tuple[str, ...]:
    """The fences that could stand on this device and do not."""
    wanted = [f for f in FENCES if not (device == "gpu" and f == NO_PROCESSES)]
    return tuple(fence for fence in wanted if fence not in standing)


def level(standing: Collection[str], device: str) -> str:
    """One word for what stands: "full", "partial" or "limits only"."""
    if not missing(standing, device):
        return "full"
    return "partial" if set(standing) - {LIMITS} else "limits only"


def _set_limits(memory_mb: int | None, cpu_s: int) -> None:
    import resource  # not on every system that imports this package

    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_FSIZE: _FILE_BYTES,
    }
    if memory_mb is not None:
        limits[resource.RLIMIT_AS] = memory_mb << 20
    for which, value in limits.items():
        _, hard = resource.getrlimit(which)
        lowest = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(which, (lowest, lowest))


def _leave_network() -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) == 0:
        return True
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return False
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        with contextlib.suppress(OSError), open(f"/proc/self/{name}", "w") as file:
            file.write(line)
    return True
