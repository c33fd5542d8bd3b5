"""The features that the server offers, one function each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from lossfix.errors import LossfixError, RewriteError
from lossfix.lsp import commands
from lossfix.lsp.checks import Current, Superseded
from lossfix.lsp.diagnostics import key_of
from lossfix.lsp.documents import Documents
from lossfix.lsp.lenses import lens_of
from lossfix.lsp.options import options_from
from lossfix.lsp.pages import hover_page
from lossfix.lsp.places import KINDS, Subject
from lossfix.lsp.server import LossfixServer, path_of, plain

_SERVER_CANCELLED = types.LSPErrorCodes.ServerCancelled
_MODIFIED = types.LSPErrorCodes.ContentModified
_WATCHED = ("**/*.py", "**/pyproject.toml", "**/lossfix.toml")


def register(server: LossfixServer) -> None:
    """Offers every feature on a server."""
    for name, (handler, options) in _FEATURES.items():
        offer: Any = server.feature(name, options)
        offer(handler)
    for name, command in commands.COMMANDS.items():
        put: Any = server.command(name)
        put(command)


# the start and the end


def _initialize(ls: LossfixServer, params: types.InitializeParams) -> None:
    known = ls.workspace
    ls.protocol._workspace = Documents(
        known.root_uri,
        types.TextDocumentSyncKind.Incremental,
        params.workspace_folders or [],
        known.position_encoding,
    )
    if params.initialization_options is not None:
        ls.set_options(options_from(params.initialization_options))


async def _initialized(ls: LossfixServer, params: types.InitializedParams) -> None:
    workspace = ls.client_capabilities.workspace
    registrations: list[types.Registration] = []
    watching = workspace.did_change_watched_files if workspace else None
    if watching is not None and watching.dynamic_registration:
        watchers = [types.FileSystemWatcher(pattern) for pattern in _WATCHED]
        registrations.append(
            types.Registration(
                "lossfix-files",
                types.WORKSPACE_DID_CHANGE_WATCHED_FILES,
                types.DidChangeWatchedFilesRegistrationOptions(watchers),
            )
        )
    settings = workspace.did_change_configuration if workspace else None
    if settings is not None and settings.dynamic_registration:
        registrations.append(
            types.Registration(
                "lossfix-settings",
                types.WORKSPACE_DID_CHANGE_CONFIGURATION,
                types.DidChangeConfigurationRegistrationOptions("lossfix"),
            )
        )
    if registrations:
        ls.client_register_capability(types.RegistrationParams(registrations))
    await ls.ask_options()


async def _shutdown(ls: LossfixServer, params: None) -> None:
    await ls.jobs.stop()
    ls.checks.stop()


# texts


def _did_open(ls: LossfixServer, params: types.DidOpenTextDocumentParams) -> None:
    ls.changed(params.text_document.uri)


def _did_change(ls: LossfixServer, params: types.DidChangeTextDocumentParams) -> None:
    ls.changed(params.text_document.uri)


def _did_save(ls: LossfixServer, params: types.DidSaveTextDocumentParams) -> None:
    workspace = ls.client_capabilities.workspace
    watching = workspace.did_change_watched_files if workspace else None
    if watching is None or not watching.dynamic_registration:
        ls.files_changed([path_of(params.text_document.uri)])


def _did_close(ls: LossfixServer, params: types.DidCloseTextDocumentParams) -> None:
    uri = params.text_document.uri
    ls.checks.close(uri)
    if not ls.pulls:
        ls.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))


def _notebook_changed(ls: LossfixServer, params: Any) -> None:
    """A notebook was opened, or its cells came, went or changed."""
    notebook = ls.documents.get_notebook_document(notebook_uri=params.notebook_document.uri)
    for cell in notebook.cells if notebook is not None else ():
        ls.changed(cell.document)
        return  # one cell speaks for all


def _notebook_closed(ls: LossfixServer, params: types.DidCloseNotebookDocumentParams) -> None:
    ls.checks.close(params.notebook_document.uri)
    for cell in params.cell_text_documents:
        ls.text_document_publish_diagnostics(types.PublishDiagnosticsParams(cell.uri, []))


def _files_changed(ls: LossfixServer, params: types.DidChangeWatchedFilesParams) -> None:
    ls.files_changed(path_of(change.uri) for change in params.changes)


async def _settings_changed(ls: LossfixServer, params: types.DidChangeConfigurationParams) -> None:
    workspace = ls.client_capabilities.workspace
    if workspace is not None and workspace.configuration:
        await ls.ask_options()
    elif params.settings is not None:
        ls.set_options(options_from(plain(params.settings)))
    ls.checks.forget_answers()
    ls.refresh()


# diagnostics


async def _diagnostic(
    ls: LossfixServer, params: types.DocumentDiagnosticParams
) -> types.DocumentDiagnosticReport:
    document = ls.document(params.text_document.uri)
    if document is None:
        return types.RelatedFullDocumentDiagnosticReport(items=[])
    found = await _checked(ls, document)
    ls.tell_faults()
    identity = result_id(ls, found)
    if params.previous_result_id == identity:
        return types.RelatedUnchangedDocumentDiagnosticReport(result_id=identity)
    return types.RelatedFullDocumentDiagnosticReport(
        items=ls.diagnostics(document, found), result_id=identity
    )


async def _checked(ls: LossfixServer, subject: Subject) -> Current:
    try:
        return await ls.checks.current(subject)
    except Superseded:
        again = {"retriggerRequest": True}
        raise JsonRpcException("the text has changed", _SERVER_CANCELLED, again) from None
    except LossfixError as error:
        raise JsonRpcInvalidParams(str(error)) from None


def result_id(ls: LossfixServer, found: Current) -> str:
    """What an answer rests on: the text by its digest, the configuration, the verdicts."""
    return f"{digest_of(found.checked.text)}.{found.generation}.{ls.verdicts.generation}"


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


async def _workspace_diagnostic(
    ls: LossfixServer, params: types.WorkspaceDiagnosticParams
) -> types.WorkspaceDiagnosticReport:
    from lossfix.lsp.closed import reports

    return types.WorkspaceDiagnosticReport(await reports(ls, params.previous_result_ids))


# what is shown at a place


async def _hover(ls: LossfixServer, params: types.HoverParams) -> types.Hover | None:
    uri = params.text_document.uri
    subject = ls.subject(uri)
    if subject is None:
        return None
    found = await _checked(ls, subject)
    sheet = ls.sheet(subject, uri)
    offset = sheet.positions.offset(params.position)
    proofs = ls.proofs(str(subject.path), found)
    pages: list[str] = []
    place: types.Range | None = None
    for noted in filter(None, map(sheet.shown, found.checked.findings)):
        row = noted.row
        area = sheet.positions.range_of(row.line, row.column, row.end_line, row.end_column)
        span = sheet.positions.span(area)
        if span.start <= offset <= span.end:
            rule = next(r for r in found.applied.rules if r.code == row.code)
            pages.append(hover_page(row, rule, proofs.get(key_of(noted))))
            place = place or area
    if not pages:
        return None
    return types.Hover(_marked_up(ls, "\n\n---\n\n".join(pages)), place)


def _marked_up(ls: LossfixServer, page: str) -> types.MarkupContent:
    documents = ls.client_capabilities.text_document
    hover = documents.hover if documents else None
    formats = (hover.content_format if hover else None) or [types.MarkupKind.PlainText]
    if types.MarkupKind.Markdown in formats:
        return types.MarkupContent(types.MarkupKind.Markdown, page)
    plain = page.replace("**", "").replace("```diff\n", "").replace("```text\n", "")
    return types.MarkupContent(types.MarkupKind.PlainText, plain.replace("\n```", ""))


async def _code_lens(
    ls: LossfixServer, params: types.CodeLensParams
) -> list[types.CodeLens] | None:
    uri = params.text_document.uri
    subject = ls.subject(uri)
    if subject is None or not ls.configurations.options.lens:
        return None
    found = await _checked(ls, subject)
    sheet, path, about = ls.sheet(subject, uri), str(subject.path), ls.about(found)
    lenses: list[types.CodeLens] = []
    for loss in found.checked.losses:
        line = sheet.line(loss.line)
        if line is not None:
            ran = ls.verdicts.of(path, loss.name, found.checked, about)
            running = ls.jobs.is_running(uri, loss.name)
            lenses.append(lens_of(loss, line, found.checked, uri, ran, running))
    return lenses


# actions


async def _code_action(
    ls: LossfixServer, params: types.CodeActionParams
) -> list[types.CodeAction] | None:
    uri = params.text_document.uri
    subject = ls.subject(uri)
    if subject is None:
        return None
    found = await _checked(ls, subject)
    from lossfix.lsp.actions import actions_at

    place = commands.place_of(ls, subject, found, uri)
    abilities, whole = commands.abilities(ls), not ls.is_cell(uri)
    work: Callable[[], list[types.CodeAction]] = lambda: actions_at(  # noqa: E731
        place, params.range, params.context, abilities, whole
    )
    try:
        return await ls.checks.run(work)
    except LossfixError:
        return []


async def _resolve(ls: LossfixServer, action: types.CodeAction) -> types.CodeAction:
    data = action.data
    if action.edit is not None or not isinstance(data, dict) or "uri" not in data:
        return action
    subject = ls.subject(data["uri"])
    if subject is None:
        raise JsonRpcException("the document is not open any more", _MODIFIED)
    found = await _checked(ls, subject)
    from lossfix.lsp.actions import complete

    place = commands.place_of(ls, subject, found, data["uri"])
    abilities = commands.abilities(ls)
    try:
        return await ls.checks.run(lambda: complete(action, place, abilities))
    except RewriteError as error:
        raise JsonRpcException(str(error), _MODIFIED) from None


_FEATURES: dict[str, tuple[Callable[..., Any], Any]] = {
    types.INITIALIZE: (_initialize, None),
    types.INITIALIZED: (_initialized, None),
    types.SHUTDOWN: (_shutdown, None),
    types.TEXT_DOCUMENT_DID_OPEN: (_did_open, None),
    types.TEXT_DOCUMENT_DID_CHANGE: (_did_change, None),
    types.TEXT_DOCUMENT_DID_SAVE: (_did_save, None),
    types.TEXT_DOCUMENT_DID_CLOSE: (_did_close, None),
    types.NOTEBOOK_DOCUMENT_DID_OPEN: (_notebook_changed, None),
    types.NOTEBOOK_DOCUMENT_DID_CHANGE: (_notebook_changed, None),
    types.NOTEBOOK_DOCUMENT_DID_CLOSE: (_notebook_closed, None),
    types.WORKSPACE_DID_CHANGE_WATCHED_FILES: (_files_changed, None),
    types.WORKSPACE_DID_CHANGE_CONFIGURATION: (_settings_changed, None),
    types.TEXT_DOCUMENT_DIAGNOSTIC: (
        _diagnostic,
        types.DiagnosticOptions(True, True, identifier="lossfix"),
    ),
    types.WORKSPACE_DIAGNOSTIC: (_workspace_diagnostic, None),
    types.TEXT_DOCUMENT_HOVER: (_hover, None),
    types.TEXT_DOCUMENT_CODE_LENS: (_code_lens, None),
    types.TEXT_DOCUMENT_CODE_ACTION: (
        _code_action,
        types.CodeActionOptions(code_action_kinds=list(KINDS), resolve_provider=True),
    ),
    types.CODE_ACTION_RESOLVE: (_resolve, None),
}
