"""What a plain `check` answered before: told again while nothing that it rests on has changed.

The store of results (`lossfix.cache`) knows files one by one, and makes a folder quick. To ask it
takes SQLite, JSON and the rows: 43 ms in all for one small file. An answer that is kept whole is
told in 13 ms, less than two starts of a bare interpreter, which an editor or a hook does not feel.
`benchmarks/startup.py` measures both.

An answer rests on the bytes of the files that were named and of those that were read beside them,
which are kept and compared whole, and on the program: every source file of lossfix and of the rule
packs, every folder on `sys.path`, and the configuration, by time and size. Nothing is imported
here that costs more than it saves.
"""

from __future__ import annotations

import os
import sys
from binascii import crc32
from collections.abc import Iterable, Iterator, Sequence

from lossfix.cache.folder import cache_folder

_END = b"\0"
_MOST_BYTES = 1_000_000
_MOST_ENTRIES = 2_000
_PREFIX = "check-"


class Answer:
    """What a command prints, its exit code, and the files that were read beside those named."""

    __slots__ = ("code", "err", "out", "reads")

    def __init__(self, out: str, err: str, code: int, reads: Sequence[str] = ()) -> None:
        self.out = out
        self.err = err
        self.code = code
        self.reads = reads


def recall(arguments: Sequence[str], paths: Sequence[str]) -> Answer | None:
    """The answer to these arguments, if it still holds."""
    place = _place(arguments)
    if place is None:
        return None
    try:
        with open(place, "rb") as file:
            fields = file.read().split(_END)
        key, stamps, out, err, code, reads, *contents = fields
        beside = [os.fsdecode(read) for read in reads.split(b"\n") if read]
        if key != _key(arguments) or len(contents) != len(paths) + len(beside):
            return None
        for path, content in zip([*paths, *beside], contents, strict=True):
            if _content(path) != content:
                return None
        if any(_stamp(line.partition(b"\t")[0]) != line for line in stamps.split(b"\n")):
            return None
        return Answer(out.decode(), err.decode(), int(code), beside)
    except (OSError, ValueError):
        return None


def remember(
    arguments: Sequence[str],
    paths: Sequence[str],
    answer: Answer,
    asked: int,
    rests_on: Iterable[str] = (),
) -> None:
    """Keep an answer about plain files to what was asked at a time (ns); what cannot be kept is
    left alone, and so is what has changed since then.

    `rests_on` are more files, there or not, that the answer rests on, by time and size.
    """
    place = _place(arguments)
    if place is None or answer.code not in (0, 1) or not all(map(os.path.isfile, paths)):
        return
    reads = sorted({os.path.abspath(path) for path in answer.reads})
    try:
        stamps = b"\n".join(_stamp(path) for path in (*_rests_on(), *map(os.fsencode, rests_on)))
        contents = [_content(path) for path in (*paths, *reads)]
        if any(_changed(path) > asked for path in (*paths, *reads)):
            return
        texts = [answer.out.encode(), answer.err.encode(), str(answer.code).encode()]
        beside = b"\n".join(os.fsencode(path) for path in reads)
        fields = [_key(arguments), stamps, *texts, beside, *contents]
        if any(_END in field for field in fields) or sum(map(len, fields)) > _MOST_BYTES:
            return
        folder = os.path.dirname(place)
        os.makedirs(folder, exist_ok=True)
        _make_room(folder)
        with open(f"{place}.{os.getpid()}", "wb") as file:
            file.write(_END.join(fields))
        os.replace(f"{place}.{os.getpid()}", place)
    except (OSError, ValueError):
        return


def _content(path: str) -> bytes:
    """A mark and the bytes of a file; another mark alone where there is none. Raises OSError."""
    try:
        with open(path, "rb") as file:
            return b"+" + file.read()
    except (FileNotFoundError, NotADirectoryError):
        return b"-"


def _changed(path: str) -> int:
    """When the file last changed, or its folder where it is missing. Raises OSError."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        found = os.stat(os.path.dirname(path))
    return max(found.st_mtime_ns, found.st_ctime_ns)


def _place(arguments: Sequence[str]) -> str | None:
    folder = cache_folder()
    return os.path.join(folder, f"{_PREFIX}{crc32(_key(arguments)):08x}") if folder else None


def _key(arguments: Sequence[str]) -> bytes:
    return os.fsencode("\n".join([sys.version, os.getcwd(), *sys.path, *arguments]))


def _rests_on() -> Iterator[bytes]:
    """The files and folders that the program came from. Raises OSError."""
    from lossfix.cache.program import sources

    files = list(sources())
    folders = {os.path.dirname(path) for path in files}
    for path in sorted({*files, *folders, *filter(None, sys.path)}):
        yield os.fsencode(path)


def _stamp(path: bytes) -> bytes:
    """Path, time and size on one line; a missing one has neither."""
    try:
        found = os.stat(path)
    except OSError:
        return path + b"\t-"
    return path + b"\t%d %d" % (found.st_mtime_ns, found.st_size)


def _make_room(folder: str) -> None:
    entries = [entry for entry in os.listdir(folder) if entry.startswith(_PREFIX)]
    if len(entries) >= _MOST_ENTRIES:
        for entry in entries:
            os.unlink(os.path.join(folder, entry))
