"""Reading a configuration file: TOML, its keys and their types, and the line of what is wrong."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lossfix.config import OWN_NAME, SHARED_NAME, Config, shown
from lossfix.errors import ConfigError, RuleError
from lossfix.globs import Glob, well_formed
from lossfix.rules.registry import allowed_by, every_rule, named
from lossfix.rules.steer import steered

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE = "[tool.lossfix]"
_NEXT = "mend it, then run again"
_AT = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class _Value:
    """One key's value, and where it stands."""

    path: str
    text: str
    key: str
    data: Any
    within: str = ""  # the key of the table that it stands in

    def wrong(self, message: str, item: str | None = None) -> ConfigError:
        line = line_of(self.text, self.key, item)
        if line is None and self.within:
            line = line_of(self.text, self.within, item)
        return ConfigError(shown(self.path), f"{self.key}: {message}", line)


def has_table(path: str, data: bytes) -> bool:
    """Whether a pyproject.toml has the table. Raises ConfigError where it cannot be parsed."""
    return _table(_parsed(path, _decoded(path, data))) is not None


def read_config(path: str) -> Config:
    """What a file says. Raises ConfigError: where, what is wrong, what next."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        raise ConfigError(shown(path), "there is no such file; check the path") from None
    except OSError as error:
        raise ConfigError(shown(path), f"cannot be read: {error.strerror}") from None
    text = _decoded(path, data)
    table: Any = _parsed(path, text)
    if os.path.basename(path) == SHARED_NAME:
        table = _table(table)
        if table is None:
            raise ConfigError(shown(path), f"has no {TABLE} table; add one, or name another file")
    if not isinstance(table, dict):
        raise ConfigError(shown(path), f"{TABLE} must be a table of keys; {_NEXT}")
    fields: dict[str, Any] = {}
    for key, value in table.items():
        reader = _READERS.get(key)
        if reader is None:
            raise _unknown(path, text, key)
        fields[key.replace("-", "_")] = reader(_Value(path, text, key, value))
    return Config(file=path, **fields)


def line_of(text: str, key: str, item: str | None = None) -> int | None:
    """The line of a key, and of a text in its value; None where it is not found."""
    lines = text.splitlines()
    start = 0
    for number, line in enumerate(lines):
        if re.match(r"\s*\[\s*tool\s*\.\s*[\"']?lossfix\b", line):
            start = number
            break
    word = rf"[\"']?{re.escape(key)}[\"']?"
    assigned = re.compile(rf"\s*{word}\s*[=.]|\s*\[(?:[^\]]*\.)?\s*{word}\s*[\].]")
    for number in range(start, len(lines)):
        if assigned.match(lines[number]):
            for later in range(number, len(lines)):
                if item is not None and re.search(rf"[\"']{re.escape(item)}[\"']", lines[later]):
                    return later + 1
            return number + 1
    return None


def _decoded(path: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(shown(path), "is not valid UTF-8; write it as UTF-8", line) from None


def _parsed(path: str, text: str) -> Mapping[str, Any]:
    try:
        parsed: Mapping[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _AT.search(str(error))
        line = int(at[1]) if at and at[1] else len(text.splitlines()) or 1
        message = _AT.sub("", str(error))
        message = message[:1].lower() + message[1:]
        raise ConfigError(shown(path), f"is no valid TOML: {message}; {_NEXT}", line) from None
    except RecursionError:
        raise ConfigError(shown(path), f"is nested too deeply; {_NEXT}") from None
    return parsed


def _table(data: Mapping[str, Any]) -> Any:
    tools = data.get("tool")
    return tools.get("lossfix") if isinstance(tools, dict) else None


def _unknown(path: str, text: str, key: str) -> ConfigError:
    import difflib

    line = line_of(text, key)
    if key == "tool" and os.path.basename(path) == OWN_NAME:
        return ConfigError(shown(path), f"keys stand here without {TABLE}; take that out", line)
    near = difflib.get_close_matches(key.replace("_", "-"), _READERS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(_READERS)}"
    return ConfigError(shown(path), f"there is no key {key!r}; {hint}", line)


# the values


def _texts(value: _Value) -> tuple[str, ...]:
    data = value.data
    if not isinstance(data, list) or not all(isinstance(item, str) for item in data):
        raise value.wrong(f'must be a list of texts, such as {value.key} = ["..."]; {_NEXT}')
    if not all(item.strip() for item in data):
        raise value.wrong(f"holds an empty text; {_NEXT}", "")
    return tuple(data)


def _rules(value: _Value) -> tuple[str, ...]:
    """Codes, prefixes and names, each of which means a rule."""
    names = _texts(value)
    rules = every_rule()
    for name in names:
        try:
            named(name, rules)
        except RuleError as error:
            raise value.wrong(str(error), name) from None
    return names


def _select(value: _Value) -> tuple[str, ...]:
    names = _rules(value)
    if not names:
        raise value.wrong("names no rule; name some, or leave the key out for every rule")
    return names


def _allow(value: _Value) -> tuple[str, ...]:
    names = _texts(value)
    rules = every_rule()
    for name in names:
        try:
            allowed_by([name], rules)
        except RuleError as error:
            raise value.wrong(str(error), name) from None
    return names


def _globs(value: _Value) -> tuple[Glob, ...]:
    return tuple(_glob(value, pattern) for pattern in _texts(value))


def _glob(value: _Value, pattern: str) -> Glob:
    if ".." in pattern.split("/"):
        message = f"{pattern!r} leaves the folder of this file; globs are relative to it"
        raise value.wrong(message, pattern)
    if not well_formed(pattern):
        raise value.wrong(f"{pattern!r} is no glob: its brackets hold no range; {_NEXT}", pattern)
    return Glob(os.path.dirname(value.path), pattern)


def _per_file(value: _Value) -> tuple[tuple[Glob, tuple[str, ...]], ...]:
    if not isinstance(value.data, dict):
        raise value.wrong(f'must be a table, such as {{ "tests/**" = ["LF2"] }}; {_NEXT}')
    return tuple(
        (_glob(value, pattern), _rules(_Value(value.path, value.text, pattern, names, value.key)))
        for pattern, names in value.data.items()
    )


def _sharpness(value: _Value) -> float:
    data = value.data
    number = isinstance(data, (int, float)) and not isinstance(data, bool)
    if not number or not 0 < data < math.inf:
        raise value.wrong(f"must be a number above 0, such as 10.0; {_NEXT}")
    return float(data)


def _by_rule(value: _Value, example: str) -> Mapping[str, Any]:
    """A table with rules for keys."""
    if not isinstance(value.data, dict):
        raise value.wrong(f"must be a table, such as {{ {example} }}; {_NEXT}")
    for name in value.data:
        try:
            named(name, every_rule())
        except RuleError as error:
            raise value.wrong(str(error), name) from None
    return value.data


def _rule_sharpness(value: _Value) -> tuple[tuple[str, float], ...]:
    return tuple(
        (rule, _sharpness(_Value(value.path, value.text, rule, k, value.key)))
        for rule, k in _by_rule(value, "LF203 = 5.0").items()
    )


def _kernels(value: _Value) -> tuple[tuple[str, str], ...]:
    pairs = tuple(_by_rule(value, 'LF203 = "smoothstep"').items())
    for rule, kernel in pairs:
        try:
            steered(every_rule(), (), ((rule, str(kernel)),))
        except RuleError as error:
            raise value.wrong(str(error), rule) from None
    return pairs


def _path(value: _Value) -> str:
    if not isinstance(value.data, str) or not value.data.strip():
        raise value.wrong(f'must be a path, such as "lossfix-baseline.json"; {_NEXT}')
    return os.path.normpath(os.path.join(os.path.dirname(value.path), value.data))


_READERS: Mapping[str, Callable[[_Value], Any]] = {
    "select": _select,
    "ignore": _rules,
    "per-file-ignores": _per_file,
    "exclude": _globs,
    "allow": _allow,
    "sharpness": _sharpness,
    "rule-sharpness": _rule_sharpness,
    "kernels": _kernels,
    "predictions": _texts,
    "labels": _texts,
    "settings": _texts,
    "baseline": _path,
}


def keys() -> Sequence[str]:
    """The keys that a configuration may have, in the order in which they are shown."""
    return tuple(_READERS)
