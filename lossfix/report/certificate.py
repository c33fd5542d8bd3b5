"""The certificate: a verdict with all that it rests on, under a published JSON schema."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from importlib.resources import files
from typing import Any

import lossfix
from lossfix.report.verdict_text import promise
from lossfix.verify import Options, Program, Verdict
from lossfix.verify.slice import Slice, SliceError, slice_module

FORMAT = "lossfix-certificate/1"
_SCHEMA = "certificate.schema.json"


def schema_text() -> str:
    """The JSON schema that every certificate keeps."""
    return files("lossfix.report").joinpath(_SCHEMA).read_text(encoding="utf-8")


def certificate(
    verdict: Verdict, before: Program, after: Program | None, options: Options
) -> dict[str, Any]:
    """The verdict's own keys, and beside them the losses, the program and how it was run.

    `after` is None where one loss was looked at alone. `report.as_json.dumps` writes it.
    """
    return {
        "format": FORMAT,
        "lossfix": lossfix.__version__,
        **verdict.as_json(),
        "promise": promise(verdict.contract),
        "sandbox": verdict.versions.get("sandbox", ""),
        "before": _loss(before),
        "after": None if after is None else _loss(after),
        "options": _options(options),
    }


def _loss(program: Program) -> dict[str, Any]:
    """A loss: where it is from, the part of its module that was loaded, and the lines left out."""
    try:
        part = slice_module(program.text, program.function)
    except SliceError:
        part = Slice("", (), ())
    return {
        "path": program.path,
        "function": program.function,
        "sha256": hashlib.sha256(program.text.encode("utf-8", "surrogatepass")).hexdigest(),
        "source": part.text,
        "left_out": [list(lines) for lines in part.left_out],
    }


def _options(options: Options) -> Mapping[str, Any]:
    found = asdict(options)
    return {key: list(v) if isinstance(v, tuple) else v for key, v in found.items()}
