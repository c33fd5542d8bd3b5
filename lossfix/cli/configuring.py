"""`lossfix config`: what applies to a path, and where it comes from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lossfix.config import Config, Flags, config_for, rules_for, shown
from lossfix.config_file import keys, line_of
from lossfix.errors import SourceError
from lossfix.report.as_json import dumps
from lossfix.report.formats import JSON
from lossfix.rules.registry import every_rule

_DEFAULT = "default"


def show_config(path: str, flags: Flags, output_format: str) -> int:
    """Prints every key with its value and source. Raises LossfixError."""
    if not os.path.exists(path):
        raise SourceError(path, "there is no such file or folder; check the path")
    config = config_for(Path(path), flags)
    looked_for = {rule.code for rule in rules_for(config, Path(path))}
    dropped = [rule.code for rule in every_rule() if rule.code not in looked_for]
    absolute = os.path.abspath(path)
    excluded_by = [glob.pattern for glob in config.exclude if glob.matches(absolute)]
    values = dict(_values(config))
    sources = _sources(config, values)
    if output_format == JSON:
        print(
            dumps(
                {
                    "path": path,
                    "file": config.file,
                    "keys": {k: {"value": v, "source": sources[k]} for k, v in values.items()},
                    "rules": sorted(looked_for),
                    "excluded_by": excluded_by,
                }
            )
        )
        return 0
    print(f"{path}: {_from(config)}")
    width = max(map(len, values))
    for key, value in values.items():
        print(f"  {key:{width}}  {_text(key, value)}  ({sources[key]})")
    less = f", less {', '.join(dropped)}" if dropped else ""
    print(f"Looks for {len(looked_for)} of {len(every_rule())} rules here{less}.")
    if excluded_by:
        print(f"Left out of folders that are walked, by {', '.join(excluded_by)}.")
    return 0


def _from(config: Config) -> str:
    if config.file is None:
        return "no configuration file applies"
    return f"{shown(config.file)} applies"


def _values(config: Config) -> Iterator[tuple[str, Any]]:
    """Every key with its value as the file would have it."""
    for key in keys():
        value: Any = getattr(config, key.replace("-", "_"))
        if key == "per-file-ignores":
            value = {glob.pattern: list(names) for glob, names in value}
        elif key in ("rule-sharpness", "kernels"):
            value = {rule: [str(each)] for rule, each in value}
        elif key == "exclude":
            value = [glob.pattern for glob in value]
        elif key == "baseline":
            value = None if value is None else shown(value)
        elif isinstance(value, tuple):
            value = list(value)
        yield key, value


def _sources(config: Config, values: Mapping[str, Any]) -> Mapping[str, str]:
    """Key -> `file:line`, or "default"."""
    if config.file is None:
        return dict.fromkeys(values, _DEFAULT)
    text = Path(config.file).read_text(encoding="utf-8-sig")
    lines = {key: line_of(text, key) for key, value in values.items() if value}
    place = shown(config.file)
    return {
        key: f"{place}:{lines[key]}" if lines.get(key) else place if key in lines else _DEFAULT
        for key in values
    }


def _text(key: str, value: Any) -> str:
    if not value:
        return "every rule" if key == "select" else "-"
    if isinstance(value, Mapping):
        return "; ".join(f"{glob}: {', '.join(names)}" for glob, names in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
