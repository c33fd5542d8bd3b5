"""Plain text for findings: one line each, and an honest sum at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lossfix.report.rows import FileRow, FindingRow, State, opt_in
from lossfix.rules.contracts import Contract, Meaning


def check_text(files: Sequence[FileRow], gone: int = 0) -> str:
    """A line a finding, and what was seen in all; `gone` entries of the baseline were not."""
    lines = [line for file in files for row in file.findings for line in _finding_lines(row)]
    return "\n".join([*lines, *_summary(files), *_gone(gone)])


def statistics_text(files: Sequence[FileRow]) -> str:
    """A line a rule: how many findings it has, and how many of them it can fix; most first."""
    rows = [row for file in files for row in file.findings]
    counts = Counter((row.code, row.rule, row.contract.name) for row in rows)
    fixes = Counter(row.code for row in rows if row.fix)
    widest = max((len(rule) for _, rule, _ in counts), default=0)
    lines = [
        f"{number:6}  {code} {rule:{widest}}  {contract:16}  {fixes[code]} with a fix"
        for (code, rule, contract), number in sorted(
            counts.items(), key=lambda pair: (-pair[1], pair[0])
        )
    ]
    return "\n".join([*lines, *_summary(files)])


def failures_text(files: Sequence[FileRow]) -> str:
    """A line a file that could not be done: where, what, what next."""
    return "\n".join(f"error: {file.reason}" for file in files if file.state is State.FAILED)


def _gone(number: int) -> list[str]:
    if not number:
        return []
    entries = "1 baseline entry is" if number == 1 else f"{number} baseline entries are"
    return [f"{entries} gone; --write-baseline brings it up to date."]


def _finding_lines(row: FindingRow) -> list[str]:
    lines = [f"{row.where}: {row.code} {row.rule}: {row.message}"]
    wanted = opt_in(row)
    if not row.fix:
        lines.append(f"    no fix: {row.reason}" if row.reason else "    no fix")
    elif wanted:
        lines.append(f"    fix: {row.contract.name}, with --allow {wanted}")
    else:
        lines.append(f"    fix: {row.contract.name}")
    return [*lines, *_confirmation(row)]


def _confirmation(row: FindingRow) -> list[str]:
    """What running the loss showed, with the witness where there is one."""
    found = row.confirmation
    if found is None:
        return []
    from lossfix.report.verdict_text import cut, numbers

    if not found.inputs:
        return [f"    {found.status.value}: {found.reason}"]
    where = f"{found.mode} {found.dtype}, regime {found.regime}"
    lines = [f"    {found.status.value}: {found.reason} ({where})"]
    lines += [f"        {name} = {cut(numbers(value))}" for name, value in found.inputs.items()]
    return lines


def _summary(files: Sequence[FileRow]) -> list[str]:
    checked = _checked(files)
    rows = [row for file in checked for row in file.findings]
    if not checked:
        return [f"Nothing was checked{_beside(files)}."]
    where = counted(len(checked), "file")
    if not rows:
        return [f"No findings in {where}{_beside(files)}."]
    by_default = sum(row.fix and not opt_in(row) for row in rows)
    asked = sum(row.fix and bool(opt_in(row)) for row in rows)
    fixes = f"{by_default} fixed by `lossfix rewrite`, {asked} more with --allow"
    shown = f"{counted(len(rows), 'finding')} in {where}; {fixes}{_confirmations(rows)}"
    return [f"{shown}{_beside(files)}."]


def _confirmations(rows: Sequence[FindingRow]) -> str:
    counts = Counter(row.confirmation.status.value for row in rows if row.confirmation)
    return "; " + ", ".join(f"{n} {status}" for status, n in counts.items()) if counts else ""


def _checked(files: Sequence[FileRow]) -> list[FileRow]:
    return [file for file in files if file.state not in (State.FAILED, State.SKIPPED)]


def _beside(files: Sequence[FileRow]) -> str:
    """What is not shown, what was not checked, and why."""
    skipped = Counter(file.reason for file in files if file.state is State.SKIPPED)
    suppressed = sum(len(file.suppressed) for file in files)
    known = sum(len(file.known) for file in files)
    parts = [f"; {suppressed} suppressed"] if suppressed else []
    parts += [f"; {known} in the baseline"] if known else []
    parts += [f"; {counted(number, 'file')}: {reason}" for reason, number in skipped.items()]
    failed = sum(file.state is State.FAILED for file in files)
    if failed:
        parts.append(f"; {counted(failed, 'file')} could not be read")
    return "".join(parts) or ("" if files else ": no Python files there")


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def rewrite_notes(files: Sequence[FileRow], written: bool) -> str:
    """What a plain diff does not say: each fix with its contract and verdict, and what is left."""
    rows = [row for file in files for row in (*file.findings, *file.suppressed)]
    lines = [line for row in rows for line in _note(row)]
    return "\n".join([*lines, rewrite_summary(files, written)])


def rewrite_summary(files: Sequence[FileRow], written: bool) -> str:
    """One line: how many fixes, in how many files, written or not."""
    changed = [file for file in files if file.diff]
    fixed = sum(row.applied for file in files for row in file.findings)
    checked = _checked(files)
    if not checked:
        return f"Nothing was checked{_beside(files)}."
    if not changed:
        return f"Nothing to rewrite in {counted(len(checked), 'file')}{_beside(files)}."
    done = "written" if written else "nothing written; --write writes it"
    fixes = "1 fix" if fixed == 1 else f"{fixed} fixes"
    return f"{fixes} in {counted(len(changed), 'file')}; {done}{_beside(files)}."


def _note(row: FindingRow) -> list[str]:
    from lossfix.report.verdict_text import verdict_line, verdict_text

    where = f"{row.where}: {row.code} {row.rule}"
    if row.applied:
        proof = verdict_line(row.verdict) if row.verdict else "not verified"
        note = [f"    {row.note}"] if row.note else []
        told = row.verdict.disagreements if row.verdict else ()
        findings = [f"    finding: {sentence}" for sentence in told]
        fixed = f"{where} [{row.contract.name}] {proof}"
        return [fixed, *note, *_meaning(row.contract), *findings]
    lines = [f"{where} left: {row.reason or 'not asked for'}"]
    if row.verdict is not None:
        lines += [f"    {line}" for line in verdict_text(row.verdict).splitlines()]
    return lines


def _meaning(contract: Contract) -> list[str]:
    """What a fix that changes the loss changes, and what it keeps."""
    if not isinstance(contract, Meaning):
        return []
    return [f"    changes: {contract.changes}", f"    keeps: {contract.keeps}"]
