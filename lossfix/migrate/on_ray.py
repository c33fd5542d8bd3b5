"""The engine that spreads tasks over a Ray cluster.

A process of its own talks to the cluster, so that whatever becomes of that, the driver goes on:
what is left when it ends is done by processes on this machine. Tasks carry text and no paths of
this machine: the files are put into the cluster once, and each node unpacks them into a folder. On
every node the same lossfix must be installed. Nothing out there writes into the root.
"""

from __future__ import annotations

import atexit
import json
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import lossfix
from lossfix.cache.stamps import digest_of
from lossfix.errors import MigrateError
from lossfix.migrate.engine import Pool
from lossfix.migrate.tasks import VERIFY, Setup, Task, at_work
from lossfix.workers import Death

_CHUNK = 50  # files that one task plans
_RETRIES = 2  # of a task whose node or process is lost
_GPUS = 1.0  # that a task asks for which verifies on a GPU
_SETTINGS = "pyproject.toml"  # which says how new lines are formatted
_PATIENCE_S = 5.0


class Cluster:
    """A running cluster at `address`, or one that is started on this machine."""

    def __init__(self, setup: Setup, paths: Sequence[str], address: str | None, jobs: int | None):
        """`paths` are all files of the migration, from the root.

        Raises MigrateError where Ray is not installed.
        """
        try:
            import ray  # noqa: F401
        except ImportError:
            raise MigrateError(
                "--engine ray: Ray is not installed; install 'lossfix[ray]'"
            ) from None
        self.setup = setup
        self.paths = paths
        self.address = address
        self.jobs = jobs

    def run(self, tasks: Sequence[Task], sizes: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """As of any engine. Raises MigrateError where the cluster cannot be reached at all."""
        left = dict(enumerate(tasks))
        for number, answer in self._carried(tasks):
            if left.pop(number, None) is not None:
                yield number, answer
        if not left:
            return
        print(
            f"the Ray cluster is gone; {len(left)} files are done on this machine", file=sys.stderr
        )
        numbers = list(left)
        rest = Pool(self.setup, self.jobs).run(list(left.values()), [sizes[n] for n in numbers])
        for number, answer in rest:
            yield numbers[number], answer

    def _carried(self, tasks: Sequence[Task]) -> Iterator[tuple[int, Any]]:
        """What the cluster answers, until it has answered all or is gone."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        files = _files(self.setup.root, self.paths)
        arguments = (theirs, self.setup, files, list(tasks), self.address)
        process = context.Process(target=_carry, args=arguments)
        process.start()
        theirs.close()
        reached = False
        try:
            while True:
                try:
                    message = json.loads(ours.recv_bytes())
                except (EOFError, OSError):
                    if reached:
                        return
                    message = {"error": "the cluster cannot be used: it does not answer"}
                if "error" in message:
                    raise MigrateError(f"--engine ray: {message['error']}")
                reached = True
                if "ready" in message:
                    continue
                answer = message.get("answer")
                yield message["number"], Death(message["death"]) if "death" in message else answer
        finally:
            ours.close()
            process.terminate()
            process.join(_PATIENCE_S)
            if process.is_alive():
                process.kill()
                process.join()


def _files(root: str, paths: Sequence[str]) -> dict[str, bytes]:
    """The files of the migration, and what says how they are formatted."""
    found: dict[str, bytes] = {}
    folders = {os.path.dirname(path) for path in paths} | {""}
    while more := {os.path.dirname(folder) for folder in folders} - folders:
        folders |= more
    for path in (*paths, *(os.path.join(folder, _SETTINGS) for folder in sorted(folders))):
        with suppress(OSError):
            found[path] = Path(root, path).read_bytes()
    if _SETTINGS not in found:
        for above in Path(root).parents:
            if (above / _SETTINGS).is_file():
                found[_SETTINGS] = (above / _SETTINGS).read_bytes()
                break
    return found


# the process that talks to the cluster


def _carry(
    pipe: Connection,
    setup: Setup,
    files: Mapping[str, bytes],
    tasks: Sequence[Task],
    address: str | None,
) -> None:
    """Sends every answer down the pipe, or why there can be none."""
    import ray

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started us stops us
    os.dup2(2, 1)  # what Ray prints is no report

    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **_locally(address))
        gpus = _gpus(setup, tasks, ray.cluster_resources())
    except Exception as error:
        said = " ".join(str(error).split())[:300] or type(error).__name__
        _tell(pipe, error=f"the cluster cannot be used: {said}")
        return
    _tell(pipe, ready=True)
    send = ray.remote(_done_there).options(max_retries=_RETRIES, num_cpus=1, num_gpus=gpus)
    there = ray.put(dict(files))
    name = digest_of(repr(sorted((p, digest_of(d)) for p, d in files.items())).encode()).hex()

    def handed(numbers: Sequence[int]) -> Any:
        items = [tasks[number] for number in numbers]
        return send.remote(lossfix.__version__, setup, name, there, items)

    waiting = {handed(numbers): numbers for numbers in _chunks(tasks)}
    while waiting:
        (ready, *_), _ = ray.wait(list(waiting), num_returns=1)
        numbers = waiting.pop(ready)
        try:
            answers = ray.get(ready)
        except Exception as error:  # the process or its node was lost at every try
            if len(numbers) > 1:
                waiting.update({handed([number]): [number] for number in numbers})
            else:
                _tell(pipe, number=numbers[0], death=f"was lost, {type(error).__name__}")
            continue
        if isinstance(answers, str):
            _tell(pipe, error=answers)
            return
        for number, answer in zip(numbers, answers, strict=True):
            _tell(pipe, number=number, answer=answer)


def _locally(address: str | None) -> dict[str, Any]:
    return {} if address else {"include_dashboard": False}


def _gpus(setup: Setup, tasks: Sequence[Task], resources: Mapping[str, float]) -> float:
    """What a task asks for. Raises MigrateError where it would wait for ever."""
    if setup.device != "gpu" or not any(task.step == VERIFY for task in tasks):
        return 0.0
    if resources.get("GPU", 0.0) < _GPUS:
        raise MigrateError("it has no GPU, and --device gpu asks for one")
    return _GPUS


def _chunks(tasks: Sequence[Task]) -> list[list[int]]:
    """Numbers of tasks that go together: many to plan, one to verify."""
    size = 1 if any(task.step == VERIFY for task in tasks) else _CHUNK
    return [list(range(n, min(n + size, len(tasks)))) for n in range(0, len(tasks), size)]


def _tell(pipe: Connection, **message: Any) -> None:
    with suppress(OSError):  # nobody is there any more; Ray ends with this process
        pipe.send_bytes(json.dumps(message).encode("ascii"))


# on a node

_WORK: dict[str, Any] = {}
"""What this process keeps from one task to the next: the function that does items, by files."""


def _done_there(
    version: str, setup: Setup, name: str, files: Mapping[str, bytes], items: Sequence[Any]
) -> list[Any] | str:
    """The answers; words where this node cannot give any."""
    if version != lossfix.__version__:
        return f"a node has lossfix {lossfix.__version__}, and this is {version}"
    do = _WORK.get(name)
    if do is None:
        folder = tempfile.mkdtemp(prefix="lossfix-ray-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        _unpack(Path(folder), files)
        stack = ExitStack()
        atexit.register(stack.close)
        do = stack.enter_context(at_work(setup._replace(root=folder), tied=False))
        _WORK[name] = do
    return [do(item) for item in items]


def _unpack(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
