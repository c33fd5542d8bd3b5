"""Values: frozen dataclasses that are made by the hundred thousand."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any, TypeVar

T = TypeVar("T")


def light(cls: type[T]) -> type[T]:
    """A frozen dataclass with slots whose instances are cheap to make.

    The generated `__init__` of a frozen class takes a call of `object.__setattr__` a field, several
    times the cost of the value itself. That nobody assigns to a field is left to the type checker.
    """
    parameters, body, scope = ["self"], [], {}
    for each in fields(cls):  # type: ignore[arg-type]
        default = ""
        if each.default is not MISSING:
            scope[f"_{each.name}"] = each.default
            default = f"=_{each.name}"
        parameters.append(each.name + default)
        body.append(f"    self.{each.name} = {each.name}")
    if any(each.default_factory is not MISSING for each in fields(cls)):  # type: ignore[arg-type]
        raise TypeError(f"{cls.__name__}: a default that is made anew has no place here")
    made: dict[str, Any] = {}
    exec("\n".join([f"def __init__({', '.join(parameters)}):", *body]), scope, made)
    made["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
    type.__setattr__(cls, "__init__", made["__init__"])
    type.__delattr__(cls, "__setattr__")
    type.__delattr__(cls, "__delattr__")
    return cls
