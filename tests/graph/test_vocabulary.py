"""Every name of the vocabulary exists in the framework that is installed, with its arguments."""

import pytest
from installed import KERAS_2, arguments, function, keras_2

from lossfix.graph.vocabulary import (
    COLUMNS,
    LACKING,
    OPS,
    READ_ONLY,
    RETIRED,
    emitted,
    lookup,
    resolve,
)

ROWS = [row for name, row in OPS.items() if not name.startswith("np_")]
ROOTS = {
    "tf": ("tensorflow", "tensorflow.compat.v1"),
    "keras.ops": ("keras.ops", "tensorflow.keras.ops"),
    "keras.backend": ("tensorflow.keras.backend", KERAS_2),
    "keras.losses": ("keras.losses", "tensorflow.keras.losses"),
    "keras.metrics": ("keras.metrics", "tensorflow.keras.metrics"),
    "numpy": ("numpy",),
}
EVERY_ROOT = [(column, root) for column, roots in ROOTS.items() for root in roots]
NOT_CHECKED = {
    *("tensorflow.compat.v2", "tensorflow.python.keras.backend", "tf_keras.backend"),
    *("tf_keras.losses", "tensorflow.python.keras.losses"),
    *("tf_keras.metrics", "tensorflow.python.keras.metrics"),
    *("keras.src.ops", "keras_core.ops", "keras_core.src.ops"),  # keras.ops by other names
}


def test_a_name_resolves_by_the_longest_root():
    column, root, row = resolve("tensorflow.compat.v1.log")
    assert (column, root, row.name) == ("tf", "tensorflow.compat.v1", "log")


@pytest.mark.parametrize(
    ("written", "op"),
    [
        ("tensorflow.log", "log"),
        ("tensorflow.div", "div"),
        ("tensorflow.is_nan", "is_nan"),
        ("tensorflow.log_sigmoid", "log_sigmoid"),
        ("tensorflow.select", "where"),
        ("keras.backend.logsumexp", "logsumexp"),
        ("tf_keras.backend.clip", "clip"),
    ],
)
def test_names_that_are_gone_are_understood_and_not_written(written, op):
    column, root, row = resolve(written)
    assert row.name == op
    assert written[len(root) + 1 :] in READ_ONLY[column] or root == "tf_keras.backend"
    assert emitted(op, column, root) != written[len(root) + 1 :] or root == "tf_keras.backend"


def test_what_a_root_lacks_is_not_written_there():
    assert emitted("logaddexp", "tf") == "experimental.numpy.logaddexp"
    assert emitted("logaddexp", "tf", "tensorflow.compat.v1") is None


def test_a_name_stands_for_one_op():
    for row in ROWS:
        for column, names in row.names.items():
            assert [lookup(column, name) for name in names] == [row] * len(names), row.name


def test_keras_2_has_every_name_of_its_column():
    known = {*keras_2(), *RETIRED["keras.backend"]}
    stale = {name for row in ROWS for name in row.names.get("keras.backend", ())} - known
    assert not stale


@pytest.mark.tensorflow
def test_every_root_is_checked():
    checked = {root for roots in ROOTS.values() for root in roots}
    assert {root for roots in COLUMNS.values() for root in roots} == checked | NOT_CHECKED


@pytest.mark.tensorflow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_name_of_a_row_exists(row):
    for column, names in row.names.items():
        for name in names:
            having = [root for root in ROOTS[column] if function(root, name) is not None]
            retired = name in RETIRED.get(column, ())
            assert bool(having) != retired, f"{row.name}: {column} has no {name}"


@pytest.mark.tensorflow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_argument_of_a_row_has_a_function_that_takes_it(row):
    taken = {
        argument
        for kin in ROWS
        if kin.spellings == row.spellings
        for column, names in kin.names.items()
        for root in ROOTS[column]
        for name in names
        for argument in arguments(root, name) or ()
    }
    spelled = {s for s, canonical in row.spellings.items() if canonical in row.attrs}
    unknown = spelled - taken
    assert not row.names or not unknown, f"{row.name}: nothing takes {sorted(unknown)}"


@pytest.mark.tensorflow
@pytest.mark.parametrize(("column", "root"), EVERY_ROOT, ids=lambda part: str(part))
def test_what_is_written_exists_and_only_that_is_withheld(column, root):
    for row in ROWS:
        name = emitted(row.name, column, root)
        if name is not None:
            assert function(root, name) is not None, f"{row.name}: {root} has no {name}"
    for name in LACKING.get(root, ()):
        assert function(root, name) is None, f"{root} has {name} by now"
