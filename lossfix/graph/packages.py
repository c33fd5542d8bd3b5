"""Packages: the other files of the package that a file belongs to, read when a name leads there.

Only files beside the checked one and in its own package are read; installed packages are not.
"""

from __future__ import annotations

import ast
import os
import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lossfix.graph.index import ClassInfo, Index, Place, index_of
from lossfix.graph.names import is_framework
from lossfix.graph.vocabulary import resolve

_MOST_FILES = 400  # parsed files that are kept
_MOST_BYTES = 1_000_000  # a file that is longer is taken for data
_HEAD = 16_000  # bytes that the imports of a file are looked for in
_MOST_STEPS = 8  # re-exports that are followed
_WORTH_READING = re.compile(
    rb"log|exp|sqrt|norm|softmax|sigmoid|square|clip|maximum|import|sum|mean|pow|where|abs|relu"
)
_IMPORTS_FRAMEWORK = re.compile(
    rb"^[ \t]*(?:import|from)[ \t]+(?:tensorflow|keras|tf_keras|keras_core)\b", re.M
)


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """What a name leads to: a function, a class or a value of `home`, or a framework's name."""

    home: Index | None
    place: Place | None = None
    info: ClassInfo | None = None
    value: ast.expr | None = None
    qualified: str = ""  # a framework's own name, by way of a re-export
    sure: bool = True  # no star import leaves open what it is
    others: bool = False  # whether another star import has the name for something else


class Packages:
    """Files by path, and names by where they lead; kept from one checked file to the next."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, Index | None] = OrderedDict()
        self._texts: dict[str, int] = {}  # the hash of each kept file's text
        self._mentioning: dict[str, bool] = {}
        self._handing: dict[tuple[str, str], tuple[bool, frozenset[str]]] = {}
        self._folders: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._missing: dict[str, str] = {}
        self._told: dict[str, str] = {}
        self.reads: set[str] = set()
        """Paths that were looked at since the last `clear_reads`, there or not; of a folder that
        is missing its own path, and not those of the files that it does not hold."""

    def index(self, path: str, text: str) -> Index:
        """The index of a text at a path, parsed once. Raises what `ast.parse` raises."""
        known = self._files.get(path)
        if known is not None and self._texts.get(path) == hash(text):
            return known
        found = index_of(ast.parse(text), path, text)
        if path:
            self._keep(path, found, text)
        return found

    def _keep(self, path: str, index: Index | None, text: str) -> None:
        self._files[path] = index
        self._texts[path] = hash(text)
        if len(self._files) > _MOST_FILES:
            oldest, _ = self._files.popitem(last=False)
            self._texts.pop(oldest, None)

    def resolve(self, source: str, qualified: str, steps: int = 0) -> Found | None:
        """What `qualified`, as an import of the file `source` has it, leads to; None if unknown."""
        if steps > _MOST_STEPS or not source:
            return None
        if not qualified.startswith(".") and is_framework(qualified):
            return Found(None, qualified=qualified)
        for path, rest in self._candidates(source, qualified):
            home = self._file(path)
            if home is None or home.path == source:
                continue
            if len(rest) in (1, 2) or rest[0] in home.imports:
                return self._inside(home, rest, steps)
        return None

    def star(self, index: Index, name: str, steps: int = 0) -> Found | None:
        """What a bare name may be by way of star imports; sure where all of them agree."""
        found: list[Found] = []
        for module in index.stars:
            dot = "." if module.strip(".") else ""
            each = self.resolve(index.path, f"{module}{dot}{name}", steps + 1)
            known = each is not None and (not each.qualified or resolve(each.qualified))
            if each is not None and known:
                found.append(each)
        if not found:
            return None
        columns = {known[0] for each in found if (known := resolve(each.qualified)) is not None}
        agreed = len(columns) == 1 and all(each.qualified for each in found)
        sure = agreed and all(each.sure for each in found)
        defined = {id(each.place or each.info or each.value) for each in found}
        return replace(found[0], sure=sure, others=len(defined) > 1)

    def hands_on_framework(self, source: str, qualified: str) -> bool:
        """Whether an import of a file leads to a framework, or to a file that star-imports one."""
        key = (os.path.dirname(source), qualified)
        if key not in self._handing:
            before, self.reads = self.reads, set()
            found = self._hands_on(source, qualified)
            self._handing[key] = found, frozenset(self.reads)
            self.reads = before
        found, reads = self._handing[key]
        self.reads |= reads
        return found

    def _hands_on(self, source: str, qualified: str) -> bool:
        if not any(self._mentions(path) for path, _ in self._candidates(source, qualified)):
            return False
        found = self.resolve(source, qualified)
        if found is not None:
            return found.home is None
        homes = self._candidates(source, f"{qualified}.x")
        home = next((self._file(path) for path, rest in homes if rest == ("x",)), None)
        return home is not None and any(map(is_framework, home.stars))

    def _mentions(self, path: str) -> bool:
        self._note(path)
        if path not in self._mentioning:
            try:
                with open(path, "rb") as file:
                    found = _IMPORTS_FRAMEWORK.search(file.read(_HEAD)) is not None
            except OSError:
                found = False
            self._mentioning[path] = found
        return self._mentioning[path]

    def _inside(self, home: Index, rest: tuple[str, ...], steps: int) -> Found | None:
        """`name` or `Class.method` in a file, or what the file itself imports by that name."""
        name = ".".join(rest)
        if name in home.places:
            return Found(home, place=home.places[name])
        if name in home.classes:
            return Found(home, info=home.classes[name])
        if name in home.globals:
            return Found(home, value=home.globals[name])
        bound = home.imports.get(rest[0], ())
        if len(bound) == 1:
            return self.resolve(home.path, ".".join([bound[0], *rest[1:]]), steps + 1)
        if not bound and len(rest) == 1 and home.stars:
            return self.star(home, name, steps)
        return None

    def _candidates(self, path: str, qualified: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Files that may define the name, the longest module first, with what is left of it."""
        level = len(qualified) - len(qualified.lstrip("."))
        parts = [part for part in qualified.split(".") if part]
        folder = os.path.dirname(path)
        if level:
            for _ in range(level - 1):
                folder = os.path.dirname(folder)
            roots = [folder]
        else:
            roots = [self._above_package(folder)]
            if roots[0] != folder and parts[0] != os.path.basename(folder):
                roots.append(folder)
            above = _above_namespace(folder, parts[0])
            if above is not None and above not in roots:
                roots.append(above)
        for root in roots:
            above = os.path.join(root, "")
            for length in range(len(parts) - 1, 0, -1):
                stem, rest = above + os.sep.join(parts[:length]), tuple(parts[length:])
                yield f"{stem}.py", rest
                yield f"{stem}{os.sep}__init__.py", rest
            if level and parts:
                yield f"{above}__init__.py", tuple(parts)

    def _above_package(self, folder: str) -> str:
        """The folder that the outermost package around `folder` is in."""
        if folder not in self._folders:
            self._folders[folder] = _outside_packages(folder)
        found, asked = self._folders[folder]
        self.reads.update(asked)
        return found

    def _file(self, path: str) -> Index | None:
        """The index of a file; None where there is none, or nothing worth following in it."""
        if path not in self._files:
            text = _read(path) or ""
            try:
                found = index_of(ast.parse(text), path, text) if text else None
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                found = None
            self._keep(path, found, text)
        self._note(path)
        return self._files[path]

    def _note(self, path: str) -> None:
        """An answer rests on the file, or on the outermost folder of its path that is missing."""
        told = self._told.get(path)
        if told is None:
            folder = os.path.dirname(path)
            if folder not in self._missing:
                self._missing[folder] = _outermost_missing(folder)
            told = self._told[path] = self._missing[folder] or path
        self.reads.add(told)

    def clear_reads(self) -> None:
        self.reads = set()


def _outside_packages(folder: str) -> tuple[str, tuple[str, ...]]:
    """The first folder above that is no package, and the files that were looked for."""
    asked = [os.path.join(folder, "__init__.py")]
    while os.path.exists(asked[-1]):
        above = os.path.dirname(folder)
        if above == folder:
            break
        folder = above
        asked.append(os.path.join(folder, "__init__.py"))
    return folder, tuple(asked)


def _above_namespace(folder: str, name: str) -> str | None:
    """The folder that a package of that name around `folder` is in, `__init__.py` or not."""
    while os.path.basename(folder) not in ("", name):
        folder = os.path.dirname(folder)
    return os.path.dirname(folder) if os.path.basename(folder) == name else None


def _outermost_missing(folder: str) -> str:
    missing = ""
    while not os.path.isdir(folder):
        missing, folder = folder, os.path.dirname(folder)
    return missing


def _read(path: str) -> str | None:
    """The text of a file that is worth following; None for any other."""
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES or not _WORTH_READING.search(data):
            return None
        return data.decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
