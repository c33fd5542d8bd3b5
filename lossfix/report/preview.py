"""The coloured preview of a rewrite, and the same as a picture. Needs rich."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lossfix.report.rows import FileRow, FindingRow, State, opt_in
from lossfix.report.verdict_text import verdict_line
from lossfix.rules.contracts import Meaning

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_OUTCOMES = {"verified": "bold green", "refuted": "bold red", "not run": "bold yellow"}


def print_preview(files: Sequence[FileRow], console: Console) -> None:
    """Each changed file's diff with its fixes beside it; then what is left, and why."""
    for file in files:
        if file.state is State.FAILED or not (file.diff or file.findings or file.suppressed):
            continue
        if file.diff:
            _print_diff(file.diff, console)
        for row in (*file.findings, *file.suppressed):
            _print_row(row, console)
        console.print()


def _print_diff(diff: str, console: Console) -> None:
    from rich.text import Text

    for line in diff.splitlines():
        style = ""
        if line.startswith(("+++", "---")):
            style = "bold"
        elif line.startswith("@@"):
            style = "cyan"
        elif line.startswith("+"):
            style = "green"
        elif line.startswith("-"):
            style = "red"
        console.print(Text(line, style=style), soft_wrap=True)


def _print_row(row: FindingRow, console: Console) -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    head = Text()
    head.append("  fixed " if row.applied else "  left  ", "green" if row.applied else "yellow")
    head.append(f"{row.code} {row.rule}", "bold")
    head.append(f"  {row.where}", "dim")
    console.print(head, soft_wrap=True)
    grid = Table.grid(padding=(0, 2))
    for label, text in _details(row):
        grid.add_row(Text(label, "dim"), text)
    console.print(Padding(grid, (0, 0, 0, 8)))


def _details(row: FindingRow) -> Iterator[tuple[str, Text]]:
    """What is known of a fix: a label, and the words beside it."""
    from rich.text import Text

    yield "why", Text(row.message)
    contract = Text()
    contract.append(row.contract.name, "magenta")
    contract.append(f": {row.contract.promise}")
    yield "contract", contract
    if isinstance(row.contract, Meaning):
        yield "changes", Text(row.contract.changes)
        yield "keeps", Text(row.contract.keeps)
    if row.note:
        yield "sharpness", Text(row.note)
    if row.verdict is not None:
        word = row.verdict.outcome.value
        line = Text()
        line.append(word, _OUTCOMES[word])
        line.append(verdict_line(row.verdict)[len(word) :])
        yield "verdict", line
        for text in _witness(row):
            yield "", Text(text, "dim")
        for sentence in row.verdict.disagreements:
            yield "finding", Text(sentence, "yellow")
    elif row.applied:
        yield "verdict", Text("not verified", "bold yellow")
    if not row.applied and (row.reason or opt_in(row)):
        yield "reason", Text(row.reason or f"needs-opt-in: --allow {opt_in(row)}")


def _witness(row: FindingRow) -> list[str]:
    """The counterexample of a refuted fix."""
    from lossfix.report.verdict_text import cut, numbers

    found = row.verdict.counterexample if row.verdict is not None else None
    if not found:
        return []
    inputs = [f"{k} = {cut(numbers(v))}" for k, v in (found.get("inputs") or {}).items()]
    sides = [
        f"{key}: value {cut(numbers(found[key].get('value')))}"
        for key in ("before", "after")
        if isinstance(found.get(key), dict)
    ]
    return [*inputs, *sides]


def preview_svg(files: Sequence[FileRow], title: str, width: int = 100) -> str:
    """The preview as an SVG picture."""
    from rich.console import Console

    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    print_preview(files, console)
    return console.export_svg(title=title)
