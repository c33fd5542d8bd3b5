"""Checks of texts that move on."""

import ast
import asyncio
import gc
import threading
from dataclasses import dataclass

import pytest

pytest.importorskip("pygls")

from lossfix.editing.recheck import Rechecker
from lossfix.lsp.checks import Checks, Superseded
from lossfix.lsp.options import Configurations
from lossfix.source.text import Text
from tests.lsp.conftest import MENDED, SEED

pytestmark = pytest.mark.asyncio


@dataclass
class Open:
    """A document as the checks see it."""

    text: Text
    version: int = 1
    uri: str = "file:///losses.py"
    path: str = "/losses.py"


async def test_only_the_newest_text_is_checked(monkeypatch):
    checks = Checks(Configurations())
    checked = []
    gate = threading.Event()
    check = Rechecker.check

    def slow(self, text, *arguments):
        gate.wait(20)
        checked.append(text)
        return check(self, text, *arguments)

    monkeypatch.setattr(Rechecker, "check", slow)
    document = Open(Text(SEED))
    waiting = []
    for version in range(1, 6):
        document.version, document.text = version, Text(f"# {version}\n{SEED}")
        waiting.append(asyncio.ensure_future(checks.current(document)))
        await asyncio.sleep(0)
    gate.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(each) for each in found[:-1]] == [Superseded] * 4
    assert found[-1].version == 5
    assert len(checked) <= 2  # the one that ran already, and the newest
    checks.stop()


async def test_a_text_that_is_known_is_not_checked_again(monkeypatch):
    checks = Checks(Configurations())
    document = Open(Text(MENDED))
    first = await checks.current(document)
    assert await checks.current(document) is first
    checks.forget_answers()
    assert await checks.current(document) is not first
    checks.stop()


async def test_the_trees_of_old_texts_are_let_go():
    def trees():
        return sum(isinstance(each, ast.Module) for each in gc.get_objects())

    checks = Checks(Configurations())
    document, most = Open(Text(SEED)), []
    for version in range(1, 101):
        document.version, document.text = version, Text(SEED.replace("-tf", f"-{version} * tf"))
        await checks.current(document)
        most.append(trees())
    assert max(most[50:]) <= max(most[:50])
    assert max(most) - most[0] < 40
    checks.stop()


async def test_what_came_of_a_notification_is_let_go():
    from lossfix.lsp.server import LossfixServer

    protocol = LossfixServer().protocol

    async def later():
        await asyncio.sleep(0)

    def handler():
        yield later, (), {}

    protocol._execute_handler("1", handler, lambda future: None)
    for _ in range(5):
        await asyncio.sleep(0)
    assert protocol._request_futures == {}
