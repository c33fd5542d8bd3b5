"""The formats of findings, by name: for people, for programs, and for what shows them elsewhere.

Light to import: what a format needs is imported where it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lossfix.report.rows import FileRow

TEXT, FULL, CONCISE, JSON, GITHUB, GITLAB, SARIF, JUNIT = FORMATS = (
    "text",  # another name for `full`
    "full",
    "concise",
    "json",
    "github",
    "gitlab",
    "sarif",
    "junit",
)


def findings_text(files: Sequence[FileRow], output_format: str, gone: int = 0) -> str:
    """The findings of files in a format; `gone` entries of the baseline were not seen."""
    if output_format in (TEXT, FULL):
        from lossfix.report.text import check_text

        return check_text(files, gone)
    if output_format == JSON:
        from lossfix.report.as_json import check_json, dumps

        return dumps(check_json(files, gone))
    if output_format == SARIF:
        from lossfix.report.sarif import sarif_text

        return sarif_text(files)
    from lossfix.report import services

    writers = {
        CONCISE: services.concise_text,
        GITHUB: services.github_text,
        GITLAB: services.gitlab_text,
        JUNIT: services.junit_text,
    }
    return writers[output_format](files)
