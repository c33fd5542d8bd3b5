"""The baseline: findings that a code base has today, recorded so that only new ones are shown.

A finding is known again by its file, rule, function and code; lines may move. The code is compared
as its syntax tree prints, so layout and comments may change as well. Paths are relative to the
baseline's own folder, with slashes.
"""

from __future__ import annotations

import json
import os
import stat
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from lossfix.config import shown
from lossfix.errors import ConfigError
from lossfix.report.rows import FileRow, FindingRow, State
from lossfix.source.files import Source, read_source, replace_file
from lossfix.source.text import Span, Text

VERSION = 1
_MODE = 0o644  # of a new file
_HASH_LENGTH = 16  # hexadecimal digits


class Entry(NamedTuple):
    """What a finding is known again by."""

    path: str
    code: str
    function: str
    hash: str


@dataclass(frozen=True, slots=True)
class Looked:
    """What a run looked at: the codes looked for in each file, and the folders it walked.

    `every` are the codes of all rules that are installed. All paths are absolute. A file that
    could not be read is not among them.
    """

    codes: Mapping[str, frozenset[str]]
    every: frozenset[str]
    folders: Sequence[str]

    def judged(self, entry: Entry, folder: str) -> bool:
        """Whether the run would have found the entry again, were it still there."""
        path = os.path.normpath(os.path.join(folder, entry.path))
        codes = self.codes.get(path)
        if codes is not None:
            return entry.code in codes or entry.code not in self.every
        walked = any(path.startswith(above.rstrip(os.sep) + os.sep) for above in self.folders)
        return walked and not os.path.exists(path)


def read_baseline(path: str) -> Counter[Entry]:
    """The entries, with how often each occurs. Raises ConfigError."""
    write = f"`lossfix check --write-baseline {shown(path)} PATHS` writes one"
    advice = f"remove it, and {write}"
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
        if data["version"] != VERSION:
            message = f"is a baseline of version {data['version']}, not {VERSION}; {advice}"
            raise ConfigError(shown(path), message)
        found: Counter[Entry] = Counter()
        for item in data["findings"]:
            entry = Entry(*(item[name] for name in Entry._fields))
            if not all(isinstance(part, str) for part in entry):
                raise TypeError
            found[entry] += int(item["count"])
    except FileNotFoundError:
        raise ConfigError(shown(path), f"there is no such baseline; {write}") from None
    except OSError as error:
        raise ConfigError(shown(path), f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(shown(path), f"is not valid UTF-8; {advice}") from None
    except json.JSONDecodeError as error:
        raise ConfigError(shown(path), f"is no valid JSON; {advice}", error.lineno) from None
    except (KeyError, TypeError, ValueError, RecursionError):
        raise ConfigError(shown(path), f"is no baseline; {advice}") from None
    return found


def write_baseline(path: str, entries: Mapping[Entry, int]) -> None:
    """Write the entries, sorted, one a line; the whole file or nothing. Raises ConfigError."""
    lines = [
        json.dumps({**entry._asdict(), "count": count}, ensure_ascii=False)
        for entry, count in sorted(entries.items())
        if count > 0
    ]
    body = ",\n    ".join(lines)
    findings = f"[\n    {body}\n  ]" if lines else "[]"
    text = f'{{\n  "version": {VERSION},\n  "findings": {findings}\n}}\n'
    target = Path(os.path.realpath(path))
    try:
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else _MODE
        replace_file(target, text.encode("utf-8", "surrogatepass"), mode)
    except OSError as error:
        raise ConfigError(shown(path), f"cannot be written: {error.strerror}") from None


def entries_of(files: Iterable[FileRow], folder: str) -> Counter[Entry]:
    """The findings of files as entries of a baseline in `folder`."""
    return Counter(entry for file in files for entry, _ in _entries(file, folder))


def without_known(
    file: FileRow, left: Counter[Entry], folder: str, text: Text | None = None
) -> FileRow:
    """The file with the findings that `left` knows set apart; they are counted off there.

    `text` is the file's, where it is not that on disk.
    """
    new: list[FindingRow] = []
    known: list[FindingRow] = []
    for entry, row in _entries(file, folder, text):
        if left[entry] > 0:
            left[entry] -= 1
            known.append(row)
        else:
            new.append(row)
    if not known:
        return file
    state = file.state if new else State.CLEAN
    return replace(file, findings=tuple(new), known=tuple(known), state=state)


def new_only(
    files: Sequence[tuple[FileRow, str | None]],
    baselines: Mapping[str, Counter[Entry]],
    looked: Looked,
) -> tuple[list[FileRow], int]:
    """Files without what their baselines know, and how many entries are gone.

    Each file comes with the path of its baseline, if it has one; `baselines` holds each by it.
    """
    left = {path: Counter(entries) for path, entries in baselines.items()}
    rows = [
        file if path is None else without_known(file, left[path], os.path.dirname(path))
        for file, path in files
    ]
    return rows, sum(gone(one, looked, os.path.dirname(path)) for path, one in left.items())


def gone(left: Mapping[Entry, int], looked: Looked, folder: str) -> int:
    """How many entries a run should have found again and did not."""
    return sum(n for entry, n in left.items() if n > 0 and looked.judged(entry, folder))


def kept(old: Mapping[Entry, int], looked: Looked, folder: str) -> Counter[Entry]:
    """The entries of a baseline that a run says nothing about."""
    return Counter({e: n for e, n in old.items() if not looked.judged(e, folder)})


def _entries(
    file: FileRow, folder: str, text: Text | None = None
) -> list[tuple[Entry, FindingRow]]:
    if not file.findings:
        return []
    source = read_source(Path(file.path))
    text = text or Text(source.text)
    path = os.path.relpath(file.path, folder).replace(os.sep, "/")
    return [
        (Entry(path, row.code, row.function, _hash(_code(_in_module(row, source), text))), row)
        for row in file.findings
    ]


def _in_module(row: FindingRow, source: Source) -> FindingRow:
    """The row with the lines of the text that the source has: of a notebook, of its module."""
    if source.notebook is None:
        return row
    joined = source.notebook.joined
    lines = (joined.line(row.cell, line) or 1 for line in (row.line, row.end_line))
    return replace(row, line=next(lines), end_line=next(lines))


def _code(row: FindingRow, text: Text) -> str:
    """The text of a finding; lines and columns of a row are 1-based, columns in code points."""
    start = text.line_starts[row.line - 1] + row.column - 1
    end = text.line_starts[row.end_line - 1] + row.end_column - 1
    return text.slice(Span(start, end))


def _hash(code: str) -> str:
    import hashlib

    normal = _normal(code)
    return hashlib.sha256(normal.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]


def _normal(code: str) -> str:
    """The code without its layout; a comment, which has no tree, with single spaces."""
    import ast

    if code.startswith("#"):
        return " ".join(code.split())
    for form in (f"({code}\n)", code):  # an expression may span lines; an assignment is none
        try:
            return ast.unparse(ast.parse(form))
        except SyntaxError:
            continue
    return " ".join(code.split())
