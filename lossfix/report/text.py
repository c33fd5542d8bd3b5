"""Plain text for findings: one line each, and an honest sum at the end."""

from __future__ import annotations

from collections.abc import Sequence

from lossfix.report.rows import FileRow, FindingRow, State, opt_in


def check_text(files: Sequence[FileRow]) -> str:
    """A line a finding, and what was seen in all."""
    lines = [line for file in files for row in file.findings for line in _finding_lines(row)]
    return "\n".join([*lines, *_summary(files)])


def failures_text(files: Sequence[FileRow]) -> str:
    """A line a file that could not be done: where, what, what next."""
    return "\n".join(f"error: {file.reason}" for file in files if file.state is State.FAILED)


def _finding_lines(row: FindingRow) -> list[str]:
    where = f"{row.path}:{row.line}:{row.column}"
    lines = [f"{where}: {row.code} {row.rule}: {row.message}"]
    wanted = opt_in(row)
    if not row.fix:
        lines.append(f"    no fix: {row.reason}" if row.reason else "    no fix")
    elif wanted:
        lines.append(f"    fix: {row.contract.name}, with --allow {wanted}")
    else:
        lines.append(f"    fix: {row.contract.name}")
    return lines


def _summary(files: Sequence[FileRow]) -> list[str]:
    read = [file for file in files if file.state is not State.FAILED]
    failed = len(files) - len(read)
    rows = [row for file in read for row in file.findings]
    errors = f"; {_count(failed, 'file')} could not be checked" if failed else ""
    if not read:
        return [f"Nothing was checked{errors}."]
    where = _count(len(read), "file")
    if not rows:
        return [f"No findings in {where}{errors}."]
    by_default = sum(row.fix and not opt_in(row) for row in rows)
    asked = sum(row.fix and bool(opt_in(row)) for row in rows)
    parts = [f"{_count(len(rows), 'finding')} in {where}"]
    parts.append(f"{by_default} fixed by `lossfix rewrite`, {asked} more with --allow")
    return [f"{'; '.join(parts)}{errors}."]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def rewrite_notes(files: Sequence[FileRow], written: bool) -> str:
    """What a plain diff does not say: each fix with its contract and verdict, and what is left."""
    lines: list[str] = []
    for file in files:
        for row in file.findings:
            lines.extend(_note(row))
    changed = [file for file in files if file.diff]
    fixed = sum(row.applied for file in files for row in file.findings)
    if not files or all(file.state is State.FAILED for file in files):
        lines.append("Nothing was checked.")
    elif not changed:
        lines.append(f"Nothing to rewrite in {_count(len(files), 'file')}.")
    else:
        done = "written" if written else "nothing written; --write writes it"
        lines.append(f"{_count(fixed, 'fix')} in {_count(len(changed), 'file')}; {done}.")
    return "\n".join(lines).replace("fixs", "fixes")


def _note(row: FindingRow) -> list[str]:
    where = f"{row.path}:{row.line}:{row.column}: {row.code} {row.rule}"
    verdict = row.verdict
    proof = f"{verdict.outcome.value}: {verdict.reason}" if verdict else "not verified"
    if row.applied:
        return [f"{where} [{row.contract.name}] {proof}"]
    lines = [f"{where} left: {row.reason or 'not asked for'}"]
    if verdict is not None and verdict.counterexample:
        lines.append(f"    counterexample: {counterexample_line(verdict.counterexample)}")
    return lines


def counterexample_line(counterexample: object) -> str:
    """A counterexample on one line, cut where it is long."""
    text = str(counterexample)
    return text if len(text) <= 300 else f"{text[:297]}..."
