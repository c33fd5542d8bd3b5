"""Whole programs as people write them: each defect is found on its line, and nothing else is."""

from pathlib import Path

import pytest
from labels import differences, labels_of

PROGRAMS = Path(__file__).parents[1] / "fixtures" / "programs"
FILES = sorted(path for path in PROGRAMS.rglob("*.py") if not path.name.endswith(".after.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PROGRAMS)))
def test_a_program_has_the_labelled_findings_and_no_other(path):
    found = differences(path)
    assert not found, "\n".join(found)


def test_the_programs_hold_defects():
    assert sum(len(labels_of(path.read_text())) for path in FILES) >= len(FILES)
