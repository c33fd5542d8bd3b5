"""From a program's text to a function that can be called, in the worker.

The slice is written to a file named as the original, because AutoGraph reads a function's source.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import itertools
import os
import sys
import traceback
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lossfix.verify.conventions import MISSING, conventional_setting, is_class_count
from lossfix.verify.request import Program
from lossfix.verify.slice import Slice, SliceError, slice_module

_numbers = itertools.count()


class LoadError(Exception):
    """The function cannot be had from the text; the message says why, in one line."""


@dataclass(frozen=True)
class Loaded:
    """A loss that can be called, and how it was had."""

    function: Callable[..., Any]
    signature: inspect.Signature
    file: str  # the file that holds the slice
    slice: Slice
    text: str  # the whole module, comments and all; line by line as the slice
    notes: tuple[str, ...]
    taken: frozenset[str] = frozenset()  # given arguments that a class or an outer function took
    classes: int | None = None  # how many there are, by what was guessed for such an argument


class _Building:
    """What is given to classes and outer functions on the way to a loss, and what became of it."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = given
        self.notes: list[str] = []
        self.taken: set[str] = set()
        self.classes: int | None = None


def load(program: Program, scratch: str, change: Callable[[str], str] | None = None) -> Loaded:
    """Loads the slice of `program` from a file under `scratch`; `change` edits the slice first."""
    try:
        part = slice_module(program.text, program.function)
    except SliceError as error:
        raise LoadError(f"{program.path}: {error}") from None
    text = change(part.text) if change else part.text
    folder = os.path.join(scratch, "loaded", str(next(_numbers)))
    os.makedirs(folder)
    name = os.path.basename(program.path) or "loss.py"
    file = os.path.join(folder, name if name.endswith(".py") else name + ".py")
    with open(file, "w", encoding="utf-8", newline="") as handle:
        handle.write(text)
    module = _execute(text, file, program)
    building = _Building(program.arguments)
    notes = building.notes
    if part.left_out:
        lines = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in part.left_out[:8])
        more = ", ..." if len(part.left_out) > 8 else ""
        notes.append(f"left out as the loss does not use it: lines {lines}{more}")
    function = _reach(module, program.function, building)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        raise LoadError(f"{program.function} has no signature that can be read") from None
    taken = frozenset(building.taken)
    return Loaded(
        function, signature, file, part, program.text, tuple(notes), taken, building.classes
    )


def _execute(text: str, file: str, program: Program) -> types.ModuleType:
    name = f"lossfix_slice_{next(_numbers)}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    root, package = _package(program.place)
    for folder in dict.fromkeys((os.path.dirname(program.place), root, *_homes(text, root))):
        if folder not in sys.path:
            sys.path.append(folder)
    if package:
        module.__package__ = package
    sys.modules[name] = module
    try:
        exec(compile(text, file, "exec"), module.__dict__)
    except ImportError as error:
        what = f"import {error.name}" if error.name else "import"
        raise LoadError(f"cannot {what} ({_where(error, file, program)}): {error}") from None
    except Exception as error:
        where = _where(error, file, program)
        raise LoadError(
            f"loading the loss raised {type(error).__name__} ({where}): {first_line(error)}"
        ) from None
    return module


def _homes(text: str, folder: str) -> list[str]:
    """Folders above that hold what the text imports: folders of a package may lack __init__.py."""
    wanted = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
        )
        if name
    }
    found: list[str] = []
    while os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
        if any(os.path.isfile(os.path.join(folder, name, "__init__.py")) for name in wanted):
            found.append(folder)
    return found


def _package(path: str) -> tuple[str, str]:
    """The folder that the outermost package stands in, and the package of the module at `path`."""
    folder = os.path.dirname(os.path.abspath(path))
    parts: list[str] = []
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        parent, name = os.path.split(folder)
        parts.insert(0, name)
        folder = parent
    return folder, ".".join(parts)


def _where(error: BaseException, file: str, program: Program) -> str:
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    return f"{program.path}:{lines[-1]}" if lines else program.path


def first_line(error: BaseException | str) -> str:
    """An error's message, or a text, cut to what fits on a line."""
    text = " ".join(str(error).split())
    return text if len(text) <= 240 else text[:237] + "..."


def _reach(module: types.ModuleType, function: str, building: _Building) -> Callable[..., Any]:
    here: Any = module
    for part in function.split("."):
        if inspect.isclass(here):
            here = _instance(here, building)
            here = getattr(here, part, None)
        elif isinstance(here, types.ModuleType):
            here = getattr(here, part, None)
        else:
            here = _inner(here, part, building)
        if here is None:
            raise LoadError(f"{function} is not there after loading: no {part!r}")
    if not callable(here):
        raise LoadError(f"{function} is a {type(here).__name__}, which cannot be called")
    return _undecorated(here)


def _undecorated(function: Callable[..., Any]) -> Callable[..., Any]:
    """What a user's own `tf.function` wraps: each context puts its own around it."""
    while hasattr(function, "python_function"):
        function = function.python_function
    return function


def _instance(cls: type, building: _Building) -> Any:
    try:
        return cls(**_arguments(cls, cls.__name__, building))
    except LoadError:
        raise
    except Exception as error:
        raise LoadError(
            f"{cls.__name__} cannot be made: {type(error).__name__}: {first_line(error)}"
        ) from None


def _inner(outer: Callable[..., Any], name: str, building: _Building) -> Callable[..., Any]:
    """The function that `outer` returns, called with given, default and conventional values."""
    outer_name = getattr(outer, "__name__", "the outer function")
    try:
        made = outer(**_arguments(outer, outer_name, building))
    except LoadError:
        raise
    except Exception as error:
        raise LoadError(
            f"{outer_name} cannot be called: {type(error).__name__}: {first_line(error)}"
        ) from None
    for candidate in made if isinstance(made, tuple | list) else (made,):
        found = _undecorated(candidate) if callable(candidate) else None
        if found is not None and getattr(found, "__name__", "") == name:
            return found
    if callable(made):
        building.notes.append(f"{outer_name} returns a wrapped function; it was taken for {name}")
        return _undecorated(made)
    raise LoadError(f"{outer_name} returns no function called {name}")


def _arguments(callable_: Callable[..., Any], name: str, building: _Building) -> dict[str, Any]:
    """What was given, and conventional values for what has no default and was not."""
    values: dict[str, Any] = {}
    try:
        parameters = inspect.signature(callable_).parameters.values()
    except (TypeError, ValueError):
        return values
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.name in building.given:
            values[parameter.name] = building.given[parameter.name]
            building.taken.add(parameter.name)
            continue
        if parameter.default is not parameter.empty:
            continue
        value = conventional_setting(parameter.name)
        if value is MISSING:
            raise LoadError(
                f"{name} needs {parameter.name!r}, which has no default; "
                f"give it with --input '{parameter.name}=...'"
            )
        values[parameter.name] = value
        if is_class_count(parameter.name):
            building.classes = value
        building.notes.append(f"{name}: {parameter.name}={value!r} was guessed")
    return values
