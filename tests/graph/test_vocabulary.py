"""Every name of the vocabulary exists in the framework that is installed."""

import importlib

import pytest

from lossfix.graph.vocabulary import OPS, READ_ONLY, emitted, resolve


def test_a_name_resolves_by_the_longest_root():
    column, root, row = resolve("tensorflow.compat.v1.log")
    assert (column, root, row.name) == ("tf", "tensorflow.compat.v1", "log")


def test_a_name_that_only_tensorflow_1_has_is_never_written():
    assert emitted("log", "tf") == "math.log"
    assert emitted("where", "keras.backend") is None


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("column", "module"),
    [
        ("tf", "tensorflow"),
        ("keras.ops", "keras.ops"),
        ("keras.backend", "tensorflow.keras.backend"),
        ("numpy", "numpy"),
    ],
)
def test_every_name_exists_in_the_installed_framework(column, module):
    pytest.importorskip("tensorflow")
    root = _module(module)
    stale = [
        name
        for row in OPS.values()
        for name in row.names.get(column, ())
        if name not in READ_ONLY.get(column, ()) and not _has(root, name)
    ]
    assert stale == []


def _module(name):
    parent, _, attribute = name.rpartition(".")
    return getattr(_module(parent), attribute) if parent else importlib.import_module(name)


def _has(module, dotted):
    for part in dotted.split("."):
        if not hasattr(module, part):
            return False
        module = getattr(module, part)
    return True
