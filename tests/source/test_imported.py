"""No import of a file escapes its text, however it is laid out."""

import ast
from pathlib import Path

import pytest

from lossfix.graph.names import bindings_of
from lossfix.source.imported import imports_in

ROOT = Path(__file__).parents[2]
FILES = sorted(path for folder in ("fixtures", "lossfix") for path in (ROOT / folder).rglob("*.py"))


def parsed(text):
    return {binding for node in ast.walk(ast.parse(text)) for binding in bindings_of(node)}


@pytest.mark.parametrize(
    "text",
    [
        "import tensorflow",
        "import os, tensorflow.math as tm, a.b.c",
        "import os,tensorflow as tf;import keras",
        "import a . b as c, d",
        "from tensorflow.math import log as ln, exp",
        "from .import losses",
        "from . import backend as K",
        "from ...parts.ops import (\n    log,  # (the natural one)\n    exp as e,\n)",
        "from a import(b)\nfrom a import (b as c,)",
        "from tensorflow.math import *",
        "from a.b \\\n    import c, \\\n    d as e",
        "from a \\\n  .b \\\n  import c",
        "import \\\n  tensorflow as tf",
        "if x: import tensorflow\nelse: from keras import ops",
        "x = 1; from keras import backend",
        "try:\n\timport tensorflow\nexcept ImportError: import keras",
        "\f\nimport keras\n\f  \n\fimport os",
        "import os\r\nfrom a import (b,\r\n  c)\r\nfrom a \\\r\n import d",
        "import os\rimport tensorflow as tf\r",
        "'''text\n'''; import keras",
        "'''\nimport\n(\n'''\nfrom a import b",
        "# a note that ends so \\\nimport keras",
        "# ends so \\\nfrom a \\\n.b \\\nimport c",
        "reimport = important = 1\nimport_ = 2\nimport fromage\nfrom fromage import from_",
        "def f():\n    class A:\n        from a import b",
    ],
)
def test_every_import_is_told(text):
    assert parsed(text) <= set(imports_in(text))
    assert parsed(text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_text_of_a_file_tells_what_its_tree_tells(path):
    text = path.read_text("utf-8")
    assert parsed(text) <= set(imports_in(text))


@pytest.mark.parametrize("text", ["important = 1", "x.import_(a)", "# to import numpy", "'import'"])
def test_a_word_is_no_import(text):
    assert not set(imports_in(text))
