"""The language server: what clients ask is handed on, nothing about losses is decided here."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path

import lossfix
from lossfix.config import FILE_NAMES
from lossfix.errors import LossfixError
from lossfix.lsp.checks import Checks, Current, Superseded
from lossfix.lsp.diagnostics import SOURCE, diagnostics_of
from lossfix.lsp.documents import Document, Documents
from lossfix.lsp.jobs import Jobs
from lossfix.lsp.options import SECTION, Configurations, Options, options_from
from lossfix.lsp.places import Sheet, Subject
from lossfix.lsp.verdicts import Proof, Verdicts

LANGUAGES = ("python",)
_NOTEBOOKS = types.NotebookDocumentSyncOptions(
    notebook_selector=[
        types.NotebookDocumentFilterWithNotebook(
            notebook="jupyter-notebook",
            cells=[types.NotebookCellLanguage(language="python")],
        )
    ]
)


class LossfixServer(LanguageServer):
    """The server with all that it keeps."""

    def __init__(self) -> None:
        super().__init__("lossfix", lossfix.__version__, notebook_document_sync=_NOTEBOOKS)
        self.configurations = Configurations()
        self.checks = Checks(self.configurations)
        self.verdicts = Verdicts()
        self.jobs = Jobs(self)
        self.pushes: dict[str, asyncio.Task[None]] = {}
        self._told: set[str] = set()
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    # what the client can do

    @property
    def pulls(self) -> bool:
        """Whether the client asks for diagnostics; nothing is pushed then."""
        documents = self.client_capabilities.text_document
        return documents is not None and documents.diagnostic is not None

    @property
    def related(self) -> bool:
        documents = self.client_capabilities.text_document
        if documents is None:
            return False
        pull = documents.diagnostic if self.pulls else documents.publish_diagnostics
        return bool(pull is not None and pull.related_information)

    def refreshes(self, what: str) -> bool:
        """Whether the client takes a request to ask again for "diagnostics" or "code_lens"."""
        workspace = self.client_capabilities.workspace
        found = getattr(workspace, what, None)
        return bool(found is not None and found.refresh_support)

    # documents

    @property
    def documents(self) -> Documents:
        found = self.workspace
        assert isinstance(found, Documents)
        return found

    def document(self, uri: str) -> Document | None:
        """An open Python document that is to be looked at; a cell of a notebook is none."""
        if not self.configurations.options.enable or self.is_cell(uri):
            return None
        return self.documents.document(uri)

    def is_cell(self, uri: str) -> bool:
        return self.documents.get_notebook_document(cell_uri=uri) is not None

    def subject(self, uri: str) -> Subject | None:
        """What is checked as one text: an open document, or the notebook that has a cell."""
        if self.is_cell(uri) and self.configurations.options.enable:
            from lossfix.lsp.notebooks import joint_of

            return joint_of(self, uri)
        return self.document(uri)

    def sheet(self, subject: Subject, uri: str) -> Sheet:
        """The part of a text that an address stands for."""
        if isinstance(subject, Document):
            return Sheet(str(subject.uri), subject.version, subject.positions)
        from lossfix.lsp.notebooks import CellSheet, Joint

        assert isinstance(subject, Joint)
        number = subject.number(uri)
        cell = subject.cells[number - 1]
        return CellSheet(uri, cell.version, cell.positions, subject, number)

    async def current(self, subject: Subject) -> Current:
        """What is known of the newest text. Raises Superseded where a document was closed."""
        while True:
            try:
                return await self.checks.current(subject)
            except Superseded:
                if self.documents.document(str(subject.uri)) is not subject:
                    raise

    def about(self, current: Current) -> object:
        """What verdicts rest on beside the text."""
        options = self.configurations.options
        given = (options.device, options.sandbox, options.inputs)
        return (current.applied.config.sharpness, *given)

    def proofs(self, path: str, current: Current) -> dict[str, Proof]:
        """The verdicts that hold, by the keys of their findings."""
        found: dict[str, Proof] = {}
        about = self.about(current)
        for loss in current.checked.losses:
            ran = self.verdicts.of(path, loss.name, current.checked, about)
            if ran is not None:
                found.update({proof.key: proof for proof in ran.proofs})
        return found

    def diagnostics(self, document: Document, current: Current) -> list[types.Diagnostic]:
        proofs = self.proofs(str(document.path), current)
        positions = document.positions
        return diagnostics_of(current.checked, positions, str(document.uri), proofs, self.related)

    # pushing

    def changed(self, uri: str) -> None:
        """The text of a document is another: push its diagnostics, where they are not asked for."""
        if self.is_cell(uri):
            from lossfix.lsp.notebooks import push

            push(self, uri)
            return
        if self.pulls:
            return
        running = self.pushes.get(uri)
        if running is None or running.done():
            self.pushes[uri] = asyncio.ensure_future(self._push(uri))

    async def _push(self, uri: str) -> None:
        """Publishes until what was published is of the newest text."""
        while True:
            document = self.document(uri)
            if document is None:
                return
            version = document.version
            try:
                found = await self.checks.current(document)
            except Superseded:
                continue
            except LossfixError as error:
                self.tell(str(error))
                return
            self.tell_faults()
            if self.documents.document(uri) is document and document.version == version:
                self.text_document_publish_diagnostics(
                    types.PublishDiagnosticsParams(
                        uri, self.diagnostics(document, found), document.version
                    )
                )
                return

    def refresh(self) -> None:
        """Answers may be others: ask the client to ask again, or push them."""
        if self.pulls and self.refreshes("diagnostics"):
            self.workspace_diagnostic_refresh(None)
        for uri in list(self.documents.text_documents):
            self.changed(str(self.documents.text_documents[uri].uri))
        self.refresh_lenses()

    def refresh_lenses(self) -> None:
        if self.refreshes("code_lens"):
            self.workspace_code_lens_refresh(None)

    def folder(self) -> Path:
        """Where pages that a client is to open are written; gone with the server."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="lossfix-pages-")
        return Path(self._folder.name)

    # telling

    def tell(self, message: str, kind: types.MessageType = types.MessageType.Warning) -> None:
        self.window_show_message(types.ShowMessageParams(kind, message))

    def tell_faults(self) -> None:
        """What is wrong with the configuration: once in a message, and at the line in its file."""
        faults = {fault.path: fault for fault in self.configurations.faults}
        for path in sorted(self._told - faults.keys()):
            self._told.discard(path)
            if path:
                self._publish_fault(path, [])
        for path, fault in faults.items():
            if path in self._told:
                continue
            self._told.add(path)
            self.tell(f"lossfix: {fault.message}; the last good configuration holds")
            if path:
                line = (fault.line or 1) - 1
                place = types.Range(types.Position(line, 0), types.Position(line + 1, 0))
                self._publish_fault(
                    path,
                    [
                        types.Diagnostic(
                            place, fault.message, types.DiagnosticSeverity.Error, source=SOURCE
                        )
                    ],
                )

    def _publish_fault(self, path: str, found: list[types.Diagnostic]) -> None:
        uri = from_fs_path(path)
        if uri is not None:
            self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, found))

    # settings

    def set_options(self, options: Options) -> None:
        for fault in options.faults:
            self.tell(f"lossfix: {fault}")
        self.configurations.set(options)

    async def ask_options(self) -> None:
        """The settings as the client has them now, where it can be asked."""
        workspace = self.client_capabilities.workspace
        if workspace is None or not workspace.configuration:
            return
        item = types.ConfigurationItem(section=SECTION)
        with contextlib.suppress(JsonRpcException):
            found: Any = await self.workspace_configuration_async(types.ConfigurationParams([item]))
            if found and found[0] is not None:
                before = self.configurations.options
                self.set_options(options_from(plain(found[0])))
                if self.configurations.options != before:
                    self.refresh()

    def files_changed(self, paths: Iterable[str]) -> None:
        """Files on disk came, went or changed."""
        names = list(paths)
        if any(name.endswith(".py") for name in names):
            others = {p for p in names if p.endswith(".py")}
            self.checks.forget_files()
            for document in self.documents.text_documents.values():
                if str(document.path) not in others:
                    self.verdicts.forget(str(document.path))
        if any(os.path.basename(name) in FILE_NAMES or name.endswith(".json") for name in names):
            self.checks.forget_answers()
            self.configurations.generation += 1
        self.refresh()


def plain(value: Any) -> Any:
    """Objects that lsprotocol made of JSON, as plain mappings and lists."""
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return [plain(each) for each in value]
    if hasattr(value, "_asdict"):
        return {key: plain(each) for key, each in value._asdict().items()}
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return value


def serve() -> None:
    """Serves one client on standard input and output until it leaves."""
    from lossfix.lsp.features import register

    server = LossfixServer()
    register(server)
    gc.freeze()
    messages = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever is printed by mistake is no message
    try:
        server.start_io(stdout=messages)
    finally:
        server.jobs.proofs.kill_now()


def path_of(uri: str) -> str:
    return to_fs_path(uri) or ""
