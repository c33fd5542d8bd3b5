"""Notebooks on the command line: findings by cell, rewrites that touch nothing else."""

import json

import pytest

CELLS = [
    "%matplotlib inline\nimport tensorflow as tf\nimport matplotlib.pyplot as plt",
    "def helper(z):\n    return tf.nn.softmax(z)\n",
    """%%time
# the loss
def my_loss(y_true, y_pred):
    p = helper(y_pred)
    return -tf.reduce_mean(y_true * tf.math.log(1 + tf.exp(-y_true * y_pred)))
""",
    "!ls\nplt.plot([1, 2]);",
]


def notebook(cells=CELLS, language="python"):
    made = [
        {
            "cell_type": "code",
            "execution_count": 3,
            "metadata": {},
            "outputs": [{"text": ["1 + exp\n"], "output_type": "stream"}],
            "source": cell.splitlines(keepends=True),
        }
        for cell in cells
    ]
    made.insert(2, {"cell_type": "markdown", "metadata": {}, "source": "# A loss"})
    data = {"cells": made, "metadata": {"language_info": {"name": language}}, "nbformat": 4}
    return json.dumps(data, indent=1)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book.ipynb").write_text(notebook())
    return tmp_path


def test_a_finding_is_placed_in_its_cell(lossfix, folder):
    ran = lossfix("check", ".")
    assert ran.code == 1
    assert "book.ipynb:cell 4:5:37: LF115 softplus" in ran.out
    found = json.loads(lossfix("check", "book.ipynb", "--output-format", "json").out)["findings"]
    assert (found[0]["cell"], found[0]["line"]) == (4, 5)


def test_a_rewrite_changes_one_line_of_the_json(lossfix, folder):
    before = (folder / "book.ipynb").read_text()
    ran = lossfix("rewrite", "--no-verify", "--write", "book.ipynb")
    assert ran.code == 0
    old = '"    return -tf.reduce_mean(y_true * tf.math.log(1 + tf.exp(-y_true * y_pred)))\\n"'
    new = '"    return -tf.reduce_mean(y_true * tf.nn.softplus(-y_true * y_pred))\\n"'
    assert old in before
    assert (folder / "book.ipynb").read_text() == before.replace(old, new)
    assert lossfix("rewrite", "--no-verify", "--write", "book.ipynb").out == ""


def test_a_baseline_knows_a_finding_of_a_notebook(lossfix, folder):
    lossfix("check", ".", "--write-baseline", "known.json")
    (folder / "book.ipynb").write_text(notebook(["x = 1\n", *CELLS]))
    ran = lossfix("check", ".", "--baseline", "known.json")
    assert ran.code == 0
    assert "1 in the baseline" in ran.out


def test_a_broken_cell_is_an_error_that_names_it(lossfix, folder):
    (folder / "bad.ipynb").write_text(notebook([*CELLS, "x = 1\ndef f(:\n"]))
    ran = lossfix("check", "bad.ipynb")
    assert ran.code == 2
    assert ran.err.startswith("error: bad.ipynb: cell 6, line 2: syntax error: ")


def test_a_notebook_in_another_language_is_skipped_with_a_word(lossfix, folder):
    (folder / "book.ipynb").write_text(notebook(["library(keras)"], "r"))
    ran = lossfix("check", "book.ipynb")
    assert ran.code == 0
    assert "is a notebook in another language" in ran.out
