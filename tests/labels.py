"""Fixtures that say on each line what must be found there.

`# finds LF101` at the end of a line expects one finding of that code on it; `LF101|LF102` expects
one of either code, and `LF106, LF107` two findings. A line without a label expects none.
"""

import re
from dataclasses import dataclass

from lossfix.check import check_file
from lossfix.report.rows import State
from lossfix.rules.registry import all_rules

_LABEL = re.compile(r"# finds ((?:LF\d{3}[|, ]*)+)$")


@dataclass(frozen=True)
class Label:
    """One finding that a line expects: any one of `codes`."""

    line: int
    codes: frozenset[str]

    def takes(self, finding):
        return finding.code in self.codes and finding.line <= self.line <= finding.end_line


def labels_of(text):
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        label = _LABEL.search(line)
        if label is not None:
            wanted = label[1].split(",")
            found += [Label(number, frozenset(re.findall(r"LF\d{3}", one))) for one in wanted]
        else:
            assert "# finds" not in line, f"line {number}: not a label: {line}"
    return found


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
    missing = [label for index, label in enumerate(labels) if index not in serves.values()]
    extra = [finding for index, finding in enumerate(row.findings) if index not in serves]
    return [
        *(
            f"missing {'|'.join(sorted(label.codes))} at {path.name}:{label.line}: "
            f"{lines[label.line - 1].strip()}"
            for label in missing
        ),
        *(
            f"unexpected {finding.code} at {path.name}:{finding.line}: "
            f"{lines[finding.line - 1].strip()}"
            for finding in extra
        ),
    ]
