"""What a call makes, as far as its name and the text tell: layers, arrays, settings, scales."""

from __future__ import annotations

import ast

from lossfix.graph.conventions import (
    holds_prediction,
    speaks_of_model,
    speaks_of_prediction,
    speaks_of_scale,
)
from lossfix.graph.names import dotted
from lossfix.graph.nodes import CONST, FREE, INPUT, OPAQUE, Node

_GIVES_ARRAYS = frozenset(
    "predict_on_batch predict_proba batch_get_value get_value get_weights".split()
)
"""What gives arrays: methods of models, and of backends."""


def is_of_a_layer(node: Node) -> bool:
    """`Dense(8)(x)`: what a layer with weights gives, whatever it is given."""
    if node.name == "inside the layer":
        return True
    layer = node.args[0].name.rpartition(".")[2] if node.name == "call" and node.args else ""
    return layer[:1].isupper() and speaks_of_model(layer)


def is_a_layer_of_old(node: Node) -> bool:
    """`tf.layers.dense(x, 8)`, `slim.conv2d(x, 8, 3)`: a call that makes its own weights."""
    above, _, tail = node.name.rpartition(".")
    return above.rpartition(".")[2] in ("layers", "slim") and speaks_of_model(tail)


def _by_batches(node: Node) -> bool:
    """`model.predict(x, batch_size=32)`: Keras collects an array."""
    code = node.origin.code if node.origin is not None else None
    return isinstance(code, ast.Call) and any(
        k.arg in ("batch_size", "verbose", "steps") for k in code.keywords
    )


def is_settled(node: Node) -> bool:
    """A number, a name from outside, a variable that is not trained, what some call has set."""
    if node.op == OPAQUE:
        return not node.args or is_frozen(node)
    return node.op in (CONST, FREE)


def is_of_a_setting(node: Node) -> bool:
    """`flags.loss_scale`: an attribute of a parameter, where no name speaks of predictions."""
    return (
        node.name.startswith(".")
        and node.args[0].op == INPUT
        and not speaks_of_prediction(node.args[0].name)
        and not (holds_prediction(node.name[1:]) or node.name[1:] in _PARTS)
    )


_PARTS = frozenset("loc scale value values embedding embeddings real imag T".split())
"""Attributes that hold what is trained, of objects with any name."""


def is_frozen(node: Node) -> bool:
    """Whether a variable is made with `trainable=False`."""
    code = node.origin.code if node.origin is not None else None
    return isinstance(code, ast.Call) and any(
        k.arg == "trainable" and isinstance(k.value, ast.Constant) and k.value.value is False
        for k in code.keywords
    )


def is_of_a_scale(node: Node) -> bool:
    """`log(scales)`: the text calls the argument a scale, in whatever function."""
    code = node.origin.code if node.origin is not None else None
    if not isinstance(code, ast.Call) or not code.args:
        return False
    return speaks_of_scale((dotted(code.args[0]) or "").rpartition(".")[2])


def gives_arrays(node: Node) -> bool:
    """Whether a call gives an array of NumPy, behind which no gradient goes."""
    tail = node.name.rpartition(".")[2]
    return tail in _GIVES_ARRAYS or (tail == "predict" and _by_batches(node))
