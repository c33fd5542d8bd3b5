"""Files: read without losing a byte, written whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lossfix.errors import ChangedOnDisk, SourceError

if TYPE_CHECKING:
    from lossfix.source.notebooks import Notebook

NOTEBOOK_SUFFIX = ".ipynb"
SUFFIXES = (".py", NOTEBOOK_SUFFIX)  # of the files that a walk takes
SKIPPED_FOLDERS = frozenset(
    ".git .hg .svn .tox .nox .venv venv .eggs .ipynb_checkpoints .mypy_cache .pytest_cache "
    ".ruff_cache __pycache__ node_modules site-packages".split()
)
_ANY_WRITER = 0o222  # a superuser may write what its owner has locked, and must not
_HEAD = 4096  # bytes that hold the two lines a coding comment may stand in
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Source:
    """A file's text with all that is needed to write it back as it was.

    `text` has no byte order mark and keeps its own line endings. Of a notebook it is the module of
    its cells.
    """

    path: Path
    text: str
    encoding: str
    bom: bool
    digest: str  # of the bytes that were read
    notebook: Notebook | None = None

    def file_text(self, text: str) -> str:
        """All that the file says where its code is `text`. Raises SourceError."""
        if self.notebook is None:
            return text
        try:
            return self.notebook.with_module(text)
        except ValueError as error:
            raise SourceError(str(self.path), f"{error}; nothing written") from None

    def encoded(self, text: str) -> bytes:
        """The file's bytes where its code is `text`. Raises SourceError."""
        try:
            data = self.file_text(text).encode(self.encoding)
        except UnicodeEncodeError:
            message = f"the fix cannot be written in {self.encoding}"
            raise SourceError(str(self.path), message) from None
        return (_BOM if self.bom else b"") + data


def read_bytes(path: Path) -> bytes:
    """The bytes of a file. Raises SourceError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise SourceError(str(path), "there is no such file; check the path") from None
    except IsADirectoryError:
        raise SourceError(str(path), "is a folder, not a file") from None
    except OSError as error:
        raise SourceError(str(path), f"cannot be read: {error.strerror}") from None


def read_source(path: Path) -> Source:
    """The text of a Python file, by its byte order mark or coding comment (PEP 263).

    Raises SourceError where it cannot be read or decoded.
    """
    return decode(path, read_bytes(path))


def decode(path: Path, data: bytes) -> Source:
    """The text in `data`. Raises SourceError where it cannot be decoded, or is no notebook."""
    if path.suffix == NOTEBOOK_SUFFIX:
        return _notebook(path, data)
    if not data.startswith(_BOM) and b"coding" not in data[:_HEAD]:
        with suppress(UnicodeDecodeError):
            return Source(path, data.decode("utf-8"), "utf-8", False, _digest(data))
    import io
    import tokenize

    bom = data.startswith(_BOM)
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        message = str(error).partition(" for ")[0]
        advice = "write the file as UTF-8, or name its encoding in a coding comment"
        raise SourceError(str(path), f"{message}; {advice}", _bad_line(data)) from None
    encoding = "utf-8" if bom else encoding
    try:
        text = data[len(_BOM) if bom else 0 :].decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        advice = "write the file as UTF-8, or name its encoding in a coding comment"
        raise SourceError(str(path), f"is not valid {encoding}; {advice}", line) from None
    return Source(path, text, encoding, bom, _digest(data))


def _notebook(path: Path, data: bytes) -> Source:
    from lossfix.source.notebooks import notebook_at

    bom = data.startswith(_BOM)
    try:
        raw = data[len(_BOM) if bom else 0 :].decode("utf-8")
    except UnicodeDecodeError:
        raise SourceError(str(path), "is not valid utf-8, which a notebook must be") from None
    notebook = notebook_at(path, raw)
    return Source(path, notebook.joined.text, "utf-8", bom, _digest(data), notebook)


def _bad_line(data: bytes) -> int:
    """The first line that is no UTF-8; 1 where all are."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return data.count(b"\n", 0, error.start) + 1
    return 1


def _digest(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


def write_source(source: Source, text: str) -> None:
    """Replace the file's text: a temporary file beside it, flushed to disk, then renamed.

    Encoding, byte order mark, mode and a symlink to the file stay. Raises ChangedOnDisk where the
    file is no longer what was read, SourceError where it cannot be written; it is then untouched.
    """
    write_over(source.path, source.encoded(text), lambda old: _digest(old) == source.digest)


def write_over(
    shown_path: Path, data: bytes, still: Callable[[bytes], bool], temporary: Path | None = None
) -> None:
    """Replace a file's bytes where `still` says that those there are the ones that are meant.

    Mode and a symlink to the file stay. `temporary` names the file beside it that is renamed.
    Raises ChangedOnDisk where it is another content, SourceError where it cannot be written; it is
    then untouched.
    """
    path = Path(os.path.realpath(shown_path))
    shown = str(shown_path)
    if not still(read_bytes(path)):
        raise ChangedOnDisk(shown, "changed while it was analysed; nothing written, run again")
    if not os.access(path, os.W_OK) or not path.stat().st_mode & _ANY_WRITER:
        raise SourceError(shown, "is read-only; nothing written. chmod u+w and run again")
    try:
        replace_file(path, data, stat.S_IMODE(path.stat().st_mode), temporary)
    except OSError as error:
        raise SourceError(shown, f"cannot be written: {error.strerror}; left as it was") from None


def replace_file(path: Path, data: bytes, mode: int, temporary: Path | None = None) -> None:
    """Write a whole file or nothing: beside it, flushed to disk, renamed. Raises OSError."""
    import tempfile

    if temporary is None:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".lossfix", dir=path.parent)
    else:
        name = str(temporary)
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def python_files(
    paths: Iterable[Path], skip: Callable[[Path], bool] = lambda _: False
) -> Iterator[Path | SourceError]:
    """The Python files and notebooks under `paths`, in order; an error for a path that is missing.

    A file that is named is taken whatever its suffix; folders that are linked to are not entered.
    Files and folders that a walk meets are left out where `skip` says so.
    """
    for path in paths:
        if path.is_dir():
            yield from _walk(path, skip)
        elif path.exists():
            yield path
        else:
            yield SourceError(str(path), "there is no such file or folder; check the path")


def _walk(folder: Path, skip: Callable[[Path], bool]) -> Iterator[Path | SourceError]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield SourceError(str(folder), f"cannot be listed: {error.strerror}")
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in SKIPPED_FOLDERS and not skip(Path(entry.path)):
                yield from _walk(Path(entry.path), skip)
        elif entry.name.endswith(SUFFIXES) and entry.is_file() and not skip(Path(entry.path)):
            yield Path(entry.path)
