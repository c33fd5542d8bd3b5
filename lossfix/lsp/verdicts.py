"""Verdicts: what running fixes showed, for as long as the text they rest on is the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lossfix.editing.recheck import Checked

_MOST = 500  # functions whose verdicts are kept
VERIFIED, REFUTED, NOT_RUN = "verified", "refuted", "not run"


@dataclass(frozen=True, slots=True)
class Proof:
    """One trial as the child tells it. `line` is one line, `text` several."""

    key: str
    code: str
    title: str
    outcome: str
    line: str
    text: str
    verdict: Mapping[str, Any]

    @property
    def counterexample(self) -> str:
        """Where it fails and how, in one line; empty where there is none."""
        found = self.verdict.get("counterexample")
        return str(found.get("message") or "") if isinstance(found, Mapping) else ""


@dataclass(frozen=True, slots=True)
class Ran:
    """All that one verification of a function showed."""

    outcome: str
    proofs: tuple[Proof, ...]

    def of(self, key: str) -> Proof | None:
        return next((proof for proof in self.proofs if proof.key == key), None)


_Key = tuple[str, str, int, object]


class Verdicts:
    """By path, function, and the key of what its text depends on."""

    def __init__(self) -> None:
        self._known: OrderedDict[_Key, Ran] = OrderedDict()
        self.generation = 0

    def put(self, path: str, function: str, key: int, about: object, ran: Ran) -> None:
        self._known[path, function, key, about] = ran
        self._known.move_to_end((path, function, key, about))
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        self.generation += 1

    def of(self, path: str, function: str, checked: Checked, about: object) -> Ran | None:
        """What was shown of the function as it stands; None where its text is another."""
        if not self._known:
            return None
        return self._known.get((path, function, checked.key_of(function), about))

    def refuted(self, path: str, checked: Checked, about: object) -> frozenset[str]:
        """The keys of fixes that are withdrawn: refuted alone, or where only together they fail."""
        found: set[str] = set()
        for loss in checked.losses:
            ran = self.of(path, loss.name, checked, about)
            if ran is not None:
                found.update(_refuted(ran.proofs))
        return frozenset(found)

    def forget(self, path: str) -> None:
        """Drop what rests on files that have changed."""
        for key in [key for key in self._known if key[0] == path]:
            del self._known[key]
        self.generation += 1


def _refuted(proofs: Sequence[Proof]) -> set[str]:
    alone = {proof.key for proof in proofs if proof.outcome == REFUTED}
    if alone == {"together"}:
        return {proof.key for proof in proofs}
    return alone
