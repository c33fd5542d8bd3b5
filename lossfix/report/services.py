"""Findings as services and terminals take them: one line each, GitHub, GitLab, JUnit.

A finding that was mended is none of them any more.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from lossfix.report.rows import FileRow, FindingRow, State

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def open_findings(file: FileRow) -> list[FindingRow]:
    """The findings of a file that were not mended."""
    return [row for row in file.findings if not row.applied]


def fingerprints(rows: Sequence[FindingRow]) -> Iterator[tuple[FindingRow, str]]:
    """Each finding with a digest that outlives lines that move: of path, rule, function, place."""
    seen: Counter[tuple[str, str, str]] = Counter()
    for row in rows:
        key = (row.path, row.code, row.function)
        text = "\0".join([*key, str(seen[key])])
        seen[key] += 1
        yield row, hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def concise_text(files: Sequence[FileRow]) -> str:
    """One line a finding."""
    rows = [row for file in files for row in open_findings(file)]
    lines = [f"{row.where}: {row.code} {row.message}" for row in rows]
    number = "1 finding" if len(rows) == 1 else f"{len(rows)} findings"
    return "\n".join([*lines, f"{number} in {len(files)} files."])


def github_text(files: Sequence[FileRow]) -> str:
    """Workflow commands of GitHub Actions, which shows them beside the lines."""
    lines: list[str] = []
    for file in files:
        for row in open_findings(file):
            place = {
                "file": row.path,
                "line": str(row.line),
                "endLine": str(row.end_line),
                "col": str(row.column),
                "endColumn": str(row.end_column),
                "title": f"lossfix {row.code} {row.rule}",
            }
            shown = ",".join(f"{key}={_property(value)}" for key, value in place.items())
            lines.append(f"::warning {shown}::{_data(f'{row.where}: {row.message}')}")
        if file.state is State.FAILED:
            lines.append(f"::error file={_property(file.path)}::{_data(file.reason)}")
    return "\n".join(lines)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def gitlab_text(files: Sequence[FileRow]) -> str:
    """GitLab's code quality report."""
    rows = [row for file in files for row in open_findings(file)]
    found = [
        {
            "description": f"{row.code} {row.rule}: {row.message}",
            "check_name": row.code,
            "fingerprint": fingerprint,
            "severity": "minor" if row.contract.name == "diagnosis" else "major",
            "location": {
                "path": row.path.replace("\\", "/"),
                "lines": {"begin": row.line, "end": row.end_line},
            },
        }
        for row, fingerprint in fingerprints(rows)
    ]
    return json.dumps(found, indent=2)


def junit_text(files: Sequence[FileRow]) -> str:
    """A test case a file: it fails with its findings, or is in error."""
    suite = ElementTree.Element("testsuite", name="lossfix")
    counts = Counter(tests=0, failures=0, errors=0, skipped=0)
    for file in files:
        case = ElementTree.SubElement(suite, "testcase", classname="lossfix", name=_xml(file.path))
        counts["tests"] += 1
        rows = open_findings(file)
        if file.state is State.FAILED:
            counts["errors"] += 1
            ElementTree.SubElement(case, "error", message=_xml(file.reason))
        elif file.state is State.SKIPPED:
            counts["skipped"] += 1
            ElementTree.SubElement(case, "skipped", message=_xml(file.reason))
        elif rows:
            counts["failures"] += 1
            message = f"{len(rows)} findings" if len(rows) > 1 else "1 finding"
            failure = ElementTree.SubElement(case, "failure", message=message)
            lines = [f"{row.where}: {row.code} {row.rule}: {row.message}" for row in rows]
            failure.text = _xml("\n".join(lines))
    for key, number in counts.items():
        suite.set(key, str(number))
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True)


def _xml(text: str) -> str:
    """The text without what XML has no place for."""
    return _NOT_XML.sub("?", text)
