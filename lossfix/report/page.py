"""The report as one HTML page that needs nothing beside it: diffs, verdicts and plots.

`page` takes the rows that `rewrite` and `migrate` have. A verdict that carries a curve gets a
picture; a `Prover` with `curves=True` makes such verdicts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files

import lossfix
from lossfix.report.plot import curve_svg
from lossfix.report.rows import FileRow, FindingRow, State, opt_in
from lossfix.report.text import counted
from lossfix.report.verdict_text import cut, numbers, verdict_line
from lossfix.rules.contracts import Meaning

NOT_VERIFIED = "not verified"
LEFT = "left as it was"
_SIGNS = {"verified": "✓", "refuted": "✗", "not run": "○", NOT_VERIFIED: "○", LEFT: "–"}
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def page(rows: Sequence[FileRow], title: str = "lossfix report") -> Iterator[str]:
    """The page in pieces, file by file, to be written one after the other in UTF-8."""
    looked = counted(len(rows), "file")
    shown = [row for row in rows if row.diff or row.findings or row.state is State.FAILED]
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_asset('page.css')}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n"
        f'<p class="soft">lossfix {lossfix.__version__}; {looked} looked at</p>\n'
    )
    findings = [row for file in shown for row in file.findings]
    yield _counts(findings)
    yield _form(findings)
    yield "<main>\n"
    for row in shown:
        yield from _file(row)
    if not shown:
        yield "<p>Nothing was found.</p>\n"
    yield f"</main>\n<script>\n{_asset('page.js')}</script>\n</body>\n</html>\n"


def word_of(row: FindingRow) -> str:
    """What became of a finding, in a word or two: its verdict, where it has one."""
    if row.verdict is not None:
        return row.verdict.outcome.value
    return NOT_VERIFIED if row.applied else LEFT


def _asset(name: str) -> str:
    return files("lossfix.report").joinpath(name).read_text(encoding="utf-8")


def _counts(findings: Sequence[FindingRow]) -> str:
    """A table: a line for each rule, a column for each verdict."""
    words = [word for word in _SIGNS if any(word_of(row) == word for row in findings)]
    counted = Counter((row.code, row.rule, word_of(row)) for row in findings)
    if not counted:
        return ""
    head = "".join(f'<th scope="col">{_SIGNS[word]} {word}</th>' for word in words)
    lines = []
    for code, rule in sorted({(row.code, row.rule) for row in findings}):
        cells = "".join(f"<td>{counted[code, rule, word] or ''}</td>" for word in words)
        lines.append(f'<tr><th scope="row">{escape(f"{code} {rule}")}</th>{cells}</tr>')
    return (
        f'<table class="counts"><thead><tr><th scope="row">rule</th>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table>\n"
    )


def _form(findings: Sequence[FindingRow]) -> str:
    """The filter; without scripts it is not shown, and everything else is."""
    rules = sorted({(row.code, f"{row.code} {row.rule}") for row in findings})
    words = [(word, word) for word in _SIGNS if any(word_of(row) == word for row in findings)]
    return (
        "<form hidden>"
        f'<label>rule <select name="rule">{_options(rules)}</select></label>'
        f'<label>verdict <select name="verdict">{_options(words)}</select></label>'
        '<label>words <input name="words" type="search" autocomplete="off"></label>'
        '<span id="shown" class="soft" role="status"></span></form>\n'
    )


def _options(choices: Sequence[tuple[str, str]]) -> str:
    every = '<option value="">all</option>'
    some = (f'<option value="{escape(v)}">{escape(text)}</option>' for v, text in choices)
    return every + "".join(some)


def _file(file: FileRow) -> Iterator[str]:
    yield f'<section class="file">\n<h2><code>{escape(file.path)}</code></h2>\n'
    if file.state is State.FAILED:
        yield f'<p class="refuted">✗ failed: {escape(file.reason)}</p>\n'
    if file.diff:
        yield _diff(file.diff)
    for row in file.findings:
        yield _fix(row)
    yield "</section>\n"


def _diff(diff: str) -> str:
    lines = (f"<span{_kind(line)}>{escape(line)}</span>" for line in diff.splitlines())
    return f"<pre>{''.join(lines)}</pre>\n"


def _kind(line: str) -> str:
    kinds = {"+++": "hunk", "---": "hunk", "@@": "hunk", "+": "added", "-": "removed"}
    found = next((kind for start, kind in kinds.items() if line.startswith(start)), "")
    return f' class="{found}"' if found else ""


def _fix(row: FindingRow) -> str:
    word = word_of(row)
    words = escape(f"{row.path} {row.function} {row.code} {row.rule} {row.message}")
    where = f"line {row.line}" + (f", {row.function}" if row.function else "")
    details = "".join(f"<dt>{label}</dt><dd>{escape(text)}</dd>" for label, text in _details(row))
    curve = row.verdict.curve if row.verdict is not None else {}
    return (
        f'<article data-rule="{escape(row.code)}" data-verdict="{word}" data-words="{words}">'
        f'<header><span class="verdict {word.replace(" ", "-")}">{_SIGNS[word]} {word}</span>'
        f"<h3>{escape(f'{row.code} {row.rule}')}</h3>"
        f'<span class="soft">{escape(where)}</span></header>'
        f"<dl>{details}</dl>{curve_svg(curve)}</article>\n"
    )


def _details(row: FindingRow) -> Iterator[tuple[str, str]]:
    """What is known of a finding: a label, and the words beside it."""
    yield "why", row.message
    yield "contract", f"{row.contract.name}: {row.contract.promise}"
    if isinstance(row.contract, Meaning):
        yield "changes", row.contract.changes
        yield "keeps", row.contract.keeps
    if not row.applied and (row.reason or opt_in(row)):
        yield "left", row.reason or f"needs-opt-in: --allow {opt_in(row)}"
    verdict = row.verdict
    if verdict is None:
        return
    yield "evidence", verdict_line(verdict)
    example = verdict.counterexample or {}
    for name, value in (example.get("inputs") or {}).items():
        yield "counterexample", f"{name} = {cut(numbers(value))}"
    for side in ("before", "after"):
        if isinstance(example.get(side), dict):
            yield side, f"value {cut(numbers(example[side].get('value')))}"
    ran = [context for context in verdict.contexts if context.regimes]
    if ran:
        yield "run in", ", ".join(f"{c.mode} {c.dtype}" for c in ran) + f" on {verdict.device}"
    for context in verdict.contexts:
        if not context.regimes and context.reason:
            yield "not run in", f"{context.mode} {context.dtype}: {cut(context.reason)}"
    for note in verdict.notes:
        yield "note", note
    if verdict.versions:
        told = ", ".join(f"{name} {number}" for name, number in verdict.versions.items())
        yield "with", f"{told}; seed {verdict.seed}"
