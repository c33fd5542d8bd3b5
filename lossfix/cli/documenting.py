"""`lossfix docs`: the pages that the rules make, written or compared."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from lossfix.cli.exits import CLEAN, FINDINGS
from lossfix.errors import SourceError
from lossfix.report.pages import MARK, pages
from lossfix.rules.registry import selected


def write_docs(folder: str, select: Sequence[str], check: bool) -> int:
    """Writes what is not up to date and takes out what no rule makes; with `check`, names it."""
    root = Path(folder)
    wanted = pages(selected(select))
    try:
        stale = [path for path, text in wanted.items() if _read(root / path) != text]
        gone = [path for path in _written(root) if path.relative_to(root).as_posix() not in wanted]
        if not check:
            for path in stale:
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(wanted[path], encoding="utf-8")
            for page in gone:
                page.unlink()
    except OSError as error:
        raise SourceError(error.filename or folder, f"{error.strerror}; check the path") from None
    changed = [*stale, *(page.relative_to(root).as_posix() for page in gone)]
    if check:
        print("".join(f"{root / path} is not up to date\n" for path in changed), end="")
        if changed:
            print(f"`lossfix docs {folder}` brings them up to date.", file=sys.stderr)
        return FINDINGS if changed else CLEAN
    print(f"{len(wanted)} pages, {len(changed)} of them changed, in {folder}.")
    return CLEAN


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _written(root: Path) -> list[Path]:
    """The pages of rules that an earlier run wrote; what a person put there has no mark."""
    return [page for page in sorted(root.glob("rules/*.md")) if MARK in (_read(page) or "")]
