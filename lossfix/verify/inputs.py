"""Which inputs a loss takes: from the user, from a comment, or by convention and trial.

A *plan* says shape, dtype and kind of every tensor and the value of every setting.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lossfix.verify.conventions import (
    LABEL,
    MISSING,
    PREDICTION,
    SETTING,
    WEIGHT,
    conventional_kind,
    conventional_role,
    conventional_setting,
    is_class_count,
)
from lossfix.verify.request import Hints

WIDTH = 10
SHAPES: tuple[tuple[int, ...], ...] = (
    (8, WIDTH),
    (8,),
    (2, 4, 4, 3),
    (4, 6, 5),
    (8, 1),
    (8, 3),
    (8, 2),
    (1, 16, 16, 3),
    (),
)
_PAIR = 2  # the first parameters of a loss, which Keras gives (y_true, y_pred)
_SPEC = re.compile(
    r"\s*(?P<name>\w+)\s*=\s*(?P<dtype>float16|bfloat16|float32|float64|float|int32|int64|bool)"
    r"\s*\[(?P<shape>[\d,\s]*)\]\s*(?:in\s*)?(?P<kind>.*?)\s*$"
)
_RANGE = re.compile(r"(?P<open>[(\[])\s*(?P<low>[^,]+),(?P<high>[^,]+?)\s*(?P<close>[)\]])")
_COMMENT = re.compile(r"#\s*lossfix:\s*input\s+(?P<spec>.+)")
HOW = "give the inputs with --input, such as --input 'y_pred=float32[8,10] in (0,1)'"


class InputError(Exception):
    """A spec that cannot be read, or a parameter that no convention covers."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor that the loss is called with.

    `dtype` is "float" (the context's own), "int32", "int64" or "bool". `kind` is "any" (numbers
    of every size, probabilities among them), "real", "probability", "simplex" (rows that sum to
    1), "binary", "onehot", "index" (classes below `classes`), "positive" or "range".
    """

    name: str
    role: str
    dtype: str
    shape: tuple[int, ...]
    kind: str
    low: float = float("-inf")
    high: float = float("inf")
    open_ends: bool = False
    classes: int = 0
    given: bool = False  # the user said so

    def __str__(self) -> str:
        size = ",".join(map(str, self.shape))
        return f"{self.name}={self.dtype}[{size}] {self.kind}"


@dataclass(frozen=True)
class Plan:
    """All that a loss is called with; `literals` are numbers of its text, where it may break."""

    tensors: tuple[Tensor, ...]
    settings: Mapping[str, Any]
    literals: tuple[float, ...] = ()

    def __str__(self) -> str:
        return ", ".join(
            [*map(str, self.tensors), *(f"{k}={v!r}" for k, v in self.settings.items())]
        )

    def with_kinds(self, kinds: Mapping[str, str]) -> Plan:
        tensors = tuple(
            t if t.given else replace(t, kind=kinds.get(t.role, t.kind)) for t in self.tensors
        )
        return replace(self, tensors=tensors)


def comment_specs(text: str, first_line: int, last_line: int) -> tuple[str, ...]:
    """The specs in comments `# lossfix: input y_pred=...` on these 1-based lines."""
    lines = text.splitlines()[first_line - 1 : last_line]
    return tuple(m["spec"] for line in lines for m in _COMMENT.finditer(line))


def parse_spec(spec: str) -> Tensor | tuple[str, Any]:
    """A tensor such as 'y=float32[8,10] in {0,1}', or a setting such as 'gamma=2.0'.

    After the shape: a range `in (0,1)`, a set `in {0,1}`, `onehot`, `softmax`, `index`, `real`.
    """
    match = _SPEC.match(spec)
    if match is None:
        name, equals, value = spec.partition("=")
        try:
            if not equals or not name.strip().isidentifier():
                raise ValueError
            return name.strip(), ast.literal_eval(value.strip())
        except (ValueError, SyntaxError):
            raise InputError(f"cannot read the input {spec!r}; {HOW}") from None
    shape = tuple(int(n) for n in match["shape"].split(",") if n.strip())
    dtype = match["dtype"] if match["dtype"] in ("int32", "int64", "bool") else "float"
    name, kind = match["name"], match["kind"]
    role = conventional_role(name) or PREDICTION
    base = Tensor(name, role, dtype, shape, "any" if dtype == "float" else "index", given=True)
    classes = 10 if dtype != "bool" else 2
    if not kind:
        return replace(base, classes=classes)
    if kind in ("onehot", "one-hot", "softmax", "simplex", "real", "binary"):
        kind = {"one-hot": "onehot", "softmax": "simplex"}.get(kind, kind)
        return replace(base, kind=kind, classes=2)
    if kind == "index":
        return replace(base, kind=kind, classes=classes)
    if re.sub(r"[\s.0]", "", kind.replace("0.", "0").replace("1.0", "1")) in ("{,1}", "{1,}"):
        return replace(base, kind="binary", classes=2)
    bounds = _RANGE.fullmatch(kind)
    try:
        if bounds is None:
            raise ValueError
        low, high = float(bounds["low"]), float(bounds["high"])
    except ValueError:
        raise InputError(f"cannot read {kind!r} in the input {spec!r}; {HOW}") from None
    if not low < high:
        raise InputError(f"the range in the input {spec!r} is empty")
    open_ends = bounds["open"] == "(" or bounds["close"] == ")"
    if dtype != "float":
        return replace(base, kind="index", low=low, classes=int(high) + (not open_ends))
    return replace(base, kind="range", low=low, high=high, open_ends=open_ends)


def settings_in(specs: tuple[str, ...]) -> dict[str, Any]:
    """The settings among the specs, such as 'gamma=2.0'. Raises InputError."""
    parsed = (parse_spec(spec) for spec in specs)
    return dict(each for each in parsed if not isinstance(each, Tensor))


def plans(
    signature: inspect.Signature,
    hints: Hints,
    specs: tuple[str, ...],
    width: int | None = None,
) -> Iterator[Plan]:
    """Plans to try, likeliest first; those whose last axis has `width` come before others.

    Raises InputError for a parameter that nothing says how to fill.
    """
    given: dict[str, Tensor] = {}
    settings: dict[str, Any] = {}
    for parsed in map(parse_spec, specs):
        if isinstance(parsed, Tensor):
            given[parsed.name] = parsed
        else:
            settings[parsed[0]] = parsed[1]
    roles = _roles(signature, hints, given, settings)
    for name, role in roles.items():
        if role == SETTING and name not in settings:
            settings[name] = conventional_setting(name)
    names = [name for name, role in roles.items() if role != SETTING]
    unknown = [name for name in (*given, *settings) if name not in signature.parameters]
    if unknown:
        raise InputError(f"the loss has no parameter called {unknown[0]!r}")
    said = [given[n].shape for n in names if n in given and roles[n] == PREDICTION]
    if not said and any(n in given for n in names):
        said = [next(given[n].shape for n in names if n in given)]
    wide = [(*shape[:-1], width) for shape in SHAPES if width and len(shape) > 1]
    for shape in dict.fromkeys((*said, *wide, *SHAPES)):
        for label_kind, label_dtype, label_shape in _labels(shape):
            tensors = tuple(
                given.get(n)
                or _ranged(_tensor(n, roles[n], shape, label_kind, label_dtype, label_shape), hints)
                for n in names
            )
            values = {
                k: (
                    shape[-1] if shape and v == conventional_setting(k) and is_class_count(k) else v
                )
                for k, v in settings.items()
            }
            yield Plan(tensors, values)
            if not any(t.role == LABEL and not t.given for t in tensors):
                break


def _roles(
    signature: inspect.Signature,
    hints: Hints,
    given: Mapping[str, Tensor],
    settings: Mapping[str, Any],
) -> dict[str, str]:
    roles: dict[str, str] = {}
    for position, parameter in enumerate(signature.parameters.values()):
        name = parameter.name
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if name in given:
            roles[name] = hints.roles.get(name) or given[name].role
            continue
        if name in settings:
            roles[name] = SETTING
            continue
        if parameter.default is not parameter.empty:
            continue
        role = hints.roles.get(name) or conventional_role(name)
        if role is None and conventional_setting(name) is not MISSING and position > 1:
            role = SETTING
        roles[name] = role or PREDICTION
        if roles[name] == SETTING and conventional_setting(name) is MISSING:
            if position >= _PAIR:
                raise InputError(f"nothing says a value for the parameter {name!r}; {HOW}")
            roles[name] = LABEL  # whatever its name: it is what the loss compares
    tensors = [n for n, r in roles.items() if r in (PREDICTION, LABEL)]
    if len(tensors) == 2 and all(roles[n] == LABEL for n in tensors):
        roles[tensors[1]] = PREDICTION
    elif tensors and all(roles[n] == LABEL for n in tensors):
        roles[tensors[-1]] = PREDICTION
    return roles


def _labels(shape: tuple[int, ...]) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    yield "any", "float", shape
    if shape:
        yield "index", "int32", shape[:-1]
        yield "index", "int32", (*shape[:-1], 1)
        yield "index", "float", shape[:-1]
        yield "any", "float", shape[:-1]
        yield "binary", "bool", shape
        yield "binary", "int32", shape


def _ranged(tensor: Tensor, hints: Hints) -> Tensor:
    """`tensor` in the range that the graph knows, where it knows one with finite ends."""
    low, high = hints.ranges.get(tensor.name, (float("-inf"), float("inf")))
    if tensor.dtype != "float" or tensor.kind == "index" or not low < high:
        return tensor
    if (low, high) == (0.0, 1.0) and tensor.role == PREDICTION:
        return replace(tensor, kind="probability", given=True)
    if low == float("-inf") or high == float("inf"):
        return tensor
    return replace(tensor, kind="range", low=low, high=high, given=True)


def _tensor(
    name: str,
    role: str,
    shape: tuple[int, ...],
    label_kind: str,
    label_dtype: str,
    label_shape: tuple[int, ...],
) -> Tensor:
    if role == LABEL:
        classes = shape[-1] if shape and label_kind == "index" else 2
        return Tensor(name, role, label_dtype, label_shape, label_kind, classes=classes)
    if role == WEIGHT:
        return Tensor(name, role, "float", shape, "positive")
    return Tensor(name, PREDICTION, "float", shape, conventional_kind(name) or "any")
