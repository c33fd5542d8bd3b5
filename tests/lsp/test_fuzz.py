"""Two thousand random edits: the server's text stays the client's, and nothing hangs."""

import asyncio
import random
import re

import pytest
from lsprotocol import types

from lossfix.lsp.features import digest_of
from tests.lsp.conftest import SEED, Editor, neovim_like, vscode_like

pytestmark = pytest.mark.asyncio
_EDITS = 1000  # of each client
_PIECES = (
    *"😋 é ß \x0c \u2028 \u2029 \x85 \x1c \x0b \t ( ) \" ' # : , \ufeff 𝛼".split(" "),
    " ",
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    "    x = 1\r\n",
    "# \u2028 \x0c\n",
    "s = '😋é𝛼'\n",
    SEED,
    SEED.replace("\n", "\r\n"),
)
_LINE = re.compile(r"\r\n|\r|\n")


class Model:
    """A text as a client has it: lines end at LF, CR LF or CR, columns count `codec` units."""

    def __init__(self, text, codec, width):
        self.text, self.codec, self.width = text, codec, width

    def places(self):
        """Start and end of each line, its ending left out."""
        start = 0
        for ending in _LINE.finditer(self.text):
            yield start, ending.start()
            start = ending.end()
        yield start, len(self.text)

    def any_offset(self, dice):
        start, end = dice.choice(list(self.places()))
        return dice.randint(start, end)

    def position(self, offset):
        for line, (start, end) in enumerate(self.places()):
            if start <= offset <= end:
                before = self.text[start:offset].encode(self.codec)
                return types.Position(line, len(before) // self.width)
        raise AssertionError(offset)

    def edit(self, dice):
        """A change that a client could send, made here as well."""
        first = self.any_offset(dice)
        last = first
        if dice.random() < 0.5:
            near = [self.any_offset(dice) for _ in range(3)]
            last = min(near, key=lambda other: abs(other - first))
        first, last = sorted((first, last))
        new = dice.choice(_PIECES) if dice.random() < 0.7 else ""
        place = types.Range(self.position(first), self.position(last))
        self.text = self.text[:first] + new + self.text[last:]
        return place, new


@pytest.mark.parametrize(
    ("capabilities", "codec", "width"),
    [(vscode_like, "utf-16-le", 2), (neovim_like, "utf-8", 1)],
    ids=["vscode", "neovim"],
)
async def test_texts_stay_the_same(client, tmp_path, capabilities, codec, width):
    found = capabilities()
    if found.text_document.diagnostic is None:  # asked for here only to compare
        found.text_document.diagnostic = types.DiagnosticClientCapabilities()
    editor = Editor(client, tmp_path)
    await editor.start(found)
    dice = random.Random(codec)
    model = Model(SEED, codec, width)
    uri = editor.open(SEED)
    version = 1
    for number in range(_EDITS):
        changes = [model.edit(dice) for _ in range(1 if dice.random() < 0.8 else 3)]
        version += 1
        editor.change(uri, version, *changes)
        if number % 10 == 0 or dice.random() < 0.1:
            report = await asyncio.wait_for(editor.pull(uri), 20)
            assert report.result_id.partition(".")[0] == digest_of(model.text)
        if number % 100 == 0:
            await asyncio.wait_for(editor.actions(uri, 3), 20)
            await asyncio.wait_for(editor.lenses(uri), 20)
        if len(model.text) > 20_000:
            model.text = SEED
            version += 1
            editor.change(uri, version, SEED)
