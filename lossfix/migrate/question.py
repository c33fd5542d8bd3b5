"""Questions: what is asked of a file, and the key under which the journal has the answer.

An answer rests on the file's bytes, on all that was asked, and on the program that gave it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from lossfix.cache.program import program_digest
from lossfix.cache.stamps import digest_of
from lossfix.config import Flags, config_for, rules_for
from lossfix.job import Globs
from lossfix.migrate.choices import Until
from lossfix.migrate.journal import Key
from lossfix.migrate.tasks import VERIFY, Setup, Task
from lossfix.rules.registry import allowed_by, every_rule

_FRAMEWORKS = ("tensorflow", "tensorflow-cpu", "keras", "jax", "torch")


@dataclass(frozen=True)
class Asked:
    """What a migration is to do. `root` is absolute."""

    setup: Setup
    flags: Flags
    until: Until = Until.PLAN
    keep_unrun: bool = False

    @property
    def root(self) -> Path:
        return Path(self.setup.root)


class File(NamedTuple):
    """A file as it was looked at, and what its configuration asks for."""

    path: bytes
    digest: bytes
    size: int
    codes: tuple[str, ...]
    roles: tuple[Globs, Globs, Globs]
    allow: tuple[str, ...]
    sharpness: float | None
    rule_sharpness: tuple[tuple[str, float], ...]
    kernels: tuple[tuple[str, str], ...]


def file_at(asked: Asked, name: bytes) -> File:
    """The file by its path from the root. Raises OSError, and ConfigError."""
    place = asked.root / os.fsdecode(name)
    data = place.read_bytes()
    config = config_for(place, asked.flags)
    codes = tuple(rule.code for rule in rules_for(config, place))
    roles = (config.predictions, config.labels, config.settings)
    allow = _permitted(config.allow)
    digest = digest_of(data)
    smooth = (config.sharpness, config.rule_sharpness, config.kernels)
    return File(name, digest, len(data), codes, roles, allow, *smooth)


def task_of(asked: Asked, step: str, file: File) -> Task:
    return Task(
        step,
        os.fsdecode(file.path),
        file.digest.hex(),
        file.codes,
        file.roles,
        file.allow,
        file.sharpness,
        asked.keep_unrun,
        file.rule_sharpness,
        file.kernels,
    )


def key_of(asked: Asked, step: str, file: File) -> Key:
    question: list[Any] = [step, file.codes, file.roles, file.allow]
    question += [file.sharpness, file.rule_sharpness, file.kernels]
    if step == VERIFY:
        question += [asked.keep_unrun, *asked.setup[1:], _versions()]
    return Key(step, file.path, file.digest, _program() + digest_of(_as_bytes(question)))


@cache
def _permitted(allow: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(allowed_by(allow, every_rule())))


@cache
def _program() -> bytes:
    return program_digest() or b""


@cache
def _versions() -> tuple[str, ...]:
    """Of the frameworks that losses are run with, without importing them."""
    return tuple(_version(name) for name in _FRAMEWORKS)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _as_bytes(data: object) -> bytes:
    return json.dumps(data).encode("utf-8", "surrogateescape")
