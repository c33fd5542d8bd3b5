"""Which names a fix may write: the ones of the API that the file itself uses."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from lossfix.errors import RewriteError
from lossfix.graph.module import Module
from lossfix.graph.names import bindings_of, qualify
from lossfix.graph.nodes import Node, Unit
from lossfix.graph.vocabulary import COLUMNS, emitted
from lossfix.rewrite.edits import Import
from lossfix.rules.pattern import Match

_LOSSES = "keras.losses"  # belongs to every API
_WRITABLE = ("tf", "keras.ops", "keras.backend", _LOSSES)
_TENSORFLOW = Import("tensorflow", "tf")
_OWN_SCOPE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


@dataclass(frozen=True, slots=True)
class _Choice:
    """A column, the text before each of its names, and the root that the text stands for."""

    column: str
    prefix: str
    root: str


class Api:
    """The columns that a fix may take its names from, the ones nearest to it first."""

    def __init__(self, match: Match, module: Module) -> None:
        scope = match.root.origin.scope if match.root.origin else {}
        visible = {*_imported_at_the_top(module.tree), *_imported_in(match.unit.tree)}
        self._module = module
        self._imports = {
            local: names[0]
            for local, names in module.imports.items()
            if len(names) == 1 and local not in scope and local in visible
        }
        self._taken = set(module.imports) | set(scope) | _bound(module.tree)
        self._choices = list(dict.fromkeys(self._ranked(match.interior, match.unit)))
        self._home = next((c.column for c in self._choices if c.column != _LOSSES), "tf")
        self.added: list[Import] = []

    def _ranked(self, interior: Iterable[Node], unit: Unit) -> Iterator[_Choice]:
        for nodes in (interior, unit.nodes):
            own = (
                n for n in nodes if n.origin is None or n.origin.frame.home is self._module.index
            )
            used = Counter((n.api, n.prefix) for n in own if n.api in _WRITABLE)
            for (column, prefix), _ in used.most_common():
                root = qualify(prefix, self._module.imports) if prefix else None
                if root is not None and root not in COLUMNS[column]:
                    root = COLUMNS[column][0]  # its package hands it on by a name of its own
                if root is not None:
                    yield _Choice(column, prefix, root)
                else:
                    yield from self._imported(column)
        for column in _WRITABLE:
            yield from self._imported(column)

    def _imported(self, column: str) -> Iterator[_Choice]:
        """The ways by which the file's imports reach the column's roots."""
        for root in COLUMNS[column]:
            if root == "keras.backend" and not self._speaks_keras_2():
                continue
            for local, qualified in self._imports.items():
                if root == qualified:
                    yield _Choice(column, local, root)
                elif root.startswith(qualified + "."):
                    yield _Choice(column, local + root[len(qualified) :], root)

    def _speaks_keras_2(self) -> bool:
        """Whether the file calls an op of keras.backend: Keras 3 has none of them there."""
        return any(
            node.api == "keras.backend" for unit in self._module.units for node in unit.nodes
        )

    def function(self, op: str) -> str:
        """The dotted name to call for `op`. Raises RewriteError where this file's API has none."""
        for choice in self._choices:
            name = emitted(op, choice.column, choice.root)
            if name is not None and self._allowed(choice.column):
                return f"{choice.prefix}.{name}"
        return self._by_new_import(op)

    def _allowed(self, column: str) -> bool:
        """Code for any Keras backend stays free of TensorFlow."""
        if column in (self._home, _LOSSES):
            return True
        return self._home == "keras.backend" and column == "tf"

    def _by_new_import(self, op: str) -> str:
        name = emitted(op, "tf")
        speaks_tensorflow = any(
            qualified.partition(".")[0] == "tensorflow"
            for names in self._module.imports.values()
            for qualified in names
        )
        reachable = self._home in ("tf", "keras.backend") and speaks_tensorflow
        if name is None or not reachable or _TENSORFLOW.name in self._taken:
            api = f"this file's API ({self._home})" if self._choices else "what this file imports"
            raise RewriteError(f"no-such-op: {api} has no {op}")
        if _TENSORFLOW not in self.added:
            self.added.append(_TENSORFLOW)
        return f"{_TENSORFLOW.name}.{name}"


@lru_cache(maxsize=1)
def _imported_at_the_top(tree: ast.Module) -> Mapping[str, tuple[str, ...]]:
    """What the imports bind that run when the module is imported, and that every scope sees."""
    found: dict[str, tuple[str, ...]] = {}
    todo: list[ast.stmt] = list(tree.body)
    for statement in todo:
        if isinstance(statement, _OWN_SCOPE) or _for_type_checkers(statement):
            continue
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            found.update((local, ()) for local, _ in bindings_of(statement))
        elif isinstance(statement, ast.Assign):  # `K = tf.keras.backend`
            targets = (t.id for t in statement.targets if isinstance(t, ast.Name))
            found.update(dict.fromkeys(targets, ()))
        todo.extend(part for part in ast.iter_child_nodes(statement) if isinstance(part, ast.stmt))
        todo.extend(
            line
            for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ()))
            for line in part.body
        )
    return found


def _imported_in(tree: ast.AST) -> set[str]:
    """Names that imports anywhere under `tree` bind."""
    statements = (node for node in ast.walk(tree) if isinstance(node, ast.stmt))
    return {local for statement in statements for local, _ in bindings_of(statement)}


def _for_type_checkers(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test)


@lru_cache(maxsize=1)
def _bound(tree: ast.Module) -> frozenset[str]:
    """Names that the module binds somewhere by other means than an import."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
    return frozenset(names)
