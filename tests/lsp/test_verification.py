"""Verification from an editor: run in a child, shown as it goes, stopped for good when asked."""

import asyncio
import os

import pytest
from lsprotocol import types

from tests.lsp.conftest import GATED, MENDED, SEED, edited, until, vscode_like

pytestmark = [pytest.mark.asyncio, pytest.mark.tensorflow]

SLOW = """\
import tensorflow as tf
import time


def my_loss(y_true, y_pred):
    time.sleep(60)
    return -tf.reduce_mean(y_true * tf.math.log(tf.nn.softmax(y_pred)))
"""
WRONG = """\
import tensorflow as tf


def my_loss(y_true, y_pred):
    scale = 1.0 if "softmax" in my_loss.__code__.co_names else 2.0
    return -tf.reduce_mean(y_true * tf.math.log(tf.nn.softmax(y_pred))) * scale
"""
"""It reads its own code, so that the fix changes more than it says."""


def below(pid):
    """What a process started, and what that started."""
    from lossfix.lsp.proofs import descendants

    return descendants(pid)


def server_pid(editor):
    return editor.client._server.pid


async def test_verify_upgrades_the_light_bulb(editor):
    await editor.start(vscode_like())
    uri = editor.open(SEED)
    found = await editor.run("lossfix.verify", uri, "distillation")
    assert found["outcome"] == "verified"
    assert found["proofs"][0]["code"] == "LF102"
    actions = await editor.actions(uri, 6)
    action = actions["Replace by log_softmax (exact, verified)"]
    assert action.is_preferred
    (lens,) = await editor.lenses(uri)
    assert lens.title == "✓ verified"
    hover = await editor.client.text_document_hover_async(
        types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(6, 45))
    )
    assert "**✓ verified**" in hover.contents.value
    kinds = [value["kind"] for _, value in editor.progress if value is not None]
    assert (kinds[0], kinds[-1]) == ("begin", "end")
    assert "report" in kinds
    assert await until(lambda: editor.refreshed)

    # a verdict speaks of the text that was run, wherever that has moved to
    editor.change(uri, 2, SEED.replace("\n\n\n", "\n\n\n\ndef other():\n    pass\n\n\n"))
    assert [lens.title for lens in await editor.lenses(uri)] == ["Verify", "✓ verified"]
    editor.change(uri, 3, SEED.replace("y_true * logp", "y_true * logp * 2.0"))
    (lens,) = await editor.lenses(uri)
    assert lens.title == "Verify 1 fix"


async def test_a_refuted_fix_is_withdrawn_with_its_counterexample(editor):
    await editor.start(vscode_like())
    uri = editor.open(WRONG)
    found = await editor.run("lossfix.verify", uri, "my_loss")
    assert found["outcome"] == "refuted"
    (item,) = (await editor.pull(uri)).items
    assert "Its fix was withdrawn: " in item.message
    actions = await editor.actions(uri, 5)
    shown = [action for title, action in actions.items() if "refuted" in title]
    assert all(action.disabled is not None for action in shown)
    assert await editor.actions(uri, 5, only=["source.fixAll"]) == {}


async def test_a_loss_that_cannot_be_run_is_said_to_be_just_that(editor):
    await editor.start(vscode_like())
    uri = editor.open(SEED.replace("p = tf", "missing()\n    p = tf"))
    found = await editor.run("lossfix.verify", uri, "distillation")
    assert found["outcome"] == "not run"
    assert any("(exact, not run)" in title for title in await editor.actions(uri, 7))


async def test_a_loss_without_findings_is_looked_at_by_itself(editor):
    await editor.start(vscode_like())
    uri = editor.open(MENDED)
    found = await editor.run("lossfix.verify", uri, "distillation")
    assert (found["outcome"], len(found["proofs"])) == ("verified", 1)


async def test_cancelling_kills_all_that_runs_and_typing_never_waits(editor):
    await editor.start(vscode_like())
    uri = editor.open(SLOW)
    running = asyncio.ensure_future(editor.run("lossfix.verify", uri, "my_loss"))
    children = await until(lambda: len(found := below(server_pid(editor))) > 1 and found)
    (lens,) = await editor.lenses(uri)
    assert lens.title == "Verifying… (cancel)"
    loop = asyncio.get_running_loop()
    for version in range(2, 12):
        started = loop.time()
        editor.change(uri, version, f"# {version}\n{SLOW}")
        await asyncio.wait_for(editor.pull(uri), 5)
        assert loop.time() - started < 5
    token = await until(lambda: next((t for t, v in editor.progress if v is None), None))
    editor.client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(token))
    assert (await asyncio.wait_for(running, 15))["outcome"] == "cancelled"
    await until(lambda: not below(server_pid(editor)))
    assert not [pid for pid in children if os.path.exists(f"/proc/{pid}")]
    assert await editor.run("lossfix.cancel", uri, "my_loss") is False

    # the next one starts afresh
    editor.change(uri, 20, SEED)
    assert (await editor.run("lossfix.verify", uri, "distillation"))["outcome"] == "verified"


async def test_nothing_is_left_running_when_the_client_dies(editor):
    await editor.start(vscode_like())
    uri = editor.open(SLOW)
    running = asyncio.ensure_future(editor.run("lossfix.verify", uri, "my_loss"))
    children = await until(lambda: len(found := below(server_pid(editor))) > 1 and found)
    editor.client._server.kill()
    await until(lambda: not [p for p in children if os.path.exists(f"/proc/{p}")])
    with pytest.raises(RuntimeError, match="exited"):
        await running


async def test_why_names_the_line(editor):
    await editor.start(vscode_like())
    uri = editor.open(SEED)
    found = await editor.run("lossfix.why", uri, "distillation")
    assert found["line"] == 6
    assert "LF102" in found["text"]


async def test_the_verified_text_is_the_text_that_is_applied(editor):
    await editor.start(vscode_like())
    uri = editor.open(GATED)
    assert (await editor.run("lossfix.verify", uri, "gated"))["outcome"] == "verified"
    actions = await editor.actions(uri, 4)
    action = actions["Smooth with sigmoid, k = 10 (relaxed, verified)"]
    change = (await editor.resolved(action)).edit.document_changes[0]
    text = edited(GATED, change.edits)
    assert "tf.sigmoid(10.0 * (y_pred - 0.5))" in text
