"""What the frameworks have: the installed ones by looking, Keras 2 by the list of its 2.15."""

import importlib
import inspect
import re
from functools import cache
from pathlib import Path

KERAS_2 = "keras.backend"  # of Keras 2; Keras 3 has no op there


@cache
def keras_2():
    """Names of keras.backend in Keras 2.15 -> the names of their arguments."""
    text = Path(__file__).with_name("keras_backend_2_15.txt").read_text()
    found = re.findall(r"(?m)^(\w+)\((.*)\)$", text)
    return {name: re.findall(r"(?:^|, )(\w+)(?==|,|$)", rest) for name, rest in found}


def function(root, name):
    """The function, or for Keras 2 its name; None where the root has none."""
    if root == KERAS_2:
        return name if name in keras_2() else None
    found = module(root)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def arguments(root, name):
    """The names of a function's arguments in order; None where there is no such function."""
    found = function(root, name)
    if found is None or root == KERAS_2:
        return keras_2().get(name)
    return list(inspect.signature(found).parameters)


@cache
def module(name):
    parent, _, attribute = name.rpartition(".")
    return getattr(module(parent), attribute) if parent else importlib.import_module(name)
