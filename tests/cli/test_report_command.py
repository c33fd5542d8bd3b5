"""`lossfix report` on a loss that overflows: one page, with a plot, and the code as it was."""

from pathlib import Path

import pytest

WILD = Path(__file__).parents[2] / "fixtures" / "wild"


@pytest.mark.tensorflow
def test_a_page_with_a_plot_and_the_file_as_it_was(lossfix, tmp_path):
    source = tmp_path / "loss.py"
    text = (WILD / "distillation.before.py").read_text()
    source.write_text(text)
    ran = lossfix("report", source, "-o", tmp_path / "report.html", "--device", "cpu")
    page = (tmp_path / "report.html").read_text()
    assert ran.code == 1
    assert "The report is in" in ran.err
    assert source.read_text() == text
    assert "✓ verified" in page
    assert '<svg class="plot"' in page
    assert "the original&#x27;s value is not finite at" in page


def test_a_page_that_cannot_be_written_is_an_error(lossfix, tmp_path):
    (tmp_path / "clean.py").write_text("x = 1\n")
    ran = lossfix("report", tmp_path / "clean.py", "-o", "/nowhere/at/all.html")
    assert ran.code == 2
    assert ran.err.startswith("error: /nowhere/at/all.html: the report cannot be written")
