"""Notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lossfix.lsp.server import LossfixServer


def cell_changed(ls: LossfixServer, uri: str) -> None:
    """A cell's text is another."""
