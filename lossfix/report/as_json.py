"""JSON: the keys that other programs read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lossfix.report.rows import FileRow, FindingRow
from lossfix.rules.rule import Rule

if TYPE_CHECKING:
    from lossfix.verify.verdict import Verdict
    from lossfix.verify.why import Trace


def dumps(data: Mapping[str, Any] | Sequence[Any]) -> str:
    """Strict JSON: an infinity or a NaN is written as the text "inf", "-inf" or "nan"."""
    text = json.dumps(_strict(data), indent=2, allow_nan=False, ensure_ascii=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # a file's name that is no text
        return json.dumps(_strict(data), indent=2, allow_nan=False)
    return text


def _strict(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _strict(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(inner) for inner in value]
    return value


def check_json(files: Sequence[FileRow], gone: int = 0) -> dict[str, Any]:
    """`suppressed` are findings that a comment silences, `known` those of the baseline."""
    return {
        "findings": [_finding(row) for file in files for row in file.findings],
        "files": [_file(file) for file in files],
        "baseline": {"known": sum(len(file.known) for file in files), "gone": gone},
    }


def rewrite_json(files: Sequence[FileRow]) -> dict[str, Any]:
    """As for check; each finding with its verdict, each file with its diff."""
    return {
        "findings": [
            {**_finding(row), "applied": row.applied, **_verdict_keys(row.verdict)}
            for file in files
            for row in file.findings
        ],
        "files": [{**_file(file), "diff": file.diff} for file in files],
    }


def _finding(row: FindingRow) -> dict[str, Any]:
    return {
        "code": row.code,
        "rule": row.rule,
        "message": row.message,
        "path": row.path,
        "function": row.function,
        "line": row.line,
        "column": row.column,
        "end_line": row.end_line,
        "end_column": row.end_column,
        "contract": row.contract.name,
        "fix": row.fix,
        "reason": row.reason,
        **({"note": row.note} if row.note else {}),
        **({"cell": row.cell} if row.cell else {}),
    }


def _file(file: FileRow) -> dict[str, Any]:
    return {
        "path": file.path,
        "state": file.state.value,
        "reason": file.reason,
        "suppressed": [_finding(row) for row in file.suppressed],
        "known": [_finding(row) for row in file.known],
    }


def _verdict_keys(verdict: Verdict | None) -> dict[str, Any]:
    """The outcome as one word, and everything it rests on beside it."""
    if verdict is None:
        return {"verdict": None, "verification": None}
    return {"verdict": verdict.outcome.value, "verification": verdict.as_json()}


def why_json(trace: Trace, path: str, function: str, rules: Sequence[Rule]) -> dict[str, Any]:
    return {
        "path": path,
        "function": function,
        **trace.as_json(),
        "column": trace.column + 1,
        "rules": [rule.code for rule in rules],
    }


def rule_json(rule: Rule) -> dict[str, Any]:
    from lossfix.report.explain import frameworks_of
    from lossfix.rules.steer import kernel_names
    from lossfix.rules.symptoms import symptoms_of

    return {
        "code": rule.code,
        "name": rule.name,
        "catalogue": list(rule.catalogue),
        "summary": rule.summary,
        "message": rule.message,
        "contract": {"name": rule.contract.name, **asdict(rule.contract)},
        "fix": rule.fixable,
        "why": rule.why,
        "breaks_at": [asdict(limit) for limit in rule.breaks_at],
        "before": rule.before,
        "after": rule.after,
        "kernels": list(kernel_names(rule)),
        "frameworks": list(frameworks_of(rule)),
        "symptoms": list(symptoms_of(rule)),
        "fix_safety": rule.fix_safety,
        "when_not": rule.when_not,
        "source": rule.source,
    }


def symptoms_json(words: str, rules: Sequence[Rule]) -> dict[str, Any]:
    """What a person may see, the likeliest first, with the codes of the rules behind it."""
    from lossfix.rules.symptoms import SYMPTOMS, search

    return {
        "symptoms": [
            {"symptom": key, "title": SYMPTOMS[key].title, "rules": [rule.code for rule in behind]}
            for key, behind in search(words, rules)
        ]
    }
