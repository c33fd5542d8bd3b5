"""Widths: how long the last axis has to be for every part that is taken of it to hold something.

A loss that takes `y_pred[:, :4]` and `y_pred[:, 4:]` runs on four columns as well, and computes
nothing of the second part then: what is verified there says nothing.
"""

from __future__ import annotations

import ast

_MOST = 512
_PARTS = frozenset({"num_or_size_splits", "indices_or_sections"})
_PART = 4  # columns of each part, where the text says how many parts there are


def width_in(text: str) -> int | None:
    """The length that the last axis needs by a text's slices and splits; None where none tells.

    The text is Python that parses.
    """
    ends, starts, parts = 0, 0, 0
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
            start, end = _taken(node.slice.elts[-1])
            starts, ends = max(starts, start), max(ends, end)
        elif isinstance(node, ast.Call):
            parts = max(parts, _split(node))
    if not starts and not parts:
        return None
    width = max(ends if ends > starts else 2 * starts, _PART * parts)
    if parts:
        width = -(-width // parts) * parts
    return width if width <= _MOST else None


def _taken(index: ast.expr) -> tuple[int, int]:
    """Where a slice or an index of the last axis starts and ends; 0 where it does not say."""
    if isinstance(index, ast.Slice):
        return _number(index.lower), _number(index.upper)
    number = _number(index)
    return number, number + 1 if number else 0


def _split(call: ast.Call) -> int:
    """Into how many equal parts a call splits; 0 for any other call."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if name != "split" or not call.args:
        return 0
    named = [
        k.value for k in call.keywords if k.arg in ("num_or_size_splits", "indices_or_sections")
    ]
    given = [*call.args[1:2], *named]
    return _number(given[0]) if given else 0


def _number(tree: ast.expr | None) -> int:
    if isinstance(tree, ast.Constant) and type(tree.value) is int and tree.value > 0:
        return tree.value
    return 0
