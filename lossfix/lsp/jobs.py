"""Jobs: verifications that run while the client goes on, with progress and a way to stop them."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from lossfix.lsp.places import Subject
from lossfix.lsp.proofs import Event, Proofs, Stopped
from lossfix.lsp.verdicts import REFUTED, VERIFIED, Proof, Ran

if TYPE_CHECKING:
    from lossfix.lsp.checks import Current
    from lossfix.lsp.server import LossfixServer

_Job = tuple[str, str]  # the document's address, and the function


class Jobs:
    """Running verifications by document and function."""

    def __init__(self, server: LossfixServer) -> None:
        self.server = server
        self.proofs = Proofs()
        self._tasks: dict[_Job, asyncio.Task[dict[str, Any]]] = {}

    def is_running(self, uri: str, function: str) -> bool:
        return (uri, function) in self._tasks

    def cancel(self, uri: str, function: str) -> bool:
        """Stop a verification, and all that it runs; False where there is none."""
        task = self._tasks.get((uri, function))
        return task is not None and task.cancel()

    async def verify(self, uri: str, function: str) -> dict[str, Any]:
        """Runs each fix of a function; the outcome and the proofs, or why there is none."""
        job = (uri, function)
        task = self._tasks.get(job)
        if task is None:
            task = asyncio.ensure_future(self._verify(uri, function))
            self._tasks[job] = task
            task.add_done_callback(lambda _: self._tasks.pop(job, None))
            self.server.refresh_lenses()
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            return {"outcome": "cancelled", "proofs": []}

    async def _verify(self, uri: str, function: str) -> dict[str, Any]:
        server = self.server
        subject = server.subject(uri)
        if subject is None:
            return {"outcome": "not run", "error": "the document is not open"}
        current = await server.current(subject)
        if current.checked.error is not None:
            return {"outcome": "not run", "error": current.checked.error.reason}
        progress = Progress(server, f"lossfix: verifying {function or 'the module'}")
        await progress.begin(lambda: self.cancel(uri, function))
        proofs: list[Proof] = []

        def told(event: Event) -> None:
            if "step" in event:
                progress.report(event)
            if "trial" in event:
                proofs.append(Proof(**event["trial"]))

        request = self._request("verify", subject, current, function)
        try:
            last = await self.proofs.ask(request, told)
        except Stopped as stopped:
            progress.end(str(stopped))
            self._finished(uri, f"{function}: not run: {stopped}", types.MessageType.Error)
            return {"outcome": "not run", "error": str(stopped)}
        except asyncio.CancelledError:
            progress.end("stopped")
            asyncio.get_running_loop().call_soon(server.refresh_lenses)
            raise
        if "error" in last:
            progress.end("not run")
            self._finished(uri, f"{function}: not run: {last['error']}", types.MessageType.Error)
            return {"outcome": "not run", "error": last["error"]}
        ran = Ran(str(last["outcome"]), tuple(proofs))
        key = current.checked.key_of(function)
        server.verdicts.put(str(subject.path), function, key, server.about(current), ran)
        progress.end(ran.outcome)
        self._finished(uri, *_summary(function, ran))
        return {
            "outcome": ran.outcome,
            "proofs": [
                {"code": p.code, "title": p.title, "outcome": p.outcome, "text": p.text}
                for p in ran.proofs
            ],
        }

    async def why(self, subject: Subject, function: str) -> Event:
        """Where a loss's gradient is lost. Raises Stopped."""
        current = await self.server.current(subject)
        progress = Progress(self.server, f"lossfix: tracing {function}")
        await progress.begin(lambda: None)
        try:
            request = self._request("why", subject, current, function)
            return await self.proofs.ask(request, lambda _: None)
        finally:
            progress.end("done")

    def _request(
        self, job: str, subject: Subject, current: Current, function: str
    ) -> Mapping[str, Any]:
        config, options = current.applied.config, self.server.configurations.options
        return {
            "job": job,
            "path": str(subject.path),
            "text": current.checked.text,
            "function": function,
            "codes": [rule.code for rule in current.applied.rules],
            "roles": [list(config.predictions), list(config.labels), list(config.settings)],
            "sharpness": config.sharpness,
            "device": options.device,
            "sandbox": options.sandbox,
            "inputs": list(options.inputs),
        }

    def _finished(self, uri: str, message: str, kind: types.MessageType) -> None:
        self.server.tell(f"lossfix: {message}", kind)
        asyncio.get_running_loop().call_soon(self.server.refresh)

    async def stop(self) -> None:
        for task in list(self._tasks.values()):
            task.cancel()
        await self.proofs.kill()


def _summary(function: str, ran: Ran) -> tuple[str, types.MessageType]:
    name = function or "the module"
    if ran.outcome == VERIFIED:
        return f"{name}: verified", types.MessageType.Info
    worst = next(proof for proof in ran.proofs if proof.outcome == ran.outcome)
    kind = types.MessageType.Warning if ran.outcome == REFUTED else types.MessageType.Info
    shown = worst.counterexample
    more = f" ({shown})" if shown and shown not in worst.line else ""
    return f"{name}: {worst.title}: {worst.line}{more}", kind


class Progress:
    """A progress bar of the client, where it has one, that can be cancelled."""

    def __init__(self, server: LossfixServer, title: str) -> None:
        self._server = server
        self._title = title
        self._token = str(uuid.uuid4())
        window = server.client_capabilities.window
        self._shown = bool(window is not None and window.work_done_progress)

    async def begin(self, cancel: Any) -> None:
        if not self._shown:
            return
        bar = self._server.work_done_progress
        try:
            await bar.create_async(self._token)
        except JsonRpcException:
            self._shown = False
            return
        loop = asyncio.get_running_loop()

        def stopped(future: Future[Any]) -> None:
            if future.cancelled():
                loop.call_soon_threadsafe(cancel)

        future: Any = bar.tokens[self._token]
        future.add_done_callback(stopped)
        start = types.WorkDoneProgressBegin(self._title, cancellable=True, percentage=0)
        bar.begin(self._token, start)

    def report(self, event: Event) -> None:
        if self._shown:
            share = int(100 * event["done"] / max(1, event["total"]))
            value = types.WorkDoneProgressReport(message=str(event["step"]), percentage=share)
            self._server.work_done_progress.report(self._token, value)

    def end(self, message: str) -> None:
        if self._shown:
            bar = self._server.work_done_progress
            bar.end(self._token, types.WorkDoneProgressEnd(message=message))
            with contextlib.suppress(KeyError):
                del bar.tokens[self._token]
