"""One small file for each way of writing a loss, with a defect and its healthy twin in each."""

from pathlib import Path

import pytest
from labels import differences, labels_of

LIFTING = Path(__file__).parents[2] / "fixtures" / "lifting"
FILES = sorted(path for path in LIFTING.rglob("*.py") if not path.name.endswith(".after.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(LIFTING)))
def test_a_way_of_writing_has_the_labelled_findings_and_no_other(path):
    found = differences(path)
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.parent == LIFTING], ids=lambda path: path.name
)
def test_a_way_of_writing_holds_a_defect(path):
    assert any(label.expected for label in labels_of(path.read_text(encoding="utf-8")))
