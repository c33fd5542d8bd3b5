"""Files that a command writes for people: whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from lossfix.errors import LossfixError
from lossfix.source.files import replace_file

_MODE = 0o644


def write_output(path: str, text: str, what: str) -> None:
    """Raises LossfixError where it cannot be written; a file that was there is then as it was."""
    target = Path(os.path.realpath(path))
    try:
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else _MODE
        replace_file(target, text.encode("utf-8", "surrogatepass"), mode)
    except OSError as error:
        raise LossfixError(f"{path}: the {what} cannot be written: {error.strerror}") from None
