"""One import is added, once, after the leading ones."""

from lossfix.rewrite.edits import Import
from lossfix.rewrite.imports import add_imports

TF = Import("tensorflow", "tf")


def test_after_the_docstring_and_the_imports():
    text = '"""Doc."""\nfrom tensorflow.keras import backend as K\n\nx = 1\n'
    new = add_imports(text, [TF, TF])
    assert new.splitlines()[1:3] == [
        "from tensorflow.keras import backend as K",
        "import tensorflow as tf",
    ]
    assert add_imports(new, [TF]) == new


def test_a_file_without_a_last_newline():
    assert add_imports("import a", [TF]) == "import a\nimport tensorflow as tf\n"
