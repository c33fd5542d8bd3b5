"""What a plain `check` answered before: told again while nothing that it rests on has changed.

An answer rests on the bytes of the files that were checked, which are kept and compared whole, and
on the program: every source file that was loaded, and every folder on `sys.path`, by time and size;
and so on the configuration. Nothing is imported here that costs more than it saves.
"""

from __future__ import annotations

import os
import sys
from binascii import crc32
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

FOLDER_VARIABLE = "LOSSFIX_CACHE_DIR"  # where answers are kept; empty for nowhere
_END = b"\0"
_MOST_BYTES = 1_000_000
_MOST_ENTRIES = 2_000
_PACKAGES = ("lossfix", "lossfix_transforms")


class Answer(NamedTuple):
    """What a command prints, and its exit code."""

    out: str
    err: str
    code: int


def recall(arguments: Sequence[str], paths: Sequence[str]) -> Answer | None:
    """The answer to these arguments, if it still holds."""
    place = _place(arguments)
    if place is None:
        return None
    try:
        with open(place, "rb") as file:
            fields = file.read().split(_END)
        key, stamps, out, err, code, *contents = fields
        if key != _key(arguments) or len(contents) != len(paths):
            return None
        for path, content in zip(paths, contents, strict=True):
            with open(path, "rb") as file:
                if file.read() != content:
                    return None
        if any(_stamp(line.partition(b"\t")[0]) != line for line in stamps.split(b"\n")):
            return None
        return Answer(out.decode(), err.decode(), int(code))
    except (OSError, ValueError):
        return None


def remember(
    arguments: Sequence[str], paths: Sequence[str], answer: Answer, rests_on: Iterable[str] = ()
) -> None:
    """Keep an answer about plain files; what cannot be kept is left alone.

    `rests_on` are more files, there or not, that the answer rests on, by time and size.
    """
    place = _place(arguments)
    if place is None or answer.code not in (0, 1):
        return
    try:
        contents = [_read(path) for path in paths]
        stamps = b"\n".join(_stamp(path) for path in (*_rests_on(), *map(os.fsencode, rests_on)))
        texts = [answer.out.encode(), answer.err.encode(), str(answer.code).encode()]
        fields = [_key(arguments), stamps, *texts, *contents]
        if any(_END in field for field in fields) or sum(map(len, fields)) > _MOST_BYTES:
            return
        folder = os.path.dirname(place)
        os.makedirs(folder, exist_ok=True)
        _make_room(folder)
        with open(f"{place}.{os.getpid()}", "wb") as file:
            file.write(_END.join(fields))
        os.replace(f"{place}.{os.getpid()}", place)
    except OSError:
        return


def _read(path: str) -> bytes:
    if not os.path.isfile(path):
        raise OSError(f"{path} is no plain file")
    with open(path, "rb") as file:
        return file.read()


def _place(arguments: Sequence[str]) -> str | None:
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is None:
        home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        folder = os.path.join(home, "lossfix")
    return os.path.join(folder, f"check-{crc32(_key(arguments)):08x}") if folder else None


def _key(arguments: Sequence[str]) -> bytes:
    return "\n".join([sys.version, os.getcwd(), *sys.path, *arguments]).encode()


def _rests_on() -> Iterator[bytes]:
    """The files and folders that the program came from."""
    seen: set[str] = set()
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and (name.partition(".")[0] in _PACKAGES or _is_rule_pack(module)):
            seen.update((file, os.path.dirname(file)))
    seen.update(folder for folder in sys.path if folder)
    for path in sorted(seen):
        yield os.fsencode(path)


def _is_rule_pack(module: object) -> bool:
    return any(name in vars(module) for name in ("RULE", "RULES"))


def _stamp(path: bytes) -> bytes:
    """Path, time and size on one line; a missing one has neither."""
    try:
        found = os.stat(path)
    except OSError:
        return path + b"\t-"
    return path + b"\t%d %d" % (found.st_mtime_ns, found.st_size)


def _make_room(folder: str) -> None:
    entries = os.listdir(folder)
    if len(entries) >= _MOST_ENTRIES:
        for entry in entries:
            os.unlink(os.path.join(folder, entry))
