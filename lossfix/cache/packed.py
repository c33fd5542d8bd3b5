"""Rows of a check as plain JSON values and back; the path they are shown under stands outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from lossfix.report.rows import FileRow, FindingRow, State
from lossfix.rules.contracts import CONTRACTS

_CONTRACTS = {kind.name: kind for kind in CONTRACTS}


def packed(row: FileRow) -> dict[str, Any]:
    """Every field that is not what it is by default."""
    found = _fields(row)
    found["state"] = row.state.value
    for name, value in found.items():
        if isinstance(value, tuple) and name != "reads":
            found[name] = [_packed_finding(finding) for finding in value]
    return found


def unpacked(data: Mapping[str, Any], path: str) -> FileRow:
    """The row, shown as of `path`. Raises ValueError, TypeError, KeyError or AttributeError."""
    found = dict(data)
    state = State(found.pop("state"))
    for name, value in found.items():
        if name == "reads":
            found[name] = tuple(value)
        elif isinstance(value, list):
            found[name] = tuple(_unpacked_finding(finding, path) for finding in value)
    return FileRow(path, state, **found)


def _packed_finding(row: FindingRow) -> dict[str, Any]:
    contract = {each.name: getattr(row.contract, each.name) for each in fields(row.contract)}
    found = {**_fields(row), "contract": [row.contract.name, contract]}
    if row.verdict is not None:
        found["verdict"] = row.verdict.as_json()
    return found


def _unpacked_finding(data: Mapping[str, Any], path: str) -> FindingRow:
    name, contract = data["contract"]
    found = {**data, "path": path, "contract": _CONTRACTS[name](**contract)}
    if "verdict" in found:
        from lossfix.verify.verdict import verdict_from_json

        found["verdict"] = verdict_from_json(found["verdict"])
    return FindingRow(**found)


def _fields(row: FileRow | FindingRow) -> dict[str, Any]:
    return {
        each.name: value
        for each in fields(row)
        if each.name != "path"
        and ((value := getattr(row, each.name)) != each.default or each.default is MISSING)
    }
