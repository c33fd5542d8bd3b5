"""Fixtures that say on each line what must be found there.

`# finds LF101` at the end of a line expects one finding of that code on it; `LF101|LF102` expects
one of either code, `LF106, LF107` two findings, and `LF137?` allows one and does not expect it.
`LF106@name` on several lines expects one finding on any of them: a defect that a helper and its
caller share. A line without a label expects none.
"""

import re
from dataclasses import dataclass

from lossfix.check import check_file
from lossfix.report.rows import State
from lossfix.rules.registry import all_rules

_ONE = r"LF\d{3}(?:\|LF\d{3})*(?:\?|@\w+)?"
_LABEL = re.compile(rf"# finds ({_ONE}(?:, {_ONE})*)$")


@dataclass(frozen=True)
class Label:
    """One finding that is expected, or allowed: of any of `codes`, on any of `lines`."""

    lines: tuple[int, ...]
    codes: frozenset[str]
    expected: bool

    def takes(self, finding):
        on_line = any(finding.line <= line <= finding.end_line for line in self.lines)
        return finding.code in self.codes and on_line


def labels_of(text):
    """Every label of a file, those that must be served before those that may be."""
    shared = {}
    for number, line in enumerate(text.splitlines(), 1):
        label = _LABEL.search(line)
        assert label or "# finds" not in line, f"line {number}: not a label: {line}"
        for index, one in enumerate(label[1].split(", ") if label else ()):
            name = one.partition("@")[2] or (number, index)
            codes = frozenset(re.findall(r"LF\d{3}", one))
            before = shared.get(name, Label((), codes, not one.endswith("?")))
            assert before.codes == codes, f"line {number}: {name} has other codes elsewhere"
            shared[name] = Label((*before.lines, number), codes, before.expected)
    return sorted(shared.values(), key=lambda label: not label.expected)


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
        *(shown("missing", "|".join(sorted(label.codes)), label.lines[0]) for label in missing),
        *(shown("unexpected", finding.code, finding.line) for finding in extra),
    ]
