"""Kinds: what a scope is to a training run, by its name, its class, its file and what it holds."""

from __future__ import annotations

import ast
import os
from collections.abc import Sequence

from lossfix.graph.conventions import (
    KERAS_PAIR,
    is_loss_method,
    speaks_of_explanation,
    speaks_of_loss,
    speaks_of_metric,
    speaks_of_preparation,
    speaks_of_test,
    speaks_of_untrained,
    words,
)
from lossfix.graph.index import Index, Place
from lossfix.graph.names import dotted
from lossfix.graph.nodes import Kind, Role
from lossfix.source.trees import nodes_in

_ENTRY_POINTS = frozenset({"evaluate", "compute", "calculate", "apply"})
"""What the one function of a file of losses is often called."""


_MEASURES = frozenset("metric metrics accuracy acc".split())
"""What a method is called after that a loss has beside itself, to be looked at."""


def is_keras_pair(place: Place) -> bool:
    """Whether Keras can call it with (y_true, y_pred)."""
    own = place.tree.args.args
    if len(own) < len(KERAS_PAIR):
        return False
    return KERAS_PAIR in ((own[-2].arg, own[-1].arg), (own[0].arg, own[1].arg))


def is_called_by_keras(place: Place) -> bool:
    """Whether (y_true, y_pred) are all that it must be given, behind what `partial` fills in."""
    arguments = place.tree.args
    needed = len(arguments.args) - len(arguments.defaults)
    own = [a.arg for a in arguments.args]
    behind = own[own.index(KERAS_PAIR[1]) + 1 : needed] if KERAS_PAIR[1] in own else []
    return is_keras_pair(place) and not behind


def is_test(place: Place) -> bool:
    """Whether a function is part of a test: it takes gradients, and trains nothing."""
    bases = place.owner.bases if place.owner is not None else ()
    around = (place.parent or "").split(".")
    return any(map(speaks_of_test, (place.tree.name, *around))) or any(
        base.endswith("TestCase") for base in bases
    )


def trains_nothing(place: Place, index: Index) -> bool:
    """Whether names say that a function explains a model, or prepares data, in a file that moves
    no weights: the gradients that it takes train nothing."""
    owner = place.owner.name if place.owner is not None else ""
    folder, file = os.path.split(index.path)
    around = (file, os.path.basename(folder))
    names = (place.tree.name, place.parent or "", owner, *around)
    aside = any(map(speaks_of_explanation, names)) or any(map(speaks_of_preparation, around))
    return aside and not _moves_weights(index)


def _moves_weights(index: Index) -> bool:
    return any(
        isinstance(node, ast.Attribute) and node.attr in _STEPS for node in nodes_in(index.tree)
    )


_STEPS = frozenset({"apply_gradients", "minimize"})


def _is_said_to_be_hard(place: Place) -> bool:
    """Whether its docstring says that a function has no gradient, or is a metric: it is there to be
    looked at."""
    first = place.tree.body[0]
    if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Constant):
        return False
    said = str(first.value.value).lower()
    hard = "non-differentiable" in said or "not differentiable" in said
    return hard or said.split()[:1] == ["metric"]


def _kind_by_class(place: Place) -> Kind | None:
    """The kind of a method, where its class tells."""
    owner, name = place.owner, place.tree.name
    if owner is None:
        return None
    bases = [dotted(base) or "" for base in owner.tree.bases]
    of_loss = any(map(speaks_of_loss, (owner.name, *bases)))
    aside = any("callback" in base.lower() for base in owner.bases)
    if aside or any(base.endswith("Metric") for base in bases):
        return Kind.METRIC
    if not of_loss:
        return Kind.METRIC if any(map(speaks_of_metric, (owner.name, *bases))) else None
    if _MEASURES & set(words(name)):
        return Kind.METRIC
    return Kind.LOSS if is_keras_pair(place) or is_loss_method(name) else Kind.CODE


def kind_of(place: Place, index: Index, roles: Sequence[Role]) -> Kind:
    """The kind of a function as far as names tell, given the roles of its parameters."""
    name = place.tree.name
    keras = is_keras_pair(place)
    owner = place.owner
    if is_test(place) or _is_said_to_be_hard(place):
        return Kind.METRIC
    of_class = _kind_by_class(place)
    if of_class is not None:
        return of_class
    if owner is None and "accuracy" in words(name) and "loss" not in words(name):
        return Kind.METRIC
    if _stands_among_metrics(index.path):
        return Kind.METRIC
    if speaks_of_loss(name):
        return Kind.LOSS
    if owner is None and place.parent is None and stands_among_losses(index.path):
        tensors = [role for role in roles if role is not Role.SETTING]
        entry = name in _ENTRY_POINTS or not (name.startswith("_") or speaks_of_metric(name))
        if entry and len(tensors) > 1:
            return Kind.LOSS
    if speaks_of_metric(name):
        return Kind.METRIC
    if keras:
        return Kind.LOSS
    classes = () if owner is None else (owner.name,)
    aside = any(map(speaks_of_untrained, (name, *(place.parent or "").split("."), *classes)))
    return Kind.METRIC if aside and not stands_among_losses(index.path) else Kind.CODE


def may_be_loss(place: Place, index: Index) -> bool:
    """Whether names alone make a scope worth lifting as a loss."""
    name, owner = place.tree.name, place.owner
    if speaks_of_loss(name) or is_keras_pair(place):
        return True
    if owner is not None:
        return is_loss_method(name) and any(map(speaks_of_loss, (owner.name, *owner.bases)))
    return place.parent is None and stands_among_losses(index.path)


def stands_among_losses(path: str) -> bool:
    """Whether a file, or the folder it is in, is called after losses."""
    folder, file = os.path.split(path)
    return speaks_of_loss(file.partition(".")[0]) or speaks_of_loss(os.path.basename(folder))


def _stands_among_metrics(path: str) -> bool:
    """Whether a file, or the folder it is in, is called after metrics, and not after losses."""
    folder, file = os.path.split(path)
    names = (file.partition(".")[0], os.path.basename(folder))
    return any(map(_is_metrics, names)) and not any(map(speaks_of_loss, names))


def _is_metrics(name: str) -> bool:
    if name.lower().endswith(("metric", "metrics")) or "metrics" in words(name):
        return True
    return name in ("eval", "evaluate", "evaluation", "stats")
