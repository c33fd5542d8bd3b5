"""Patches: exact in every encoding, for `git apply`, whole or split by rule, directory or owner."""

from __future__ import annotations

import difflib
import os
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from lossfix.errors import MigrateError
from lossfix.migrate.choices import SplitBy
from lossfix.migrate.journal import Write
from lossfix.migrate.owners import owners_of
from lossfix.rewrite.diff import quoted_name
from lossfix.source.files import replace_file

_NO_NEWLINE = b"\\ No newline at end of file\n"


def whole_patch(writes: Sequence[Write], folder: bytes = b"") -> bytes:
    """One patch; names are shown below `folder`, which is where the root lies."""
    return b"".join(
        patch_of(os.path.join(folder, path), old, new) for path, old, new in _net(writes)
    )


def file_patches(writes: Sequence[Write]) -> list[tuple[bytes, bytes]]:
    """Each file's path with its own patch, in the order of the paths."""
    return [(path, patch_of(path, old, new)) for path, old, new in _net(writes)]


def split_patches(writes: Sequence[Write], by: SplitBy, root: Path) -> dict[str, bytes]:
    """Name of each part -> its patch, in the order in which they apply; names are from the root.

    Parts by rule stand on each other; the others are about different files.
    """
    parts: defaultdict[str, bytes] = defaultdict(bytes)
    if by is SplitBy.RULE:
        for write in sorted(writes, key=lambda write: write.round):
            old = write.old
            for stage in write.stages:
                parts[stage.code] += patch_of(write.path, old, stage.data)
                old = stage.data
        return {code: parts[code] for code in sorted(parts) if parts[code]}
    name_of = _directory if by is SplitBy.DIRECTORY else owners_of(root)
    for path, old, new in _net(writes):
        parts[name_of(os.fsdecode(path))] += patch_of(path, old, new)
    return dict(sorted(parts.items()))


def write_patches(folder: Path, parts: dict[str, bytes]) -> list[Path]:
    """One file a part, numbered in their order. Raises MigrateError."""
    made: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, (name, patch) in enumerate(parts.items(), 1):
            safe = re.sub(r"[^\w@.-]+", "-", name).strip("-.") or "root"
            made.append(folder / f"{number:04}-{safe[:80]}.patch")
            replace_file(made[-1], patch, 0o644)
    except OSError as error:
        raise MigrateError(f"{folder}: cannot be written: {error.strerror}") from None
    return made


def _net(writes: Sequence[Write]) -> list[tuple[bytes, bytes, bytes]]:
    """Path, first and last bytes of each file, in the order of the paths."""
    net: dict[bytes, tuple[bytes, bytes]] = {}
    for write in sorted(writes, key=lambda write: write.round):
        first = net[write.path][0] if write.path in net else write.old
        net[write.path] = (first, write.stages[-1].data)
    return [(path, *net[path]) for path in sorted(net)]


def _directory(path: str) -> str:
    return os.path.dirname(path) or "root"


def patch_of(path: bytes, old: bytes, new: bytes) -> bytes:
    """The change of one file as bytes; empty where there is none."""
    if old == new:
        return b""
    lines = difflib.diff_bytes(
        difflib.unified_diff,
        _lines(old),
        _lines(new),
        quoted_name(b"a/" + path),
        quoted_name(b"b/" + path),
        lineterm=b"\n",
    )
    return b"".join(line if line.endswith(b"\n") else line + b"\n" + _NO_NEWLINE for line in lines)


def _lines(data: bytes) -> list[bytes]:
    parts = data.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])
