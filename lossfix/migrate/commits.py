"""Commits: one a rule on a branch, made of what a migration wrote and of nothing else.

They are made beside the working tree: a blob a stage, a tree and a commit a rule; then the branch
is put there and HEAD on it. Hooks do not run. What else is changed or staged stays as it is.
"""

from __future__ import annotations

import os
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lossfix.cache.stamps import digest_of
from lossfix.errors import MigrateError
from lossfix.migrate.git import git, in_repository, try_git
from lossfix.migrate.journal import Journal, Write, WriteState
from lossfix.report.migration import outcome_of
from lossfix.report.rows import FindingRow
from lossfix.report.verdict_text import verdict_line
from lossfix.rules.registry import every_rule

BRANCH = "lossfix"
_WIDTH = 72


class Committed(NamedTuple):
    """How many commits stand on a branch, and the files that are in none of them."""

    branch: str
    commits: int
    left_out: tuple[str, ...]


def ready_to_commit(root: Path, branch: str, allow_dirty: bool, journal: Journal) -> None:
    """Raises MigrateError, before anything is written, where no commit could be made."""
    if not in_repository(root):
        raise MigrateError(f"{root}: is in no git repository; go without --commit")
    if try_git(root, "rev-parse", "--verify", "-q", "HEAD") is None:
        raise MigrateError(f"{root}: its repository has no commit yet; make one first")
    git(root, "var", "GIT_COMMITTER_IDENT")
    git(root, "check-ref-format", "--branch", branch)
    exists = try_git(root, "rev-parse", "--verify", "-q", _ref(branch)) is not None
    if exists and _head(root) != _ref(branch):
        raise MigrateError(f"there is a branch {branch!r} already; name another with --branch")
    dirty = [] if allow_dirty else _dirty(root, journal)
    if dirty:
        raise MigrateError(
            f"{os.fsdecode(dirty[0])} has changes that are not committed; "
            "commit them first, or say --allow-dirty"
        )


def commit(root: Path, journal: Journal, run: int, branch: str) -> Committed:
    """Commits what a run wrote and did not commit yet. Raises MigrateError."""
    writes = [w for w in journal.writes(WriteState.WRITTEN, run=run) if not w.committed]
    tree = _Tree(root, journal.folder / "index")
    try:
        taken, left_out = tree.sorted_out(writes)
        parent = git(root, "rev-parse", "HEAD").strip()
        number = 0
        for round_ in sorted({write.round for write in taken}):
            here = [write for write in taken if write.round == round_]
            for code in sorted({stage.code for write in here for stage in write.stages}):
                parent = tree.commit(code, here, parent)
                number += 1
        if number:
            git(root, "update-ref", _ref(branch), parent)
            git(root, "symbolic-ref", "HEAD", _ref(branch))
            tree.into_real_index()
            journal.mark_committed([write.id for write in taken], branch)
    finally:
        tree.close()
    return Committed(branch, number, tuple(sorted({os.fsdecode(w.path) for w in left_out})))


def _ref(branch: str) -> str:
    return f"refs/heads/{branch}"


def _head(root: Path) -> str:
    return (try_git(root, "symbolic-ref", "-q", "HEAD") or b"").decode().strip()


def _dirty(root: Path, journal: Journal) -> list[bytes]:
    """Tracked files that differ from HEAD by more than what a migration wrote into them."""
    top = git(root, "rev-parse", "--show-toplevel").removesuffix(b"\n")
    states = (WriteState.WRITTEN, WriteState.PENDING)
    ours = {
        os.path.realpath(os.path.join(os.fsencode(root), write.path)): write.after
        for write in journal.writes(*states)
        if not write.committed
    }
    changed = git(root, "diff", "--name-only", "-z", "--no-renames", "HEAD", "--", ":/")
    return [
        path
        for path in changed.split(b"\0")
        if path and not _is_ours(os.path.realpath(os.path.join(top, path)), ours)
    ]


def _is_ours(path: bytes, ours: dict[bytes, bytes]) -> bool:
    try:
        with open(path, "rb") as file:
            return ours.get(path) == digest_of(file.read())
    except OSError:
        return False


class _Tree:
    """An index of our own, which starts as HEAD's tree."""

    def __init__(self, root: Path, place: Path) -> None:
        self.root = root
        self._place = place
        self._own = {"GIT_INDEX_FILE": str(place)}
        self._prefix = git(root, "rev-parse", "--show-prefix").removesuffix(b"\n")
        self._modes: dict[bytes, bytes] = {}
        self._final: dict[bytes, bytes] = {}
        git(root, "read-tree", "HEAD", more=self._own)

    def close(self) -> None:
        self._place.unlink(missing_ok=True)

    def sorted_out(self, writes: Sequence[Write]) -> tuple[list[Write], list[Write]]:
        """The writes of files that were as in HEAD, and the others."""
        taken: list[Write] = []
        left_out: list[Write] = []
        refused: set[bytes] = set()
        known = self._in_head()
        for write in writes:
            first = write.path not in self._modes and write.path not in refused
            mode, blob = known.get(write.path, (b"", b""))
            if first and (not blob or self._blob(write.path, write.old) != blob):
                refused.add(write.path)
            if write.path in refused:
                left_out.append(write)
            else:
                self._modes[write.path] = mode
                taken.append(write)
        return taken, left_out

    def _in_head(self) -> dict[bytes, tuple[bytes, bytes]]:
        """Path from the root -> mode and blob, of every file in HEAD."""
        found: dict[bytes, tuple[bytes, bytes]] = {}
        for entry in git(self.root, "ls-tree", "-r", "-z", "HEAD").split(b"\0"):
            head, _, path = entry.partition(b"\t")
            if path:
                mode, _, blob = head.split(b" ")
                found[path] = (mode, blob)
        return found

    def _blob(self, path: bytes, data: bytes) -> bytes:
        """Stores bytes as the repository's filters have them."""
        place = b"--path=" + self._prefix + path
        return git(self.root, "hash-object", "-w", "--stdin", place, given=data).strip()

    def commit(self, code: str, writes: Sequence[Write], parent: bytes) -> bytes:
        """The commit of one rule's fixes in these writes."""
        lines: list[bytes] = []
        for write in writes:
            for stage in write.stages:
                if stage.code == code:
                    blob = self._blob(write.path, stage.data)
                    self._final[write.path] = self._line(write.path, blob)
                    lines.append(self._final[write.path])
        self._put(lines, more=self._own)
        tree = git(self.root, "write-tree", more=self._own).strip()
        message = _message(code, writes).encode("utf-8", "surrogateescape")
        return git(self.root, "commit-tree", tree, "-p", parent, "-F", "-", given=message).strip()

    def _line(self, path: bytes, blob: bytes) -> bytes:
        return self._modes[path] + b" " + blob + b"\t" + self._prefix + path + b"\0"

    def _put(self, lines: Sequence[bytes], more: Mapping[str, str] | None = None) -> None:
        git(self.root, "update-index", "-z", "--index-info", given=b"".join(lines), more=more)

    def into_real_index(self) -> None:
        """What was committed is not shown as changed."""
        self._put(list(self._final.values()))
        try_git(self.root, "update-index", "-q", "--refresh")


def _message(code: str, writes: Sequence[Write]) -> str:
    """Why, what is promised, and what running it showed."""
    rule = next(rule for rule in every_rule() if rule.code == code)
    rows = [row for w in writes for row in w.row.findings if row.applied and row.code == code]
    files = len({row.path for row in rows})
    where = "1 file" if files == 1 else f"{files} files"
    contract = rule.contract
    outcomes = Counter(map(outcome_of, rows))
    verdicts = ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()))
    return "\n".join(
        [
            f"{code} {rule.name}: {len(rows)} fixed in {where}",
            "",
            *_wrapped(rule.why),
            "",
            *_wrapped(f"Contract: {contract.name}, {contract.promise}."),
            *_wrapped(f"Verdict: {verdicts}."),
            "",
            *(line for row in rows for line in _line_of(row)),
            "",
        ]
    )


def _line_of(row: FindingRow) -> Iterator[str]:
    proof = verdict_line(row.verdict) if row.verdict is not None else "not verified"
    yield f"- {row.where} {row.function}: {proof}"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
