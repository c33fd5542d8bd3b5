"""Names: what an import binds, and what a dotted name in the text stands for."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

FRAMEWORKS = ("tensorflow", "keras", "tf_keras", "keras_core")
"""Roots of the packages whose ops the graph knows."""

BACKENDS = frozenset({"K", "backend"})
"""Names that mean a Keras backend even where nothing in sight says so."""


def bindings_of(statement: ast.stmt) -> Iterator[tuple[str, str]]:
    """Local name and qualified name of each binding of an import; `*` for a star."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            if alias.asname:
                yield alias.asname, alias.name
            else:
                root = alias.name.partition(".")[0]
                yield root, root
    elif isinstance(statement, ast.ImportFrom):
        module = "." * statement.level + (statement.module or "")
        for alias in statement.names:
            if alias.name == "*":
                yield "*", module
            else:
                dot = "" if module.endswith(".") else "."
                yield alias.asname or alias.name, f"{module}{dot}{alias.name}"


def dotted(expr: ast.expr) -> str | None:
    """`a.b.c` as text where `expr` is a name or attributes of one."""
    parts: list[str] = []
    while isinstance(expr, ast.Attribute):
        parts.append(expr.attr)
        expr = expr.value
    if not isinstance(expr, ast.Name):
        return None
    return ".".join([expr.id, *reversed(parts)])


def qualify(name: str, imports: Mapping[str, tuple[str, ...]]) -> str | None:
    """The qualified name of a dotted `name`; None where its root is no import."""
    root, dot, rest = name.partition(".")
    if root not in imports:
        return None
    return imports[root][0] + dot + rest


def is_framework(qualified: str) -> bool:
    return qualified.partition(".")[0] in FRAMEWORKS


def ambiguous_names(imports: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    """Names that two imports bind to different things, one of them a framework's."""
    return frozenset(
        local
        for local, names in imports.items()
        if len(names) > 1 and any(is_framework(name) for name in names)
    )
