"""Proofs: the child process that runs losses, asked one thing at a time, and killed when asked to.

The server itself never runs a loss and never imports a framework.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_GRACE_S = 2.0  # for the child to remove its folder, after what it ran was killed
_LONGEST_LINE = 64 * 1024 * 1024  # bytes of one event

Event = Mapping[str, Any]


class Stopped(Exception):
    """The child was killed, by request or by itself."""


class Proofs:
    """One child, started at the first request and warm from then on."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._number = 0

    async def ask(self, request: Mapping[str, Any], told: Callable[[Event], None]) -> Event:
        """The last event; `told` hears each of them. Raises Stopped.

        A task that is cancelled meanwhile takes the child and all that it runs down with it.
        """
        async with self._turn:
            process = await self._started()
            self._number += 1
            line = json.dumps({**request, "id": self._number})
            try:
                assert process.stdin is not None
                process.stdin.write(f"{line}\n".encode())
                await process.stdin.drain()
                return await self._answer(process, told)
            except asyncio.CancelledError:
                await asyncio.shield(self.kill())
                raise
            except (OSError, ValueError) as error:
                await self.kill()
                raise Stopped(f"the verifier's process failed: {error}") from None

    async def _answer(
        self, process: asyncio.subprocess.Process, told: Callable[[Event], None]
    ) -> Event:
        assert process.stdout is not None
        while True:
            line = await process.stdout.readline()
            if not line:
                await self.kill()
                raise Stopped("the verifier's process ended without an answer")
            event = json.loads(line)
            if event.get("id") != self._number:
                continue
            told(event)
            if event.get("end"):
                return dict(event)

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        root = str(Path(__file__).resolve().parents[2])
        inherited = os.environ.get("PYTHONPATH")
        path = os.pathsep.join([root, inherited] if inherited else [root])
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "lossfix.lsp.child",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
            limit=_LONGEST_LINE,
        )
        return self._process

    async def kill(self) -> None:
        """End the child and everything that it started, at once."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        for pid in descendants(process.pid):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _GRACE_S)
        except asyncio.TimeoutError:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    def kill_now(self) -> None:
        """End everything where no loop runs any more."""
        if self._process is not None and self._process.returncode is None:
            pid = self._process.pid
            for each in (*descendants(pid), pid):
                with contextlib.suppress(OSError):
                    os.kill(each, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    """All processes that a process started, and those that these started.

    Only Linux tells; elsewhere they end by themselves when their pipes do.
    """
    children: dict[int, list[int]] = {}
    try:
        names = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    for name in names:
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(name))
    found: list[int] = []
    todo = [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found
