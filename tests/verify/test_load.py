"""Classes and closures are built with what was given, with defaults, and with conventions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lossfix.verify.bench import _for_loss
from lossfix.verify.inputs import InputError, settings_in
from lossfix.verify.load import LoadError, load
from lossfix.verify.request import Program

TEXT = """import os

class Margin:
    def __init__(self, edges, gamma, name="margin"):
        self.edges, self.gamma, self.name = edges, gamma, name

    def call(self, y_true, y_pred):
        return [self.edges, self.gamma, self.name]

def make(edges, gamma):
    def inner(y_true, y_pred, scale=1.0):
        return [edges, gamma, scale]
    return inner
"""


def program(function: str, arguments: Mapping[str, Any]) -> Program:
    return Program(TEXT, "/nowhere/loss.py", function, arguments=arguments)


@pytest.mark.parametrize("function", ["Margin.call", "make.inner"])
def test_given_arguments_are_taken(tmp_path: Path, function: str) -> None:
    loaded = load(program(function, {"edges": (1, 2), "scale": 3.0}), str(tmp_path))
    assert loaded.function(None, None)[:2] == [(1, 2), 2.0]
    assert loaded.taken == {"edges"}
    assert any("gamma=2.0 was guessed" in note for note in loaded.notes)
    assert any(note.startswith("left out as the loss does not use it") for note in loaded.notes)
    assert _for_loss(("edges=(1, 2)", "scale=3.0"), loaded) == ("scale=3.0",)


def test_what_nobody_knows_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"Margin needs 'edges'.* --input 'edges=\.\.\.'"):
        load(program("Margin.call", {}), str(tmp_path))


def test_settings_among_the_inputs() -> None:
    specs = ("y_pred=float32[8,10] in (0,1)", "edges=(1, 2)", "gamma=0.5")
    assert settings_in(specs) == {"edges": (1, 2), "gamma": 0.5}
    with pytest.raises(InputError, match="cannot read the input"):
        settings_in(("gamma",))
