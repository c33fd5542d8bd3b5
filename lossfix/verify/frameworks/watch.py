"""Running an instrumented loss under a TensorFlow tape that watches every value."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lossfix.verify.instrument import PROBE
from lossfix.verify.numerics import Array
from lossfix.verify.results import RunError


@dataclass
class Record:
    """One value that one probe saw. Arrays are float64; `array` is None for what has no numbers."""

    site: int
    array: Array | None
    key: int  # the same for the same tensor object
    floating: bool
    below: Array | None = None  # d loss / d value
    above: dict[str, Array | None] = field(default_factory=dict)  # d value / d input, projected


@dataclass
class Watched:
    """A run: the value, its gradients by input, and the records in the order of evaluation."""

    value: Array
    gradients: dict[str, Array | None]
    records: list[Record]


def watch(
    function: Callable[..., Any],
    settings: Mapping[str, Any],
    values: Mapping[str, NDArray[np.generic]],
    differentiated: tuple[str, ...],
    above: bool | frozenset[int] = False,
    bump: int | None = None,
) -> Watched:
    """Runs `function` eagerly in float32. Raises RunError.

    `above` also takes every value's gradient to the inputs, by random weights; where it is a set of
    sites, theirs alone, of the sum of their entries. `bump` is the number of a record whose
    value is changed on its way, to see whether the loss depends on it.
    """
    tensors = {
        name: tf.constant(v.astype(np.float32) if v.dtype == np.float64 else v)
        for name, v in values.items()
    }
    seen: list[tuple[int, Any]] = []
    tf.config.run_functions_eagerly(True)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([tensors[name] for name in differentiated])

        def probe(site: int, value: Any) -> Any:
            if _has_numbers(value):
                if bump is not None and len(seen) == bump:
                    value = _bumped(value)
                if tf.is_tensor(value) and value.dtype.is_floating:
                    tape.watch(value)
                seen.append((site, value))
            return value

        setattr(builtins, PROBE, probe)
        try:
            loss = tf.convert_to_tensor(function(**tensors, **settings))
        except Exception as error:
            raise RunError(
                f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            ) from None
    inputs = {name: tensors[name] for name in differentiated}
    gradients = {k: _array(g) for k, g in tape.gradient(loss, inputs).items()}
    records = [Record(s, _array(v), id(v), _is_float(v)) for s, v in seen]
    if bump is None:
        floats = [i for i, (_, v) in enumerate(seen) if tf.is_tensor(v) and v.dtype.is_floating]
        below = tape.gradient(loss, [seen[i][1] for i in floats])
        for index, gradient in zip(floats, below, strict=True):
            records[index].below = _array(gradient)
        if isinstance(above, frozenset):
            for index in floats:
                if seen[index][0] in above:
                    found = tape.gradient(seen[index][1], inputs)
                    records[index].above = {k: _array(g) for k, g in found.items()}
        elif above:
            for index in floats:
                records[index].above = _above(tape, seen[index][1], inputs)
    return Watched(_numbers(loss), gradients, records)


def _above(tape: Any, value: Any, inputs: Mapping[str, Any]) -> dict[str, Array | None]:
    # a plain sum would hide the gradient of what sums to a constant, such as a softmax
    rng = np.random.default_rng(3)
    weights = tf.constant(rng.normal(1.0, 0.5, value.shape), dtype=value.dtype)
    gradients = tape.gradient(value, inputs, output_gradients=weights)
    return {k: _array(g) for k, g in gradients.items()}


def _has_numbers(value: Any) -> bool:
    if tf.is_tensor(value):
        return hasattr(value, "numpy") and value.dtype.is_numeric | value.dtype.is_bool
    return isinstance(value, np.ndarray | np.floating | float) and np.size(value) > 0


def _is_float(value: Any) -> bool:
    return bool(value.dtype.is_floating) if tf.is_tensor(value) else True


def _bumped(value: Any) -> Any:
    if tf.is_tensor(value):
        if value.dtype.is_bool:
            return tf.logical_not(value)
        return value + tf.cast(1, value.dtype)
    return value + 1.0


def _array(value: Any) -> Array | None:
    if value is None:
        return None
    try:
        return _numbers(value)
    except (TypeError, ValueError, tf.errors.OpError):
        return None


def _numbers(value: Any) -> Array:
    if tf.is_tensor(value) or isinstance(value, tf.IndexedSlices):
        return np.asarray(tf.cast(tf.convert_to_tensor(value), tf.float64).numpy())
    return np.asarray(value, dtype=np.float64)
