"""The server, asked as editors ask it."""

import asyncio
from pathlib import Path
from urllib.request import urlopen

import pytest
from lsprotocol import types

from tests.lsp.conftest import GATED, MENDED, SEED, edited, neovim_like, until, vscode_like

pytestmark = pytest.mark.asyncio
FIX = "Replace by log_softmax (exact, unverified)"


async def test_diagnostics_are_pushed_to_a_client_that_does_not_ask(editor):
    await editor.start(neovim_like())
    uri = editor.open(SEED)
    (found,) = await editor.pushed(uri, 1)
    assert (found.code, found.source, found.severity) == ("LF102", "lossfix", 2)
    assert found.range.start == types.Position(6, 41)
    editor.change(uri, 2, MENDED)
    await editor.pushed(uri, 0)


async def test_diagnostics_are_asked_for_and_never_pushed_as_well(editor):
    await editor.start(vscode_like())
    uri = editor.open(SEED)
    report = await editor.pull(uri)
    assert [item.code for item in report.items] == ["LF102"]
    again = await editor.pull(uri, report.result_id)
    assert again.kind == "unchanged"
    editor.change(uri, 2, MENDED)
    assert (await editor.pull(uri, report.result_id)).items == ()
    await asyncio.sleep(0.2)
    assert uri not in editor.client.diagnostics


async def test_related_information_follows_the_variables(editor):
    await editor.start(vscode_like())
    (found,) = (await editor.pull(editor.open(SEED))).items
    said = {note.message: note.location.range.start.line for note in found.related_information}
    assert said == {"p comes from here": 4, "logp comes from here": 5}


async def test_a_quick_fix_is_light_until_it_is_chosen(editor):
    await editor.start(vscode_like())
    uri = editor.open(SEED)
    actions = await editor.actions(uri, 6)
    assert actions[FIX].edit is None
    assert actions[FIX].is_preferred is None  # it was not run
    change = (await editor.resolved(actions[FIX])).edit.document_changes[0]
    assert (change.text_document.uri, change.text_document.version) == (uri, 1)
    assert edited(SEED, change.edits) == MENDED


async def test_an_edit_comes_at_once_to_a_client_that_cannot_ask_for_it(editor):
    capabilities = neovim_like()
    capabilities.text_document.code_action.resolve_support = None
    capabilities.workspace.workspace_edit.document_changes = False
    await editor.start(capabilities)
    uri = editor.open(SEED)
    actions = await editor.actions(uri, 6)
    assert edited(SEED, actions[FIX].edit.changes[uri], "utf-8") == MENDED
    complete = await editor.resolved(actions[FIX])  # some clients ask all the same
    assert complete.edit == actions[FIX].edit


async def test_resolving_after_an_edit_is_for_the_text_as_it_is(editor):
    await editor.start(vscode_like())
    uri = editor.open(SEED)
    action = (await editor.actions(uri, 6))[FIX]
    editor.change(uri, 2, "# moved\n" + SEED)
    change = (await editor.resolved(action)).edit.document_changes[0]
    assert change.text_document.version == 2
    assert edited("# moved\n" + SEED, change.edits) == "# moved\n" + MENDED
    editor.change(uri, 3, MENDED)
    with pytest.raises(Exception, match="no such finding"):
        await editor.resolved(action)


async def test_each_contract_has_its_title(editor):
    await editor.start(vscode_like())
    actions = await editor.actions(editor.open(GATED), 4)
    assert "Smooth with sigmoid, k = 10 (relaxed, unverified)" in actions


async def test_suppressing_writes_a_comment_that_silences(editor):
    await editor.start(vscode_like())
    uri = editor.open(SEED)
    action = (await editor.actions(uri, 6))["Suppress LF102 here with a reason"]
    change = (await editor.resolved(action)).edit.document_changes[0]
    text = edited(SEED, change.edits)
    assert "# lossfix: ignore[LF102] say why" in text
    editor.change(uri, 2, text)
    assert (await editor.pull(uri)).items == ()


async def test_fix_all_makes_what_needs_no_asking(editor):
    await editor.start(vscode_like())
    both = SEED + GATED.partition("\n\n\n")[2].join(["\n\n", ""])
    uri = editor.open(both)
    actions = await editor.actions(uri, 0, only=["source.fixAll"])
    assert list(actions) == ["lossfix: make all exact and guarded fixes"]
    (action,) = actions.values()
    change = (await editor.resolved(action)).edit.document_changes[0]
    text = edited(both, change.edits)
    assert "log_softmax" in text
    assert "tf.where(y_pred > 0.5" in text  # relaxed: somebody has to ask
    assert await editor.actions(editor.open(GATED, "b.py"), 0, only=["source"]) == {}


async def test_hover_tells_the_rule_in_short_and_that_nothing_was_run(editor):
    await editor.start(vscode_like())
    uri = editor.open(SEED)
    hover = await editor.client.text_document_hover_async(
        types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(6, 45))
    )
    assert "**LF102 cross-entropy-from-softmax**" in hover.contents.value
    assert "Contract: *exact*" in hover.contents.value
    assert "not verified yet" in hover.contents.value
    outside = types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(0, 0))
    assert await editor.client.text_document_hover_async(outside) is None


async def test_explain_opens_the_rules_page(editor):
    await editor.start(vscode_like())
    assert "Explain LF102" in await editor.actions(editor.open(SEED), 6)
    found = await editor.run("lossfix.explain", "LF102")
    assert "## When not to use it" in found["text"]
    assert len(editor.shown) <= 1
    with pytest.raises(Exception, match="no rule is called"):
        await editor.run("lossfix.explain", "LF999")


async def test_preview_gives_the_text_without_touching_it(editor):
    await editor.start(vscode_like())
    uri = editor.open(SEED)
    found = await editor.run("lossfix.preview", uri, 7)
    assert (found["before"], found["after"]) == (SEED, MENDED)


async def test_each_loss_has_a_lens(editor):
    await editor.start(vscode_like())
    (lens,) = await editor.lenses(editor.open(SEED))
    assert (lens.title, lens.command) == ("Verify 1 fix", "lossfix.verify")


@pytest.mark.parametrize(
    ("encoding", "column"),
    [
        (types.PositionEncodingKind.Utf8, 58),
        (types.PositionEncodingKind.Utf16, 55),
        (types.PositionEncodingKind.Utf32, 54),
    ],
)
async def test_positions_are_in_the_units_that_were_agreed_on(editor, encoding, column):
    await editor.start(vscode_like(encoding))
    text = SEED.replace("    return -tf", "    note = '😋é'; return -tf")
    (found,) = (await editor.pull(editor.open(text))).items
    assert found.range.start == types.Position(6, column)


async def test_form_feeds_end_no_line(editor):
    await editor.start(vscode_like())
    text = "# \x0c \u2028 \x85\r\n" + SEED.replace("\n", "\r\n")
    uri = editor.open(text)
    (found,) = (await editor.pull(uri)).items
    assert found.range.start.line == 7
    action = (await editor.actions(uri, 7))[FIX]
    change = (await editor.resolved(action)).edit.document_changes[0]
    after = "# \x0c \u2028 \x85\r\n" + MENDED.replace("\n", "\r\n")
    assert edited(text, change.edits) == after


async def test_what_is_half_typed_keeps_the_findings_of_other_lines(editor):
    await editor.start(vscode_like())
    uri = editor.open(SEED)
    await editor.pull(uri)
    editor.change(uri, 2, "def half(\n" + SEED)
    (found,) = (await editor.pull(uri)).items
    assert found.range.start.line == 7
    assert await editor.actions(uri, 7) == {}


async def test_a_configuration_holds_and_the_last_good_one_while_it_is_half_typed(editor):
    await editor.start(vscode_like())
    config = editor.root / "pyproject.toml"
    uri = editor.open(SEED)
    assert len((await editor.pull(uri)).items) == 1
    config.write_text('[tool.lossfix]\nignore = ["LF1"]\n')
    assert (await editor.pull(uri)).items == ()
    config.write_text('[tool.lossfix]\nignore = ["LF1"\n')
    assert (await editor.pull(uri)).items == ()  # the last good one
    broken = await until(lambda: editor.client.diagnostics.get(config.as_uri()))
    assert "no valid TOML" in str(broken)
    config.write_text("[tool.lossfix]\nignore = []\n")
    assert len((await editor.pull(uri)).items) == 1
    await until(lambda: editor.client.diagnostics.get(config.as_uri()) == ())


async def test_settings_of_the_client_are_taken(editor):
    editor.settings = {"ignore": ["LF1"]}
    await editor.start(vscode_like())
    uri = editor.open(SEED)
    await until(lambda: editor.refreshed or None)
    assert (await editor.pull(uri)).items == ()
    editor.settings = {"ignore": []}
    editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
    seen = editor.refreshed
    await until(lambda: editor.refreshed > seen)
    assert len((await editor.pull(uri)).items) == 1


async def test_settings_come_with_the_start_as_well(editor):
    capabilities = neovim_like()
    capabilities.workspace.configuration = False
    await editor.start(capabilities, options={"lossfix": {"ignore": ["LF1"]}})
    uri = editor.open(SEED)
    assert len(await editor.pushed(uri, 0)) == 0


async def test_a_baseline_hides_what_it_knows(editor, lossfix):
    (editor.root / "losses.py").write_text(SEED)
    baseline = editor.root / "known.json"
    assert lossfix("check", "--write-baseline", str(baseline), str(editor.root)).code == 0
    (editor.root / "lossfix.toml").write_text('baseline = "known.json"\n')
    await editor.start(vscode_like())
    assert (await editor.pull(editor.open(SEED))).items == ()
    assert len((await editor.pull(editor.open("# new\n" + SEED, "other.py"))).items) == 1


async def test_files_that_are_not_open_are_checked_once(editor):
    (editor.root / "closed.py").write_text(SEED)
    await editor.start(vscode_like())
    editor.open(GATED, "open.py")

    async def ask(previous):
        return (
            await editor.client.workspace_diagnostic_async(
                types.WorkspaceDiagnosticParams(previous_result_ids=previous)
            )
        ).items

    (report,) = await ask([])
    assert report.uri == (editor.root / "closed.py").as_uri()
    assert [item.code for item in report.items] == ["LF102"]
    (again,) = await ask([types.PreviousResultId(report.uri, report.result_id)])
    assert again.kind == "unchanged"


async def test_many_files_that_are_not_open_are_checked_elsewhere(editor):
    for number in range(25):
        (editor.root / f"closed_{number}.py").write_text(SEED)
    await editor.start(vscode_like())
    report = await editor.client.workspace_diagnostic_async(
        types.WorkspaceDiagnosticParams(previous_result_ids=[])
    )
    assert [len(each.items) for each in report.items] == [1] * 25


async def test_a_helper_of_another_file_is_read_again_when_it_changes(editor):
    helper = editor.root / "ops.py"
    helper.write_text("import tensorflow as tf\n\n\ndef soft(x):\n    return tf.nn.relu(x)\n")
    (editor.root / "__init__.py").write_text("")
    await editor.start(vscode_like())
    text = "import tensorflow as tf\nfrom .ops import soft\n\n\ndef my_loss(y_true, y_pred):\n"
    text += "    return -tf.reduce_mean(y_true * tf.math.log(soft(y_pred)))\n"
    uri = editor.open(text)
    before = {item.code for item in (await editor.pull(uri)).items}
    helper.write_text("import tensorflow as tf\n\n\ndef soft(x):\n    return tf.nn.softmax(x)\n")
    editor.client.workspace_did_change_watched_files(
        types.DidChangeWatchedFilesParams(
            [types.FileEvent(helper.as_uri(), types.FileChangeType.Changed)]
        )
    )
    after = {item.code for item in (await editor.pull(uri)).items}
    assert before != after


async def test_the_report_of_a_file_is_a_page(editor):
    await editor.start(vscode_like())
    uri = editor.open("import tensorflow as tf\n")
    found = await editor.run("lossfix.report", uri)
    with urlopen(Path(found["path"]).as_uri()) as page:
        assert b"<html" in page.read()
