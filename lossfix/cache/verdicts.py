"""Verdicts of earlier runs, by content.

A verdict is keyed by all that it rests on: the loaded part of both losses, the contract, what the
graph knows, the options with seed and sandbox, the device, every installed distribution with its
version, this machine's processor, and lossfix with its rules. It holds while the other files that
were read while it came about have the bytes they had, or are still missing. What was not run is
not kept: a second try may succeed.
"""

from __future__ import annotations

import glob
import json
import os
import platform
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from lossfix.cache.folder import cache_folder
from lossfix.cache.program import program_digest
from lossfix.cache.stamps import digest_of, newest, read, stamp_of
from lossfix.cache.store import Store

_DIGEST = b"verdict"  # the store's third key, which tells files apart; a verdict has none
_INSTALLED = (".dist-info", ".egg-info", ".egg-link", ".pth")
_GPU_MODELS = "/proc/driver/nvidia/gpus/*/information"


class Verdicts:
    """What the store knows; safe to use from several threads and processes."""

    def __init__(self, store: Store, context: bytes) -> None:
        self.store = store
        self.context = context

    def known(self, question: Mapping[str, Any]) -> Any:
        """The answer that still holds, as it was kept; None where there is none."""
        key = _key(question)
        try:
            answer, rests = json.loads(self.store.results(self.context, [key])[key, _DIGEST])
            holds = all(_digest(path) == told for path, told in dict(rests).items())
        except (KeyError, ValueError, TypeError):
            return None
        return answer if holds else None

    def keep(
        self, question: Mapping[str, Any], answer: Any, reads: Iterable[str] = (), asked: int = 0
    ) -> None:
        """Keeps an answer to what was asked at a time (ns).

        Nothing is kept where a file that it rests on changed since then.
        """
        paths = sorted(set(reads))
        if any(_moved(path, asked) for path in paths):
            return
        value = json.dumps([answer, {path: _digest(path) for path in paths}])
        self.store.write([], [(_key(question), self.context, _DIGEST, value)])


def opened() -> Verdicts | None:
    """The verdicts of this program on this machine; None where nothing is kept."""
    folder = cache_folder()
    program = program_digest() if folder else None
    if not folder or program is None:
        return None
    return Verdicts(Store(folder), digest_of(program + _surroundings()))


@cache
def _surroundings() -> bytes:
    """Digest of what is installed, and of the machine."""
    told = [platform.machine(), *_processor(), *installed(sys.path)]
    told += [os.environ.get("PYTHONPATH", ""), sys.executable]
    for path in sorted(glob.glob(_GPU_MODELS)):
        found = read(path)
        told.append("" if found is None else found[0].decode("utf-8", "replace"))
    return digest_of("\n".join(told).encode("utf-8", "surrogateescape"))


def installed(folders: Sequence[str]) -> list[str]:
    """Every installed distribution, named with its version, and every link to one's source."""
    names: set[str] = set()
    for folder in folders:
        try:
            names.update(name for name in os.listdir(folder or ".") if name.endswith(_INSTALLED))
        except OSError:
            continue
    return sorted(names)


def _processor() -> list[str]:
    """Model and features of the first processor: they decide which kernels run."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            head = file.read(8192).split("\n\n")[0]
    except OSError:
        return [platform.processor()]
    return [line for line in head.splitlines() if line.startswith(("model name", "flags"))]


def _key(question: Mapping[str, Any]) -> bytes:
    text = json.dumps(question, sort_keys=True, default=str)
    return b"verdict " + digest_of(text.encode("utf-8", "surrogatepass"))


def _digest(path: str) -> str:
    found = read(path)
    return "" if found is None else digest_of(found[0]).hex()


def _moved(path: str, asked: int) -> bool:
    """Whether a file came, went or changed since then."""
    stamp = stamp_of(path) or stamp_of(os.path.dirname(path))
    return bool(stamp) and newest(stamp) > asked


def now() -> int:
    return time.time_ns()
