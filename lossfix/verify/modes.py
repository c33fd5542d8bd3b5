"""What an average of class numbers makes of two classes that score alike."""

from __future__ import annotations

import ast
from collections.abc import Sequence

import numpy as np

from lossfix.verify.bench import Bench
from lossfix.verify.conventions import PREDICTION
from lossfix.verify.numerics import Array
from lossfix.verify.plain import plain_draw
from lossfix.verify.regimes import Draw, fit, typical
from lossfix.verify.trends import Trend

_PICKS = frozenset({"argmax", "argmin"})
_SAME = 1e-3


def between_modes(bench: Bench, levels: Sequence[tuple[float, str]], seed: int) -> Trend:
    """Whether a soft argmax gives, between two classes that score best, the one that scores worst.

    With class numbers that have no order that is no limit of the original: of scores (3, 0, 3) the
    averaged number is 1, the class that nobody chose.
    """
    if not _picks(bench.loaded["before"].slice.text) or _picks(bench.loaded["after"].slice.text):
        return Trend()
    new = levels[len(levels) // 3][1] if levels else "after"
    for base in typical(bench.plan, "float32", seed, 2):
        made = {name: _scored(bench, base, best) for name, best in _CASES.items()}
        if any(d is None for d in made.values()):
            return Trend()
        both, middle, first, last = (
            _value(bench, which, made[name])
            for which, name in (
                (new, "both"), ("before", "middle"), ("before", "first"), ("before", "last"),
            )
        )  # fmt: skip
        if both is None or middle is None or first is None or last is None:
            continue
        if _near(both, middle) and not _near(middle, first) and not _near(middle, last):
            draw = made["both"]
            assert draw is not None
            return Trend(
                "of two classes with equal scores the new loss takes the one between them, which "
                "scores lowest: class numbers that are averaged must have an order",
                evidence=plain_draw(draw),
            )
    return Trend()


_CASES = {"both": (0, 2), "middle": (1,), "first": (0,), "last": (2,)}


def _picks(text: str) -> bool:
    return any(
        isinstance(node, ast.Call)
        and (getattr(node.func, "attr", None) or getattr(node.func, "id", "")) in _PICKS
        for node in ast.walk(ast.parse(text))
    )


def _scored(bench: Bench, base: Draw, best: tuple[int, ...]) -> Draw | None:
    """`base` with every row's scores at the top for the classes in `best`."""
    values = dict(base.values)
    for tensor in bench.plan.tensors:
        if tensor.role != PREDICTION or tensor.dtype != "float":
            continue
        if not tensor.shape or tensor.shape[-1] < 3 or tensor.kind not in _SCORES:
            return None
        scores = np.zeros(tensor.shape)
        scores[..., best] = _SCORES[tensor.kind]
        values[tensor.name] = fit(tensor, scores, "float32")
    return Draw("two classes score alike", "float32", values)


_SCORES = {"any": 30.0, "real": 30.0, "range": 30.0, "probability": 1.0}


def _value(bench: Bench, which: str, draw: Draw | None) -> Array | None:
    result = bench.try_run(which, "eager", "float32", draw) if draw is not None else None
    return result.value if result is not None and np.isfinite(result.value).all() else None


def _near(a: Array, b: Array) -> bool:
    if a.shape != b.shape:
        return False
    return bool(np.max(np.abs(a - b), initial=0) <= _SAME * np.max(np.abs(b), initial=1.0))
