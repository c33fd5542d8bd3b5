"""Walking syntax trees, which is done for every function that is looked at."""

from __future__ import annotations

import ast

_NO_CHILDREN = frozenset("ctx op ops id attr kind type_comment".split())
"""Fields that hold no node but the marks that all trees share, `ast.Load()` and `ast.Add()`."""


class _Fields(dict[type, tuple[str, ...]]):
    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        found = self[kind] = tuple(name for name in kind._fields if name not in _NO_CHILDREN)
        return found


_FIELDS = _Fields()


def nodes_in(tree: ast.AST) -> list[ast.AST]:
    """The tree and all in it, outer nodes first as in `ast.walk`, without those marks."""
    found = [tree]
    for node in found:
        found += children_of(node)
    return found


def children_of(node: ast.AST) -> list[ast.AST]:
    """What stands directly in a node, without those marks."""
    found: list[ast.AST] = []
    for name in _FIELDS[node.__class__]:
        value = getattr(node, name, None)
        if value.__class__ is list:
            found += [each for each in value if isinstance(each, ast.AST)]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found
