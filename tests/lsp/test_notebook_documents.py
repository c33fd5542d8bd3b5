"""Notebooks: cells are checked as one module, and told about one by one."""

import pytest
from lsprotocol import types

from tests.lsp.conftest import edited, until, vscode_like

pytestmark = pytest.mark.asyncio

IMPORTS = "%matplotlib inline\nimport tensorflow as tf\n"
LOSS = """\
def my_loss(y_true, y_pred):
    p = tf.nn.softmax(y_pred)
    return -tf.reduce_mean(tf.reduce_sum(y_true * tf.math.log(p), axis=-1))
"""
MENDED = """\
def my_loss(y_true, y_pred):
    return -tf.reduce_mean(tf.reduce_sum(y_true * tf.nn.log_softmax(y_pred), axis=-1))
"""


class Notebook:
    """An open notebook in a client."""

    def __init__(self, editor, *texts):
        self.editor = editor
        self.uri = (editor.root / "work.ipynb").as_uri()
        self.cells = [f"{self.uri}#cell{number}" for number in range(len(texts))]
        items = [
            types.TextDocumentItem(uri, "python", 1, text)
            for uri, text in zip(self.cells, texts, strict=True)
        ]
        cells = [types.NotebookCell(types.NotebookCellKind.Code, uri) for uri in self.cells]
        editor.client.notebook_document_did_open(
            types.DidOpenNotebookDocumentParams(
                types.NotebookDocument(self.uri, "jupyter-notebook", 1, cells), items
            )
        )

    def change(self, number, version, text):
        whole = types.TextDocumentContentChangeWholeDocument(text)
        document = types.VersionedTextDocumentIdentifier(version, self.cells[number])
        content = types.NotebookDocumentCellContentChanges(document, [whole])
        self.editor.client.notebook_document_did_change(
            types.DidChangeNotebookDocumentParams(
                types.VersionedNotebookDocumentIdentifier(version, self.uri),
                types.NotebookDocumentChangeEvent(
                    cells=types.NotebookDocumentCellChanges(text_content=[content])
                ),
            )
        )


async def test_names_of_earlier_cells_count_and_clean_cells_are_told_of(editor):
    await editor.start(vscode_like())
    notebook = Notebook(editor, IMPORTS, "# nothing\n", LOSS)
    (found,) = await editor.pushed(notebook.cells[2], 1)
    assert (found.code, found.range.start.line) == ("LF102", 2)
    assert editor.client.diagnostics[notebook.cells[0]] == ()
    notebook.change(2, 2, MENDED)
    await editor.pushed(notebook.cells[2], 0)


async def test_a_quick_fix_changes_its_cell_alone(editor):
    await editor.start(vscode_like())
    notebook = Notebook(editor, IMPORTS, LOSS)
    uri = notebook.cells[1]
    await editor.pushed(uri, 1)
    action = (await editor.actions(uri, 2))["Replace by log_softmax (exact, unverified)"]
    (change,) = (await editor.resolved(action)).edit.document_changes
    assert change.text_document.uri == uri
    assert edited(LOSS, change.edits) == MENDED
    assert await editor.actions(uri, 2, only=["source.fixAll"]) == {}
    assert await editor.actions(notebook.cells[0], 0) == {}


async def test_hover_and_lenses_are_where_the_cell_has_them(editor):
    await editor.start(vscode_like())
    notebook = Notebook(editor, IMPORTS, LOSS)
    uri = notebook.cells[1]
    await editor.pushed(uri, 1)
    hover = await editor.client.text_document_hover_async(
        types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(2, 50))
    )
    assert "LF102" in hover.contents.value
    lenses = await editor.client.text_document_code_lens_async(
        types.CodeLensParams(types.TextDocumentIdentifier(uri))
    )
    assert [lens.range.start.line for lens in lenses] == [0]


async def test_a_cell_that_is_half_typed_leaves_the_others_checked(editor):
    await editor.start(vscode_like())
    notebook = Notebook(editor, IMPORTS, "x = (", LOSS)
    await editor.pushed(notebook.cells[2], 1)
    assert await until(lambda: notebook.cells[1] in editor.client.diagnostics)
    assert editor.client.diagnostics[notebook.cells[1]] == ()


@pytest.mark.tensorflow
async def test_a_loss_in_a_cell_is_verified(editor):
    await editor.start(vscode_like())
    notebook = Notebook(editor, IMPORTS, LOSS)
    uri = notebook.cells[1]
    await editor.pushed(uri, 1)
    assert (await editor.run("lossfix.verify", uri, "my_loss"))["outcome"] == "verified"
    assert "Replace by log_softmax (exact, verified)" in await editor.actions(uri, 2)
