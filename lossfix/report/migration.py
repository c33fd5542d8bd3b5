"""A migration in words: files by state, fixes by rule, contract and verdict, and what was left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lossfix.report.rows import FileRow, FindingRow, State
from lossfix.report.verdict_text import verdict_line

UNVERIFIED = "not verified"
OUTCOMES = ("verified", "not run", "refuted", UNVERIFIED)
_PERSON = ("diagnosis", "refuted", "not-runnable")


def migration_text(files: Sequence[FileRow], done: str, written: bool, sites: bool = True) -> str:
    """Three short tables, `done` (what each step did), and with `sites` a line for each site left.

    Where nothing is `written`, the states are those that files would be in. A site needs a person
    where no rule or flag would have it mended.
    """
    blocks = [_files(files, written), _fixes(files), _left(files), [done]]
    if sites:
        blocks.insert(2, [line for file in files for line in _persons(file)])
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _files(files: Sequence[FileRow], written: bool) -> list[str]:
    counts = Counter(file.state for file in files)
    rows = [(f"{counts[state]}", state.value) for state in State if counts[state]]
    head = "Files" if written else "Files, as they would be"
    return [head, *_columns([(f"{len(files)}", "in all"), *rows], right=(0,))]


def _fixes(files: Sequence[FileRow]) -> list[str]:
    counts = fix_counts(files)
    if not counts:
        return ["Fixes", "  none"]
    shown = [o for o in OUTCOMES if any(outcome == o for _, _, outcome in counts)]
    rules = sorted({(rule, contract) for rule, contract, _ in counts})
    head = ("rule", "contract", *shown)
    rows = [
        (rule, contract, *(str(counts[rule, contract, outcome]) for outcome in shown))
        for rule, contract in rules
    ]
    return ["Fixes", *_columns([head, *rows], right=range(2, len(head)))]


def fix_counts(files: Sequence[FileRow]) -> Counter[tuple[str, str, str]]:
    """Rule, contract and outcome -> how many fixes; of refuted ones, how many were dropped."""
    return Counter(
        (f"{row.code} {row.rule}", row.contract.name, outcome_of(row))
        for file in files
        for row in file.findings
        if row.applied or row.verdict is not None
    )


def outcome_of(row: FindingRow) -> str:
    return row.verdict.outcome.value if row.verdict is not None else UNVERIFIED


def _left(files: Sequence[FileRow]) -> list[str]:
    reasons = reason_counts(files)
    if not reasons:
        return []
    ordered = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    return ["Left as it is", *_columns([(str(n), reason) for reason, n in ordered], right=(0,))]


def reason_counts(files: Sequence[FileRow]) -> Counter[str]:
    """Reason -> how many findings it left; and how many files were skipped for it."""
    found = Counter(
        _short(row.reason) for file in files for row in file.findings if not row.applied
    )
    found += Counter("suppressed" for file in files for _ in file.suppressed)
    skipped = Counter(f"file {file.reason}" for file in files if file.state is State.SKIPPED)
    return found + skipped


def _short(reason: str) -> str:
    """The code of a reason, with the flag that would lift it."""
    code, _, rest = reason.partition(": ")
    return reason if code == "needs-opt-in" or not rest else code


def _persons(file: FileRow) -> Iterator[str]:
    for row in file.findings:
        if not row.applied and row.reason.partition(":")[0].split(" ")[0] in _PERSON:
            why = verdict_line(row.verdict) if row.verdict is not None else row.reason
            yield f"{row.where}: {row.code} {row.rule} needs a person: {row.message} [{why}]"


def _columns(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    widths = [max(len(row[n]) for row in rows if n < len(row)) for n in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(widths[n]) if n in right else cell.ljust(widths[n])
            for n, cell in enumerate(row)
        ]
        lines.append(f"  {'  '.join(cells)}".rstrip())
    return lines


def migration_json(files: Sequence[FileRow], steps: Mapping[str, Any]) -> dict[str, Any]:
    """As for a rewrite, with the sums and what each step did."""
    from lossfix.report.as_json import rewrite_json

    return {
        **rewrite_json(files),
        "states": dict(Counter(file.state.value for file in files)),
        "fixes": [
            {"rule": rule, "contract": contract, "verdict": outcome, "count": count}
            for (rule, contract, outcome), count in sorted(fix_counts(files).items())
        ],
        "left": dict(reason_counts(files)),
        "steps": dict(steps),
    }
