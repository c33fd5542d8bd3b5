"""Fences around a process that runs somebody's loss: limits, no network, writes only in scratch.

They contain accidents and casual malice, not an exploit of the kernel. Each fence is tried, and
`enter` returns the names of those that stand, so that the verdict can say so.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import struct
import sys

_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "VIRTUAL_ENV", "CONDA_PREFIX")
_KEPT_ON_GPU = ("LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_PATH", "CUDA_VISIBLE_DEVICES", "XLA_FLAGS")

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
# write, remove dir, remove file, make char/dir/reg/sock/fifo/block/sym
_WRITES_V1 = 0b1_1111_1111_0010
_REFER, _TRUNCATE = 1 << 13, 1 << 14


def environment(scratch: str, device: str, python_path: str) -> dict[str, str]:
    """The environment of a worker: a few variables of ours, and every home and temp in scratch."""
    kept = _KEPT + (_KEPT_ON_GPU if device == "gpu" else ())
    env = {key: os.environ[key] for key in kept if key in os.environ}
    # AutoGraph writes into the temporary folder and falls back to other code where it cannot.
    env.update(dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME"), scratch))
    env.update(
        PYTHONPATH=python_path,
        PYTHONDONTWRITEBYTECODE="1",
        PYTHONHASHSEED="0",
        KERAS_BACKEND="tensorflow",
        KERAS_HOME=os.path.join(scratch, "keras"),
        MPLBACKEND="Agg",
        TF_CPP_MIN_LOG_LEVEL="2",
        TF_ENABLE_ONEDNN_OPTS="0",
    )
    if device != "gpu":
        env["CUDA_VISIBLE_DEVICES"] = "-1"
    return env


def die_with_parent() -> None:
    """Has the kernel kill this process when the one that started it is gone (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)


def adopt_orphans() -> None:
    """Has processes that a child leaves behind become children of this one (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_orphans() -> None:
    """Kills and reaps every child that this process has."""
    while True:
        for pid in _children():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    """Process ids of the calling process's children, as /proc tells them."""
    found: list[int] = []
    me = str(os.getpid())
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError), open(f"/proc/{name}/stat") as file:
                if file.read().rpartition(")")[2].split()[1] == me:
                    found.append(int(name))
    return found


def enter(scratch: str, memory_mb: int | None, cpu_s: int) -> tuple[str, ...]:
    """Puts the fences around the calling process, for good; returns those that stand.

    `memory_mb` None leaves the address space as it is: CUDA reserves more than it uses.
    """
    import resource  # not on every system that imports this package

    fences = ["limits"]
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, cpu_s)
    _limit(resource.RLIMIT_FSIZE, 64 << 20)
    if memory_mb is not None:
        _limit(resource.RLIMIT_AS, memory_mb << 20)
    if sys.platform == "linux":
        if _leave_network():
            fences.append("no network")
        if _fence_writes((scratch, "/dev")):
            fences.append("writes in scratch only")
    return tuple(fences)


def _limit(which: int, value: int) -> None:
    import resource

    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(which, (value, value))


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


def _fence_writes(allowed: tuple[str, ...]) -> bool:
    """Landlock: no write outside `allowed`; False where the kernel has it not."""
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_LANDLOCK_CREATE, None, 0, 1)
    if version < 1:
        return False
    rights = _WRITES_V1
    if version >= 2:
        rights |= _REFER
    if version >= 3:
        rights |= _TRUNCATE
    attribute = struct.pack("=Q", rights)
    ruleset = libc.syscall(_LANDLOCK_CREATE, attribute, len(attribute), 0)
    if ruleset < 0:
        return False
    try:
        for path in allowed:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
            rule = struct.pack("=Qi", rights, fd)
            failed = libc.syscall(_LANDLOCK_ADD, ruleset, 1, rule, 0) != 0
            os.close(fd)
            if failed:
                return False
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            return False
        return bool(libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0) == 0)
    finally:
        os.close(ruleset)
