"""What a gradient is where there is none: the convention of each framework, in one table.

At a tie of two arguments, at a kink and at 0 * log(0) no derivative exists, and frameworks choose.
A fix may change the choice, and so may another backend; neither is an error of the loss.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Kink:
    """An expression in `x`, a point, and its gradient there by framework; None where there is none.

    `ops` are the names that calls of it have. `tensorflow` is eager; `xla` is TensorFlow compiled.
    `spelled` is the expression in TensorFlow and in JAX.
    """

    ops: tuple[str, ...]
    words: str
    at: float
    spelled: Mapping[str, str]
    gradient: Mapping[str, float | None]


def _kink(
    ops: str, words: str, at: float, spelled: tuple[str, str], gradient: tuple[float | None, ...]
) -> Kink:
    return Kink(
        tuple(ops.split()),
        words,
        at,
        dict(zip(("tensorflow", "jax"), spelled, strict=True)),
        dict(zip(("tensorflow", "xla", "jax"), gradient, strict=True)),
    )


KINKS: tuple[Kink, ...] = (
    _kink("maximum", "maximum(x, c) at x = c", 0.0,
          ("tf.maximum(x, 0.0)", "jnp.maximum(x, 0.0)"), (1.0, 1.0, 0.5)),
    _kink("maximum", "maximum(c, x) at x = c", 0.0,
          ("tf.maximum(0.0, x)", "jnp.maximum(0.0, x)"), (0.0, 0.0, 0.5)),
    _kink("minimum", "minimum(x, c) at x = c", 0.0,
          ("tf.minimum(x, 0.0)", "jnp.minimum(x, 0.0)"), (1.0, 1.0, 0.5)),
    _kink("relu", "relu(x) at 0", 0.0,
          ("tf.nn.relu(x)", "jax.nn.relu(x)"), (0.0, 0.0, 0.0)),
    _kink("abs absolute", "abs(x) at 0", 0.0, ("tf.abs(x)", "jnp.abs(x)"), (0.0, 0.0, 1.0)),
    _kink("clip clip_by_value", "clip(x, lo, hi) at an end", 0.0,
          ("tf.clip_by_value(x, 0.0, 1.0)", "jnp.clip(x, 0.0, 1.0)"), (1.0, 1.0, 0.5)),
    _kink("round rint", "round(x)", 0.3, ("tf.round(x)", "jnp.round(x)"), (None, None, 0.0)),
    _kink("floor", "floor(x)", 0.3, ("tf.floor(x)", "jnp.floor(x)"), (None, None, 0.0)),
    _kink("sqrt", "sqrt(x) in a where that does not take it, at 0", 0.0,
          ("tf.where(x > 0, tf.sqrt(x), 0.0)", "jnp.where(x > 0, jnp.sqrt(x), 0.0)"),
          (0.0, NAN, NAN)),
    _kink("norm", "norm(x) ** 2 at 0", 0.0,
          ("tf.norm([x]) ** 2", "jnp.linalg.norm(jnp.stack([x])) ** 2"), (0.0, NAN, NAN)),
    _kink("xlogy", "xlogy(x, x) at 0", 0.0,
          ("tf.math.xlogy(x, x)", "jax.scipy.special.xlogy(x, x)"), (0.0, 0.0, NAN)),
)  # fmt: skip


def conventions_in(texts: Iterable[str], frameworks: Iterable[str]) -> list[str]:
    """Sentences on the calls in the texts whose convention differs between the frameworks."""
    names = tuple(frameworks)
    if len(names) < 2:
        return []
    called: set[str] = set()
    for text in texts:
        with contextlib.suppress(SyntaxError, ValueError):
            called |= _called(text)
    found = []
    for kink in KINKS:
        told = [f"{kink.gradient[n]} under {n}" for n in names if n in kink.gradient]
        if called & set(kink.ops) and len({t.split()[0] for t in told}) > 1:
            found.append(f"by convention the gradient of {kink.words} is {', '.join(told)}")
    return found


def _called(text: str) -> set[str]:
    return {
        str(getattr(node.func, "attr", None) or getattr(node.func, "id", ""))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
    }
