"""Which names a fix may write: the ones of the API that the file itself uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from lossfix.errors import RewriteError
from lossfix.graph.nodes import Node, Unit
from lossfix.graph.vocabulary import COLUMNS, emitted
from lossfix.rewrite.edits import Import
from lossfix.rules.pattern import Match

_WRITABLE = ("tf", "keras.ops", "keras.backend")
_TENSORFLOW = Import("tensorflow", "tf")


class Api:
    """The columns that a fix may take its names from, with the text before each name."""

    def __init__(self, match: Match, imports: Mapping[str, tuple[str, ...]]) -> None:
        scope = match.root.origin.scope if match.root.origin else {}
        self._imports = {
            local: names[0]
            for local, names in imports.items()
            if len(names) == 1 and local not in scope
        }
        self._taken = set(imports) | set(scope)
        self._choices = list(dict.fromkeys(self._ranked(match.interior, match.unit)))
        self._home = self._choices[0][0] if self._choices else "tf"
        self.added: list[Import] = []

    def _ranked(self, interior: Iterable[Node], unit: Unit) -> Iterator[tuple[str, str]]:
        for nodes in (interior, unit.nodes):
            used = Counter((n.api, n.prefix) for n in nodes if n.api in _WRITABLE)
            for (column, prefix), _ in used.most_common():
                yield column, prefix or self._imported(column) or ""
        for column in _WRITABLE:
            imported = self._imported(column)
            if imported is not None:
                yield column, imported

    def _imported(self, column: str) -> str | None:
        """The text by which the file's imports reach the column's root."""
        for root in COLUMNS[column]:
            for local, qualified in self._imports.items():
                if root == qualified:
                    return local
                if root.startswith(qualified + "."):
                    return local + root[len(qualified) :]
        return None

    def function(self, op: str) -> str:
        """The dotted name to call for `op`. Raises RewriteError where this file's API has none."""
        for column, prefix in self._choices:
            name = emitted(op, column)
            if name is not None and prefix and self._allowed(column):
                return f"{prefix}.{name}"
        return self._by_new_import(op)

    def _allowed(self, column: str) -> bool:
        """Code for any Keras backend stays free of TensorFlow."""
        return column == self._home or (self._home == "keras.backend" and column == "tf")

    def _by_new_import(self, op: str) -> str:
        name = emitted(op, "tf")
        speaks_tensorflow = any(
            qualified.partition(".")[0] == "tensorflow" for qualified in self._imports.values()
        )
        reachable = self._home in ("tf", "keras.backend") and speaks_tensorflow
        if name is None or not reachable or _TENSORFLOW.name in self._taken:
            raise RewriteError(f"no-such-op: this file's API ({self._home}) has no {op}")
        if _TENSORFLOW not in self.added:
            self.added.append(_TENSORFLOW)
        return f"{_TENSORFLOW.name}.{name}"
