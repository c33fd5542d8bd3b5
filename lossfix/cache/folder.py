"""Where lossfix keeps what it may forget."""

from __future__ import annotations

import os

FOLDER_VARIABLE = "LOSSFIX_CACHE_DIR"  # the folder; empty for none, and nothing is kept


def cache_folder() -> str | None:
    """The user's folder for lossfix, which need not exist yet; None where nothing is kept."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is None:
        home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        folder = os.path.join(home, "lossfix")
    return folder or None
