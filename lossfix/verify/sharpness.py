"""Finding the sharpness of a relaxed loss in its text, and changing it.

Used where a new loss comes as a file, so that nothing knows how it was made.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from lossfix.source.text import Text
from lossfix.verify.slice import SliceError, find_function

_GATES = frozenset(
    {
        "sigmoid",
        "tanh",
        "softplus",
        "softmax",
        "exp",
        "expit",
        "atan",
        "logsumexp",
        "reduce_logsumexp",
    }
)
_SHARP = frozenset({"k", "sharpness", "steepness", "slope", "_k", "hardness"})
_SOFT = frozenset({"temperature", "temp", "tau"})


def sharpened(text: str, function: str, factor: float, before: str = "") -> str | None:
    """`text` with the sharpness in `function` multiplied by `factor`; None where none is seen.

    A gate that stands in `before` too is no part of the relaxation.
    """
    try:
        tree = ast.parse(text)
        found = _literals(tree, find_function(tree, function), _gates(before))
    except (SyntaxError, ValueError, SliceError):
        return None
    if not found:
        return None
    source = Text(text)
    edits = []
    for node, inverse in found.values():
        span = source.span(node)
        value = float(node.value) / factor if inverse else float(node.value) * factor  # type: ignore[arg-type]
        edits.append((span.start, span.end, repr(value)))
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def sharpness_in(text: str, function: str, before: str = "") -> float | None:
    """The sharpness that stands in the text, or None."""
    try:
        tree = ast.parse(text)
        found = _literals(tree, find_function(tree, function), _gates(before))
    except (SyntaxError, ValueError, SliceError):
        return None
    for node, inverse in found.values():
        value = float(node.value)  # type: ignore[arg-type]
        return 1.0 / value if inverse and value else value
    return None


def _literals(
    tree: ast.Module, function: ast.AST, known: frozenset[str]
) -> dict[int, tuple[ast.Constant, bool]]:
    """Number literals that set the sharpness, by position; True where they divide."""
    found: dict[int, tuple[ast.Constant, bool]] = {}
    names: dict[str, bool] = {}
    used = {n.id for n in ast.walk(function) if isinstance(n, ast.Name)}
    for name in used | _parameters(function):
        if name.lower() in _SHARP | _SOFT:
            names[name] = name.lower() in _SOFT
    for call in ast.walk(function):
        if _is_gate(call) and ast.dump(call) not in known:
            for argument in ast.walk(call):
                for side, inverse in _factors(argument):
                    if isinstance(side, ast.Name):
                        names.setdefault(side.id, inverse)
                    elif _is_number(side):
                        assert isinstance(side, ast.Constant)
                        found[id(side)] = (side, inverse)
    for number, inverse in {(n.value, inverse) for n, inverse in found.values()}:
        # `logsumexp(k * x) / k`: the same number outside the gate is the same sharpness
        for twin in ast.walk(function):
            if not isinstance(twin, ast.Constant) or not _is_number(twin):
                continue
            if twin.value == number and ast.dump(twin) not in known:
                found[id(twin)] = (twin, inverse)
    for name, inverse in names.items():
        for node in _values_of(tree, function, name):
            found[id(node)] = (node, inverse)
    return found


def _factors(node: ast.AST) -> Iterator[tuple[ast.expr, bool]]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        for side in (node.left, node.right):
            while isinstance(side, ast.UnaryOp):
                side = side.operand
            yield side, False
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        yield node.right, True


def _values_of(tree: ast.Module, function: ast.AST, name: str) -> Iterator[ast.Constant]:
    """Literals that a name is bound to: as a default, in the function, or in the module."""
    for owner in ast.walk(tree):
        if isinstance(owner, ast.FunctionDef | ast.AsyncFunctionDef):
            holds = owner is function or any(n is function for n in ast.walk(owner))
            if holds:
                yield from _defaults(owner.args, name)
    for scope in (*ast.walk(function), *tree.body):
        if isinstance(scope, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == name for t in scope.targets
        ):
            if _is_number(scope.value):
                assert isinstance(scope.value, ast.Constant)
                yield scope.value
        elif (
            isinstance(scope, ast.AnnAssign)
            and isinstance(scope.target, ast.Name)
            and scope.target.id == name
            and scope.value is not None
            and _is_number(scope.value)
        ):
            assert isinstance(scope.value, ast.Constant)
            yield scope.value


def _defaults(arguments: ast.arguments, name: str) -> Iterator[ast.Constant]:
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = [
        *zip(
            positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True
        ),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    for argument, default in pairs:
        if argument.arg == name and default is not None and _is_number(default):
            assert isinstance(default, ast.Constant)
            yield default


def _parameters(function: ast.AST) -> set[str]:
    return {n.arg for n in ast.walk(function) if isinstance(n, ast.arg)}


def _is_gate(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
    return name in _GATES


def _gates(text: str) -> frozenset[str]:
    """The gates and the numbers of a text, as dumps."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
        return frozenset(ast.dump(n) for n in nodes if _is_gate(n) or isinstance(n, ast.Constant))
    except (SyntaxError, ValueError):
        return frozenset()


def _is_number(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and not isinstance(node.value, bool)
    )
