"""Style: the lines that a fix wrote are formatted by black, where the file was black-clean."""

from __future__ import annotations

import ast
import difflib
from pathlib import Path
from threading import Lock
from typing import Any

_importing = Lock()


def restyled(before: str, after: str, path: Path) -> str:
    """`after` with its new lines in black's style; as it is where `before` was not black-clean."""
    with _importing:  # black is compiled, and half imported for the second of two threads
        import black
        from black.parsing import InvalidInput
        from black.report import NothingChanged

    mode = _mode(path)
    try:
        if black.format_str(before, mode=mode) != before:
            return after
        styled = black.format_str(after, mode=mode, lines=_changed_lines(before, after))
        return styled if ast.dump(ast.parse(styled)) == ast.dump(ast.parse(after)) else after
    except (InvalidInput, NothingChanged, SyntaxError, ValueError):
        return after


def _mode(path: Path) -> Any:
    """black's mode as the project that holds `path` configures it."""
    import black
    from black.files import find_pyproject_toml, parse_pyproject_toml

    found = find_pyproject_toml((str(path.resolve().parent),))
    options: dict[str, Any] = {}
    if found is not None:
        try:
            options = parse_pyproject_toml(found)
        except (OSError, ValueError):
            options = {}
    default = black.Mode()
    return black.Mode(
        line_length=int(options.get("line_length", default.line_length)),
        string_normalization=not options.get("skip_string_normalization", False),
        magic_trailing_comma=not options.get("skip_magic_trailing_comma", False),
    )


def _changed_lines(before: str, after: str) -> list[tuple[int, int]]:
    """Ranges of lines of `after` that `before` does not have; 1-based, ends included."""
    matcher = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    return [
        (j1 + 1, j2) for tag, _, _, j1, j2 in matcher.get_opcodes() if tag != "equal" and j2 > j1
    ]
