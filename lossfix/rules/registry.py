"""The rules that are installed: the catalogue and any other pack, by one entry point group."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from functools import cache

from lossfix.errors import RuleError
from lossfix.rules.contracts import CONTRACTS
from lossfix.rules.own import OWN_RULES
from lossfix.rules.packs import packs
from lossfix.rules.rule import Rule


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule of every installed pack, by code.

    Raises RuleError where a pack cannot be loaded or two rules share a code or a name.
    """
    found: list[Rule] = []
    for name, reference in packs().items():
        module, _, attribute = reference.partition(":")
        try:
            found.extend(getattr(importlib.import_module(module), attribute))
        except Exception as error:  # a pack is somebody's code; name it, whatever it raised
            raise RuleError(f"rule pack {name!r} cannot be loaded: {error}") from error
    for key in ("code", "name"):
        _reject_twins([getattr(rule, key) for rule in (*OWN_RULES, *found)])
    return tuple(sorted(found, key=lambda rule: rule.code))


def every_rule() -> tuple[Rule, ...]:
    """The rules about lossfix's own comments, and those of every pack. Raises RuleError."""
    return (*OWN_RULES, *all_rules())


def _reject_twins(names: Sequence[str]) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise RuleError(f"two rules are called {twins[0]}; each needs a code and a name of its own")


def named(name: str, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """The rules that a code, a prefix of codes or a name means. Raises RuleError for none."""
    wanted = name.strip()
    found = tuple(
        rule
        for rule in rules
        if rule.name == wanted.lower() or rule.code.startswith(wanted.upper())
    )
    if not found or not wanted:
        raise RuleError(f"no rule is called {name!r}; `lossfix rules` lists them")
    return found


def selected(select: Sequence[str] = (), ignore: Sequence[str] = ()) -> tuple[Rule, ...]:
    """The rules that `select` names (all, where it is empty) less those that `ignore` names."""
    rules = every_rule()
    if not select and not ignore:
        return rules
    chosen = {r.code for name in select for r in named(name, rules)} if select else None
    dropped = {r.code for name in ignore for r in named(name, rules)}
    return tuple(r for r in rules if (chosen is None or r.code in chosen) and r.code not in dropped)


def allowed_by(names: Sequence[str], rules: Sequence[Rule]) -> frozenset[str]:
    """What `--allow` names mean: contracts by their names, rules by their codes.

    Raises RuleError for a name that is neither, and for one that allows nothing.
    """
    allowed: set[str] = set()
    contracts = {kind.name: kind for kind in CONTRACTS}
    for name in names:
        kind = contracts.get(name.strip().lower())
        if kind is None:
            allowed |= {rule.code for rule in named(name, rules)}
        elif kind.by_name_only or kind.name == "diagnosis":
            raise RuleError(f"{kind.name} is not allowed as a whole; name the rule, by its code")
        else:
            allowed.add(kind.name)
    return frozenset(allowed)
