"""Running a loss with JAX, as `keras.ops` under its JAX backend: eagerly, and compiled by XLA."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from lossfix.verify.frameworks.shared import versions_with, warm
from lossfix.verify.load import first_line
from lossfix.verify.results import Result, RunError

__all__ = ["Runner", "gpus", "keras_float", "start", "versions", "warm"]

MODES = ("eager", "xla")
Step = Callable[[Mapping[str, Any]], tuple[Any, dict[str, Any]]]


def versions() -> dict[str, str]:
    return versions_with(jax)


def gpus() -> list[str]:
    """Names of the GPUs that JAX sees. It starts the GPU runtime."""
    with contextlib.suppress(RuntimeError):
        return [str(device) for device in jax.devices("gpu")]
    return []


def start(device: str) -> None:
    """Settings of the worker's process, before anything runs."""
    if device == "cpu":
        jax.config.update("jax_platforms", "cpu")
    else:
        jax.config.update("jax_default_matmul_precision", "highest")
    # Keras narrows float64 to float32 under JAX, and the reference would be no wider than the loss
    with contextlib.suppress(ImportError, AttributeError):
        from keras.src.backend.common import dtypes

        dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"


@contextlib.contextmanager
def keras_float(dtype: str) -> Iterator[None]:
    """Keras's default float while the block runs; with float64, JAX's own wide numbers as well."""
    with contextlib.ExitStack() as stack:
        if dtype == "float64":
            stack.enter_context(jax.enable_x64(True))
        try:
            from keras import config
        except ImportError:
            yield
            return
        stack.callback(config.set_floatx, config.floatx())
        config.set_floatx(dtype)
        yield


class Runner:
    """One loss in one context. Each call takes the inputs by name and gives value and gradients."""

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
        self._function = function
        self._settings = dict(settings)
        self._differentiated = differentiated
        self._mode = mode
        self._dtype = jnp.dtype(dtype)
        self._float = "float64" if wide else "float32"
        self._step = jax.jit(self._differentiate) if mode == "xla" else self._differentiate

    def __call__(self, values: Mapping[str, NDArray[np.generic]]) -> Result:
        """Runs once; raises RunError for what the loss or the framework raises."""
        if self._mode not in MODES:
            raise RunError(f"JAX has no {self._mode} mode")
        return self._result(self._step, values)

    def steady(self, values: Mapping[str, NDArray[np.generic]]) -> Result:
        """What an eager run gives. Raises RunError."""
        return self._result(self._differentiate, values)

    def _result(self, run: Step, values: Mapping[str, NDArray[np.generic]]) -> Result:
        try:
            with keras_float(self._float):
                tensors = {name: self._tensor(value) for name, value in values.items()}
                value, gradients = run(tensors)
                return Result(
                    np.asarray(value, dtype=np.float64),
                    {name: np.asarray(g, dtype=np.float64) for name, g in gradients.items()},
                )
        except (RunError, MemoryError):
            raise
        except Exception as error:
            raise RunError(f"{type(error).__name__}: {first_line(error)}") from None

    def _tensor(self, value: NDArray[np.generic]) -> Any:
        if value.dtype == np.float64:
            return jnp.asarray(value.astype(self._dtype))
        return jnp.asarray(value)

    def _differentiate(self, tensors: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        fixed = {n: t for n, t in tensors.items() if n not in self._differentiated}

        def loss(watched: dict[str, Any]) -> Any:
            return _as_array(self._function(**watched, **fixed, **self._settings))

        watched = {name: tensors[name] for name in self._differentiated}
        value, pull = jax.vjp(loss, watched)
        (gradients,) = pull(jnp.ones_like(value))
        return value, gradients


def _as_array(value: Any) -> Any:
    if value is None or isinstance(value, list | tuple | dict | str):
        raise RunError(f"the loss returns a {type(value).__name__}, not one array")
    value = jnp.asarray(value)
    return value if jnp.issubdtype(value.dtype, jnp.floating) else value.astype(jnp.float32)
