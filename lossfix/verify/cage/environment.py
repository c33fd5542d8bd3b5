"""What a caged process sees of the world that started it: a few variables, and its own folder."""

from __future__ import annotations

import os
import sys
import tempfile

_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "VIRTUAL_ENV", "CONDA_PREFIX")
_KEPT_ON_GPU = ("LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_PATH", "CUDA_VISIBLE_DEVICES", "XLA_FLAGS")
_HOMES = ("HOME", "TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME")


def environment(scratch: str, device: str, python_path: str, backend: str) -> dict[str, str]:
    """The environment of a worker: a few variables of ours, and every home and temp in scratch.

    `backend` is Keras's.
    """
    kept = _KEPT + (_KEPT_ON_GPU if device == "gpu" else ())
    env = {key: os.environ[key] for key in kept if key in os.environ}
    # AutoGraph writes into the temporary folder and falls back to other code where it cannot.
    env.update(dict.fromkeys(_HOMES, scratch))
    env.update(
        PYTHONPATH=python_path,
        PYTHONDONTWRITEBYTECODE="1",
        PYTHONHASHSEED="0",
        KERAS_BACKEND=backend,
        KERAS_HOME=os.path.join(scratch, "keras"),
        MPLBACKEND="Agg",
        TF_CPP_MIN_LOG_LEVEL="2",
        TF_ENABLE_ONEDNN_OPTS="0",
    )
    if device == "gpu":  # several losses share one, and none may take it all
        env.update(TF_FORCE_GPU_ALLOW_GROWTH="true", XLA_PYTHON_CLIENT_PREALLOCATE="false")
    else:
        env["CUDA_VISIBLE_DEVICES"] = "-1"
    return env


def inside(folder: str, result: int) -> None:
    """Settles a forked child in `folder`, with no input, output or descriptor but `result`."""
    os.chdir(folder)
    for name in _HOMES:
        os.environ[name] = folder
    tempfile.tempdir = folder
    null = os.open(os.devnull, os.O_RDWR)
    errors = os.open(os.path.join(folder, "stderr"), os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.dup2(errors, 2)
    for fd in _open_descriptors():
        if fd > 2 and fd != result:
            _close_pipe_or_socket(fd, (null, errors))
    # the file is for what a crash says; somebody's prints could fill it
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115


def _open_descriptors() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/dev/fd")]
    except OSError:
        return list(range(3, 256))


def _close_pipe_or_socket(fd: int, ours: tuple[int, ...]) -> None:
    """Closes what leads to another process; a library may still need its own open files."""
    import stat

    try:
        mode = os.fstat(fd).st_mode
        if fd in ours or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            os.close(fd)
    except OSError:
        return
