"""Checking a file so that the answer can be kept: with the digest of the very bytes it is about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lossfix.cache.stamps import digest_of, read
from lossfix.check import check_file
from lossfix.report.rows import FileRow
from lossfix.rules.rule import Rule


class Examined(NamedTuple):
    """A row; the digest of the bytes, None where there were none; their stamp, if it is settled."""

    row: FileRow
    digest: bytes | None
    stamp: str


def examine(path: Path, rules: Sequence[Rule], function: str | None = None) -> Examined:
    """Check one file, which is read once."""
    found = read(str(path))
    if found is None:  # reading it again says why
        return Examined(check_file(path, rules, function), None, "")
    data, stamp = found
    return Examined(check_file(path, rules, function, data), digest_of(data), stamp)
