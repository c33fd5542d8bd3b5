"""Running a loss with TensorFlow: eager, as a graph, and compiled by XLA."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lossfix.verify.frameworks.shared import versions_with, warm
from lossfix.verify.load import first_line
from lossfix.verify.results import Result, RunError

__all__ = ["Runner", "gpus", "keras_float", "start", "versions", "warm"]

Values = Mapping[str, NDArray[np.generic]]  # arrays in float64 become the context's dtype
Tensors = Mapping[str, Any]
Outcome = tuple[Any, dict[str, Any]]  # the value, and the gradients by name

_OPTIMIZER = "disable_meta_optimizer"
_RARE = 12  # runs of shapes without a graph that cost less than to make one
_CHECKS = 2  # runs of these shapes in which a steady graph has to agree with eager
_NEVER = -1
_FALLBACK = "AutoGraph could not transform"
_UNCONVERTED = "AutoGraph did not convert the loss"


def versions() -> dict[str, str]:
    return versions_with(tf)


def gpus() -> list[str]:
    """Names of the GPUs that TensorFlow sees. It starts the GPU runtime."""
    return [str(d.name) for d in tf.config.list_physical_devices("GPU")]


def start(device: str) -> None:
    """Settings of the worker's process, before anything runs."""
    tf.get_logger().setLevel(logging.WARNING)
    warnings.filterwarnings("ignore")
    if device == "gpu":
        tf.config.experimental.enable_tensor_float_32_execution(False)
        for gpu in tf.config.list_physical_devices("GPU"):
            with contextlib.suppress(RuntimeError):
                tf.config.experimental.set_memory_growth(gpu, True)


@contextlib.contextmanager
def keras_float(dtype: str) -> Iterator[None]:
    """Keras's default float while the block runs: its losses cast to it."""
    try:
        from keras import config
    except ImportError:
        yield
        return
    before = config.floatx()
    config.set_floatx(dtype)
    try:
        yield
    finally:
        config.set_floatx(before)


class _Fallbacks(logging.Handler):
    """Hears AutoGraph say that it runs code as it is, without converting it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if _FALLBACK in message:
            self.heard.append(" ".join(message.split())[:200])


class Runner:
    """One loss in one context. Each call takes the inputs by name and gives value and gradients.

    AutoGraph is asked to convert the loss alone: what is around it here needs no conversion.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        settings: Mapping[str, Any],
        differentiated: tuple[str, ...],
        mode: str,
        dtype: str,
        device: str = "cpu",
        wide: bool = False,
    ) -> None:
        def loss(**tensors: Any) -> Any:
            return function(**tensors, **settings)

        self._loss = loss
        self._differentiated = differentiated
        self._mode = mode
        self._dtype = tf.as_dtype(dtype).as_numpy_dtype
        self._float = "float64" if wide else "float32"
        self._device = "/GPU:0" if device == "gpu" else "/CPU:0"
        self._compiled: dict[tuple[tuple[int, ...], ...], Any] = {}
        self._seen: dict[tuple[tuple[int, ...], ...], int] = {}  # steady runs
        self._checked: dict[tuple[tuple[int, ...], ...], int] = {}

    def __call__(self, values: Values) -> Result:
        """Runs once; raises RunError for what the loss or the framework raises."""
        return self._result(self._eager if self._mode == "eager" else self._graph, values)

    def steady(self, values: Values) -> Result:
        """What an eager run gives, by a graph once that has given the same bits. Raises RunError.

        It is for the many runs around an input that only measure how far a result moves.
        """
        return self._result(self._steady, values)

    def _result(self, run: Callable[[Tensors], Outcome], values: Values) -> Result:
        fallbacks = _Fallbacks()
        logger = tf.get_logger()
        logger.addHandler(fallbacks)
        try:
            with tf.device(self._device), keras_float(self._float):
                tensors = {name: self._tensor(value) for name, value in values.items()}
                value, gradients = run(tensors)
                result = Result(
                    _wide(value),
                    {name: None if g is None else _wide(g) for name, g in gradients.items()},
                )
        except RunError:
            raise
        except MemoryError:
            raise
        except tf.errors.ResourceExhaustedError as error:
            raise MemoryError(_line(error)) from None
        except Exception as error:
            raise RunError(f"{type(error).__name__}: {_line(error)}") from None
        finally:
            logger.removeHandler(fallbacks)
        if fallbacks.heard:
            raise RunError(f"{_UNCONVERTED}: {fallbacks.heard[0]}")
        return result

    def _tensor(self, value: NDArray[np.generic]) -> Any:
        if value.dtype == np.float64 and self._dtype != np.float64:
            value = value.astype(np.float32).astype(self._dtype)
        return tf.constant(value)

    def _eager(self, tensors: Tensors) -> Outcome:
        tf.config.run_functions_eagerly(True)
        try:
            return self._step(self._loss, tensors)
        finally:
            tf.config.run_functions_eagerly(False)

    def _graph(self, tensors: Tensors) -> Outcome:
        key = tuple(tuple(t.shape) for t in tensors.values())
        if key not in self._compiled:
            try:
                loss = tf.autograph.to_graph(self._loss)
            except Exception as error:
                raise RunError(f"{_UNCONVERTED}: {_line(error)}") from None
            step = tf.function(
                lambda given: self._step(loss, given),
                autograph=False,
                jit_compile=self._mode == "xla",
            )
            self._compiled[key] = step.get_concrete_function(dict(tensors))
        value, gradients = self._compiled[key](dict(tensors))
        return value, gradients

    def _steady(self, tensors: Tensors) -> Outcome:
        """A graph that nothing rewrites runs the kernels that eager runs, without Python between.

        It is trusted once it gave the same bits as eager on the first inputs of these shapes.
        """
        key = tuple(tuple(t.shape) for t in tensors.values())
        checks = self._checked.get(key, 0)
        self._seen[key] = self._seen.get(key, 0) + 1
        if checks == _NEVER or (key not in self._compiled and self._seen[key] <= _RARE):
            return self._eager(tensors)
        if checks >= _CHECKS:
            with _as_it_is():
                return self._graph(tensors)
        eager = self._eager(tensors)
        self._checked[key] = checks + 1
        try:
            with _as_it_is():
                same = _same_bits(eager, self._graph(tensors))
        except Exception:  # what only runs eagerly is run eagerly
            same = False
        if not same:
            self._checked[key] = _NEVER
        return eager

    def _step(self, loss: Callable[..., Any], tensors: Tensors) -> Outcome:
        watched = {name: tensors[name] for name in self._differentiated}
        with tf.GradientTape() as tape:
            tape.watch(list(watched.values()))
            value = _as_tensor(loss(**tensors))
        gradients = tape.gradient(value, watched)
        return value, {
            name: None if g is None else tf.convert_to_tensor(g) for name, g in gradients.items()
        }


@contextlib.contextmanager
def _as_it_is() -> Iterator[None]:
    """Keeps TensorFlow from rewriting graphs while the block runs."""
    before = bool(tf.config.optimizer.get_experimental_options().get(_OPTIMIZER, False))
    tf.config.optimizer.set_experimental_options({_OPTIMIZER: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({_OPTIMIZER: before})


def _same_bits(one: Outcome, other: Outcome) -> bool:
    """Whether values and gradients are the same, NaN for NaN and sign for sign of a zero."""
    pairs = [(one[0], other[0])]
    pairs += [(one[1][name], other[1].get(name)) for name in one[1]]
    return all(_bits(a) == _bits(b) for a, b in pairs)


def _bits(value: Any) -> tuple[tuple[int, ...], bytes] | None:
    if value is None:
        return None
    array = _wide(value)
    array = np.where(np.isnan(array), np.nan, array)  # one NaN is as good as another
    return array.shape, array.tobytes()


def _wide(value: Any) -> NDArray[np.float64]:
    return np.asarray(value.numpy(), dtype=np.float64)


def _as_tensor(value: Any) -> Any:
    if value is None:
        raise RunError("the loss returns None")
    if isinstance(value, list | tuple | dict | str):
        raise RunError(f"the loss returns a {type(value).__name__}, not one tensor")
    value = tf.convert_to_tensor(value)
    if value.dtype.is_complex or value.dtype == tf.string:
        raise RunError(f"the loss returns a tensor of {value.dtype.name}")
    return value


def _line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # AutoGraph puts "in user code:" and a traceback before what went wrong
    text = lines[-1] if lines and lines[0].startswith("in user code") else " ".join(lines)
    return first_line(text)
