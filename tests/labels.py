"""Fixtures that say on each line what must be found there.

`# finds LF101` at the end of a line expects one finding of that code on it; `LF101|LF102` expects
one of either code, `LF106, LF107` two findings, and `LF137?` allows one and does not expect it.
A line without a label expects none.
"""

import re
from dataclasses import dataclass

from lossfix.check import check_file
from lossfix.report.rows import State
from lossfix.rules.registry import all_rules

_CODES = r"LF\d{3}(?:\|LF\d{3})*\??"
_LABEL = re.compile(rf"# finds ({_CODES}(?:, {_CODES})*)$")


@dataclass(frozen=True)
class Label:
    """One finding that a line expects, or allows: any one of `codes`."""

    line: int
    codes: frozenset[str]
    expected: bool

    def takes(self, finding):
        return finding.code in self.codes and finding.line <= self.line <= finding.end_line


def labels_of(text):
    """Every label of a file, those that must be served before those that may be."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        label = _LABEL.search(line)
        assert label or "# finds" not in line, f"line {number}: not a label: {line}"
        for one in label[1].split(", ") if label else ():
            codes = frozenset(re.findall(r"LF\d{3}", one))
            found.append(Label(number, codes, not one.endswith("?")))
    return sorted(found, key=lambda label: not label.expected)


def paired(labels, findings):
    """Which finding serves which label, by index, as many as can be (augmenting paths)."""
    serves = {}

    def place(index, seen):
        for number, finding in enumerate(findings):
            if number in seen or not labels[index].takes(finding):
                continue
            seen.add(number)
            if number not in serves or place(serves[number], seen):
                serves[number] = index
                return True
        return False

    for index in range(len(labels)):
        place(index, set())
    return serves


def differences(path):
    """What is missing and what is unexpected in a file, a line of text for each; empty if right."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    row = check_file(path, all_rules())
    if row.state is State.FAILED:
        return [f"failed: {row.reason}"]
    labels = labels_of(text)
    serves = paired(labels, row.findings)
    missing = [
        label
        for index, label in enumerate(labels)
        if label.expected and index not in serves.values()
    ]
    extra = [finding for index, finding in enumerate(row.findings) if index not in serves]

    def shown(what, codes, line):
        return f"{what} {codes} at {path.name}:{line}: {lines[line - 1].strip()}"

    return [
        *(shown("missing", "|".join(sorted(label.codes)), label.line) for label in missing),
        *(shown("unexpected", finding.code, finding.line) for finding in extra),
    ]
