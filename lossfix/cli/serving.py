"""`lossfix lsp`: the language server, where what it needs is installed."""

from __future__ import annotations

import importlib.util

from lossfix.cli.exits import CLEAN
from lossfix.errors import LossfixError


def serve_editor() -> int:
    """Serves one client until it leaves. Raises LossfixError where pygls is not installed."""
    if importlib.util.find_spec("pygls") is None:
        raise LossfixError("the language server needs pygls; pip install 'lossfix[lsp]'")
    from lossfix.lsp.server import serve

    serve()
    return CLEAN
