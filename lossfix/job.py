"""A job: one file to check, with all that its answer depends on beside its bytes."""

from __future__ import annotations

from typing import NamedTuple

Globs = tuple[str, ...]


class Job(NamedTuple):
    """What to look for in a file.

    `function` is the one that was named, if one was; `codes` are those of the rules; `roles` are
    globs of names that stand for predictions, labels and settings.
    """

    path: str
    function: str | None
    codes: tuple[str, ...]
    roles: tuple[Globs, Globs, Globs] = ((), (), ())


def job_of(data: list[object]) -> Job:
    """A job as JSON gives it back."""
    path, function, codes, roles = data
    globs = tuple(tuple(map(str, each)) for each in roles)  # type: ignore[attr-defined]
    return Job(
        str(path),
        None if function is None else str(function),
        tuple(codes),  # type: ignore[arg-type]
        (globs[0], globs[1], globs[2]),
    )
