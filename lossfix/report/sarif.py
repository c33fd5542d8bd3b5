"""SARIF 2.1.0 (OASIS): findings for code scanning, with suppressed ones and files in error."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import lossfix
from lossfix.report.as_json import dumps
from lossfix.report.explain import applied_when
from lossfix.report.rows import FileRow, FindingRow, State
from lossfix.report.services import fingerprints, open_findings
from lossfix.rules.own import UNUSED_SUPPRESSION
from lossfix.rules.registry import every_rule
from lossfix.rules.rule import Rule

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_ROOT = "%SRCROOT%"


def sarif_text(files: Sequence[FileRow]) -> str:
    """One run. Columns count code points; paths are relative to the working folder."""
    shown = [row for file in files for row in (*open_findings(file), *file.suppressed)]
    silent = {id(row) for file in files for row in file.suppressed}
    known = {rule.code: rule for rule in (UNUSED_SUPPRESSION, *every_rule())}
    rules = [known[code] for code in sorted({row.code for row in shown}) if code in known]
    index = {rule.code: number for number, rule in enumerate(rules)}
    results = [
        _result(row, fingerprint, index.get(row.code, -1), id(row) in silent)
        for row, fingerprint in fingerprints(shown)
    ]
    driver = {
        "name": "lossfix",
        "semanticVersion": lossfix.__version__,
        "rules": [_rule(rule) for rule in rules],
    }
    failed = [file for file in files if file.state is State.FAILED]
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not failed,
                "toolExecutionNotifications": [_notification(file) for file in failed],
            }
        ],
        "results": results,
    }
    return dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(rule: Rule) -> dict[str, Any]:
    help_text = f"{rule.why}\n\n{rule.fix_safety}\n\nWhen not: {rule.when_not}"
    example = f"```python\n{rule.before}\n```"
    if rule.after:
        example += f"\n\nbecomes\n\n```python\n{rule.after}\n```"
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.why},
        "help": {"text": help_text, "markdown": f"{help_text}\n\n{example}"},
        "defaultConfiguration": {"level": _level(rule.contract.name)},
        "properties": {"contract": rule.contract.name, "applied": applied_when(rule)},
    }


def _level(contract: str) -> str:
    return "note" if contract == "diagnosis" else "warning"


def _result(row: FindingRow, fingerprint: str, index: int, suppressed: bool) -> dict[str, Any]:
    cell = f"cell {row.cell}: " if row.cell else ""
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": _artifact(row.path),
            "region": {
                "startLine": row.line,
                "startColumn": row.column,
                "endLine": row.end_line,
                "endColumn": row.end_column,
            },
        }
    }
    if row.function:
        location["logicalLocations"] = [{"fullyQualifiedName": row.function, "kind": "function"}]
    properties: dict[str, Any] = {"contract": row.contract.name, "fix": row.fix}
    if row.reason:
        properties["reason"] = row.reason
    if row.verdict is not None:
        properties["verdict"] = row.verdict.outcome.value
    result: dict[str, Any] = {
        "ruleId": row.code,
        "level": _level(row.contract.name),
        "message": {"text": f"{cell}{row.message}"},
        "locations": [location],
        "partialFingerprints": {"lossfix/v1": fingerprint},
        "properties": properties,
    }
    if index >= 0:
        result["ruleIndex"] = index
    if suppressed:
        result["suppressions"] = [{"kind": "inSource"}]
    return result


def _artifact(path: str) -> dict[str, str]:
    """A relative path stays so: the same in every run, wherever the repository lies."""
    encoded = quote(os.fsencode(path.replace(os.sep, "/")))
    if os.path.isabs(path):
        return {"uri": f"file://{encoded}"}
    return {"uri": encoded, "uriBaseId": _ROOT}


def _notification(file: FileRow) -> dict[str, Any]:
    return {
        "level": "error",
        "message": {"text": file.reason},
        "locations": [{"physicalLocation": {"artifactLocation": _artifact(file.path)}}],
    }
