"""Whether the gate loses findings: every file of a folder, checked with it and without it.

    python benchmarks/gate.py FOLDER [FOLDER ...]

Prints each finding that only one of the two ways has, and the numbers; exit 1 where they differ.
"""

from __future__ import annotations

import argparse
import gc
import os
from pathlib import Path

from lossfix.errors import SourceError
from lossfix.graph.module import Module
from lossfix.graph.packages import Packages
from lossfix.graph.reach import may_reach_framework
from lossfix.rules.find import find_in
from lossfix.rules.registry import all_rules
from lossfix.rules.words import words_of
from lossfix.source.files import Source, decode, python_files, read_bytes
from lossfix.source.gate import may_hold_a_loss
from lossfix.source.text import Text

Found = set[tuple[str, int, str]]


def main() -> int:
    """Compare, print, and give the exit code."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folders", nargs="+", type=Path)
    gc.disable()
    packages = Packages()
    files = both = passed = 0
    differing: list[str] = []
    for path in python_files(arguments.parse_args().folders):
        if isinstance(path, SourceError):
            continue
        files += 1
        try:
            data = read_bytes(path)
            source = decode(path, data)
            bare = _found(source, packages, gated=False)
        except (SourceError, SyntaxError, ValueError, RecursionError):
            continue
        gated: Found = set()
        place = os.path.abspath(path)
        if (
            may_hold_a_loss(data)
            and words_of(all_rules()).in_file(source.text, place)
            and may_reach_framework(source.text, place, packages)
        ):
            passed += 1
            gated = _found(source, packages, gated=True)
        both += len(bare & gated)
        differing += [f"only without the gate: {found}" for found in sorted(bare - gated)]
        differing += [f"only with the gate: {found}" for found in sorted(gated - bare)]
    print(*differing, sep="\n", end="\n" if differing else "")
    print(f"{files} files, {passed} past the gate; {both} findings both ways, {len(differing)} not")
    return 1 if differing else 0


def _found(source: Source, packages: Packages, *, gated: bool) -> Found:
    text = Text(source.text)
    index = packages.index(os.path.abspath(source.path), source.text)
    module = Module(index, packages)
    worth = words_of(all_rules()).units(index, text) if gated else None
    findings = find_in(module, text, all_rules(), None, worth)
    return {(f.rule.code, text.position(f.span.start).line, str(source.path)) for f in findings}


if __name__ == "__main__":
    raise SystemExit(main())
