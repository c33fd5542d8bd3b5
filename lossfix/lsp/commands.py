"""The commands that a client can run by name."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from lossfix.editing.question import Question
from lossfix.errors import LossfixError
from lossfix.lsp.checks import Current
from lossfix.lsp.jobs import Progress
from lossfix.lsp.pages import rule_page
from lossfix.lsp.places import Abilities, Place, Subject
from lossfix.lsp.proofs import Stopped
from lossfix.lsp.reports import NoReport, write_report
from lossfix.lsp.server import LossfixServer
from lossfix.rules.registry import every_rule, named


def place_of(ls: LossfixServer, subject: Subject, current: Current, uri: str) -> Place:
    """A sheet of a text with all that is known of it; `uri` is the sheet's own."""
    config, path = current.applied.config, str(subject.path)
    question = Question(
        Path(path),
        current.checked.text,
        current.applied.rules,
        config.roles,
        config.sharpness,
    )
    return Place(
        ls.sheet(subject, uri),
        question,
        current.checked,
        ls.proofs(path, current),
        ls.verdicts.refuted(path, current.checked, ls.about(current)),
    )


def abilities(ls: LossfixServer) -> Abilities:
    """What the client can do with code actions."""
    documents, workspace = ls.client_capabilities.text_document, ls.client_capabilities.workspace
    actions = documents.code_action if documents else None
    resolves = actions.resolve_support if actions else None
    edits = workspace.workspace_edit if workspace else None
    return Abilities(
        bool(
            resolves is not None
            and "edit" in resolves.properties
            and actions
            and actions.data_support
        ),
        bool(actions is not None and actions.disabled_support),
        bool(edits is not None and edits.document_changes),
    )


async def _verify(ls: LossfixServer, uri: str, function: str) -> dict[str, Any]:
    """Runs the fixes of a function; answers when all of them ran."""
    return await ls.jobs.verify(uri, function)


def _cancel(ls: LossfixServer, uri: str, function: str) -> bool:
    return ls.jobs.cancel(uri, function)


async def _why(ls: LossfixServer, uri: str, function: str) -> dict[str, Any]:
    """Where the gradient of a loss is lost: words, and the 1-based line, 0 for none."""
    subject = _subject(ls, uri)
    try:
        found = dict(await ls.jobs.why(subject, function))
    except Stopped as stopped:
        return {"error": str(stopped)}
    if "error" in found:
        return {"error": found["error"]}
    return {"text": found["text"], "line": found["line"]}


async def _explain(ls: LossfixServer, code: str) -> dict[str, Any]:
    """A rule's page, opened where the client can; its text in any case."""
    try:
        rule = named(code, every_rule())[0]
    except LossfixError as error:
        raise JsonRpcInvalidParams(str(error)) from None
    page = rule_page(rule)
    window = ls.client_capabilities.window
    shows = window.show_document if window else None
    if shows is not None and shows.support:
        path = ls.folder() / f"{rule.code}.md"
        path.write_text(page, encoding="utf-8")
        try:
            await ls.window_show_document_async(
                types.ShowDocumentParams(path.as_uri(), take_focus=True)
            )
        except JsonRpcException:
            ls.tell(page, types.MessageType.Info)
    else:
        ls.tell(page, types.MessageType.Info)
    return {"text": page}


async def _preview(ls: LossfixServer, uri: str, line: int) -> dict[str, Any]:
    """The whole text as the fix on a line (1-based) leaves it, or with 0 as all safe ones do."""
    subject = _subject(ls, uri)
    current = await ls.current(subject)
    place = place_of(ls, subject, current, uri)

    def work() -> str:
        from lossfix.editing.offers import fixed_alone, fixed_safely, offers_in

        if line > 0:
            for offer in offers_in(place.question, lines=(line, line)):
                if not offer.reason and offer.site.key not in place.refuted:
                    return fixed_alone(place.question, offer.site.key)
        return fixed_safely(place.question, place.refuted)

    try:
        after = await ls.checks.run(work)
    except LossfixError as error:
        return {"error": str(error)}
    return {"before": place.question.text, "after": after}


async def _report(ls: LossfixServer, uri: str) -> dict[str, Any]:
    """The HTML report of a document as it is on disk: where it was written."""
    subject = _subject(ls, uri)
    work = write_report(str(subject.path), ls.folder(), ls.configurations.options)
    task = asyncio.ensure_future(work)
    progress = Progress(ls, "lossfix: writing the report")
    await progress.begin(task.cancel)
    try:
        return {"path": str(await task)}
    except NoReport as error:
        return {"error": str(error)}
    except asyncio.CancelledError:
        return {"error": "stopped"}
    finally:
        progress.end("done")


async def _losses(ls: LossfixServer, uri: str) -> list[dict[str, Any]]:
    """The losses of a document, each with the 1-based line of its `def`."""
    subject = ls.subject(uri)
    if subject is None:
        return []
    current = await ls.current(subject)
    sheet = ls.sheet(subject, uri)
    places = [(loss.name, sheet.line(loss.line)) for loss in current.checked.losses]
    return [{"name": name, "line": line} for name, line in places if line is not None]


def _subject(ls: LossfixServer, uri: str) -> Subject:
    subject = ls.subject(uri)
    if subject is None:
        raise JsonRpcInvalidParams(f"{uri} is not open")
    return subject


COMMANDS = {
    "lossfix.verify": _verify,
    "lossfix.cancel": _cancel,
    "lossfix.why": _why,
    "lossfix.explain": _explain,
    "lossfix.preview": _preview,
    "lossfix.losses": _losses,
    "lossfix.report": _report,
}
