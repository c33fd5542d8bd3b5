"""Where each value of a traced loss goes bad, and where its gradient does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from lossfix.verify.instrument import Site

_LOST = frozenset({"none", "zero"})
_BAD = frozenset({"nan", "inf"})


def birth_places(
    records: Sequence[Any],
    sites: Sequence[Site],
    value_of: Sequence[str],
    gradient_of: Sequence[str],
) -> list[int | None]:
    """For each record the number of the one at which its value, or else its gradient, went bad.

    `value_of` and `gradient_of` hold "ok", "nan", "inf", and of gradients also "none", "zero" and
    "data", by record. A bad value is followed up to the operation with good operands; a bad or lost
    gradient down to the operation whose own gradient is good. None where nothing is bad.
    """
    flow = _Flow(records, sites)

    def value_birth(index: int) -> int:
        return _last(index, lambda at: (o for o in flow.operands(at) if value_of[o] in _BAD))

    def gradient_birth(index: int) -> int | None:
        kinds = _BAD if gradient_of[index] in _BAD else _LOST
        # a value of another type carries no gradient, so that what made it is where it ends
        last = _last(
            index,
            lambda at: (
                c for c in flow.users(at) if gradient_of[c] in kinds and records[c].floating
            ),
        )
        users = [c for c in flow.users(last) if gradient_of[c] != "data"]
        good = [c for c in users if gradient_of[c] not in kinds or not records[c].floating]
        return next(iter(good or users), None)

    found: list[int | None] = []
    for index, record in enumerate(records):
        if value_of[index] in _BAD:
            found.append(value_birth(index))
        elif record.floating and gradient_of[index] in _BAD | _LOST:
            found.append(gradient_birth(index))
        else:
            found.append(None)
    return found


def _last(start: int, following: Callable[[int], Any]) -> int:
    """The end of a walk from `start` that takes the first way each time."""
    here, seen = start, {start}
    while True:
        step = next((each for each in following(here) if each not in seen), None)
        if step is None:
            return here
        seen.add(step)
        here = step


class _Flow:
    """Which operation reads which: records of one tensor count as the one that made it."""

    def __init__(self, records: Sequence[Any], sites: Sequence[Site]) -> None:
        first: dict[int, int] = {}  # tensor -> the operation that made it, or its first mention
        for index, record in enumerate(records):
            known = first.get(record.key)
            if known is None or (not sites[records[known].site].op and sites[record.site].op):
                first[record.key] = index
        self._made = [first[record.key] for record in records]
        self._operands: dict[int, list[int]] = defaultdict(list)
        self._users: dict[int, list[int]] = defaultdict(list)
        latest: dict[int, int] = {}
        for index, record in enumerate(records):
            for read in sites[record.site].reads if sites[record.site].op else ():
                if read in latest and latest[read] != self._made[index]:
                    self._operands[self._made[index]].append(latest[read])
                    self._users[latest[read]].append(self._made[index])
            latest[record.site] = self._made[index]

    def operands(self, index: int) -> list[int]:
        return self._operands[self._made[index]]

    def users(self, index: int) -> list[int]:
        return self._users[self._made[index]]
