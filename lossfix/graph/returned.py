"""What a function returns beside its loss: a dictionary's metrics, and other values to look at."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from lossfix.graph.conventions import speaks_of_loss, speaks_of_metric
from lossfix.graph.names import dotted
from lossfix.graph.nodes import OPAQUE, Node


def trained_parts(results: Iterable[Node]) -> Iterator[Node]:
    """The returned values, without those that their names say are monitored and not trained."""
    for result in results:
        yield from _parts(result)


def _parts(result: Node) -> Iterator[Node]:
    named = list(named_parts(result))
    monitored = {id(part) for name, part in named if _is_monitored(name)}
    if any(speaks_of_loss(name) for name, part in named if id(part) not in monitored):
        monitored |= {id(part) for name, part in named if name and not speaks_of_loss(name)}
    if not monitored:
        yield result
        return
    for _, part in named:
        if id(part) not in monitored:
            yield from _parts(part)


def _is_monitored(name: str) -> bool:
    """ "contrast_acc", "metrics/accuracy", and not "score_loss"."""
    return speaks_of_metric(name) and not speaks_of_loss(name)


def named_parts(result: Node) -> Iterator[tuple[str, Node]]:
    """The items of a dictionary by their keys, those of a tuple by the names that the text has."""
    if result.op != OPAQUE or result.inner is not None:
        return
    keys = result.attrs.get("keys")
    if result.name == "mapping" and isinstance(keys, tuple):
        yield from zip(map(str, keys), result.args, strict=True)
    code = result.origin.code if result.origin is not None else None
    if result.name == "sequence" and isinstance(code, (ast.Tuple, ast.List)):
        names = [dotted(element) or "" for element in code.elts]
        if len(names) == len(result.args):
            yield from zip(names, result.args, strict=True)
