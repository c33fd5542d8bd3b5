"""Notebooks: cells joined to one module and split again; the JSON changes where a cell does."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossfix.errors import SourceError
from lossfix.source.cells import CellError, join
from lossfix.source.files import decode, read_source, write_source
from lossfix.source.notebooks import read_notebook

MAGICS = [
    "%matplotlib inline\nimport tensorflow as tf\n!pip install \\\n  keras\n",
    "if True:\n    !ls\nfiles = !ls *.py\nx = %time 3\n",
    "%%bash\nrm -rf nothing (\n",
    "%%time\ndef f(x):\n    return x\n",
    "f?\n?f\ntext = '''\n%not magic\n'''\ny = (7\n  % 4)",
    "",
]


def numbered(cells):
    return list(enumerate(cells, 1))


def test_ipython_lines_become_statements_that_bind_the_same_names():
    joined = join(numbered(MAGICS))
    names = {}
    exec(
        joined.text.replace("import tensorflow as tf", ""),
        {"ipython_line": lambda: "ran"},
        names,
    )
    assert names["files"] == names["x"] == "ran"
    assert names["y"] == 3
    assert names["text"] == "\n%not magic\n"
    assert "rm -rf" not in joined.text


def test_a_changed_module_changes_the_cell_that_it_was_changed_in():
    joined = join(numbered(MAGICS))
    assert joined.split(joined.text) == {}
    changed = joined.text.replace("return x", "return x + 1")
    assert joined.split(changed) == {4: "%%time\ndef f(x):\n    return x + 1\n"}
    above = "import keras\n" + joined.text
    assert joined.split(above) == {1: "import keras\n" + MAGICS[0]}
    last = joined.text.replace("% 4)", "% 5)")
    assert joined.split(last) == {5: MAGICS[4].replace("% 4)", "% 5)")}


def test_lines_are_found_in_their_cells_and_back():
    joined = join(numbered(MAGICS))
    lines = joined.text.split("\n")
    for wanted, place in {
        "def f(x):": (4, 2),
        "    return x": (4, 3),
        "text = '''": (5, 3),
    }.items():
        line = lines.index(wanted) + 1
        assert joined.place(line) == place
        assert joined.line(*place) == line
    assert joined.line(3, 1) is None


def test_a_module_that_lost_a_cell_or_an_ipython_line_is_refused():
    joined = join(numbered(MAGICS))
    with pytest.raises(ValueError, match="told apart"):
        joined.split(joined.text.replace("# %% 4\n", ""))
    with pytest.raises(ValueError, match="would be lost"):
        joined.split(joined.text.replace("# %% line 1\n", "\n"))


def test_a_cell_that_is_no_python_is_named():
    with pytest.raises(CellError) as raised:
        join(numbered(["x = 1", "%%time\n\ndef f(:\n"]))
    assert (raised.value.cell, raised.value.line) == (2, 3)


@given(st.lists(st.sampled_from([*MAGICS, "# %% 1\n", "# %% line 0\nz = 1", "\n\n"]), max_size=6))
def test_what_is_joined_splits_into_the_same_cells(cells):
    joined = join(numbered(cells))
    assert joined.split(joined.text) == {}
    grown = joined.split(joined.text + "q = 1\n")
    assert set(grown) <= {max(joined.place(10**6)[0], 1)}


def a_notebook(cells, indent=1, ensure_ascii=False):
    made = [
        {
            "cell_type": "code",
            "metadata": {},
            "outputs": [{"data": {"image/png": "iVBOR" * 50, "cells": [1]}}],
            "source": cell,
        }
        for cell in cells
    ]
    made.insert(1, {"cell_type": "markdown", "source": ["# wörds"], "metadata": {}})
    data = {"cells": made, "metadata": {"kernelspec": {"language": "python"}}, "nbformat": 4}
    return json.dumps(data, indent=indent, ensure_ascii=ensure_ascii) + "\n"


@pytest.mark.parametrize("indent", [None, 1, "\t"])
@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_only_the_lines_that_changed_change_in_the_json(indent, ensure_ascii):
    raw = a_notebook([["a = 1\n", "s = 'ü'\n", "b = 2"], "t = 'ü'\n"], indent, ensure_ascii)
    notebook = read_notebook(raw)
    assert [cell.number for cell in notebook.cells] == [1, 3]
    assert notebook.with_module(notebook.joined.text) == raw
    module = notebook.joined.text.replace("a = 1", "a = 'é'").replace("t = 'ü'", "t = 'é'")
    changed = notebook.with_module(module)
    escaped = "\\u00e9" if ensure_ascii else "é"
    wanted = raw.replace('"a = 1', f"\"a = '{escaped}'")
    wanted = wanted.replace("t = 'ü'", "t = 'é'").replace("t = '\\u00fc'", "t = '\\u00e9'")
    assert changed == wanted


def test_a_line_more_stands_as_the_others_do():
    raw = a_notebook([["a = 1\n", "b = 2"], ["c = 3"]])
    notebook = read_notebook(raw)
    module = notebook.joined.text.replace("b = 2", "z = 0\nb = 2").replace("c = 3", "c = 3\nd = 4")
    cells = json.loads(notebook.with_module(module))["cells"]
    assert cells[0]["source"] == ["a = 1\n", "z = 0\n", "b = 2"]
    assert cells[2]["source"] == ["c = 3\n", "d = 4"]
    assert notebook.with_module(module).count("\n") == raw.count("\n") + 2


@pytest.mark.parametrize("raw", ["", "[]", "{}", '{"cells": 3}', '{"cells": [', '{"cells": [[]]}'])
def test_what_is_no_notebook_is_an_error_and_no_traceback(tmp_path, raw):
    with pytest.raises(SourceError, match="no notebook"):
        decode(tmp_path / "book.ipynb", raw.encode())


def test_a_file_is_written_with_its_mark_and_its_bytes(tmp_path):
    path = tmp_path / "book.ipynb"
    raw = a_notebook([["a = 1\n"]]).replace("\n", "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + raw.encode())
    source = read_source(path)
    write_source(source, source.text.replace("a = 1", "a = 2"))
    assert path.read_bytes() == b"\xef\xbb\xbf" + raw.replace("a = 1", "a = 2").encode()
