"""Conditions of rules: what the code calls a value, and what is made of it."""

from __future__ import annotations

from collections.abc import Iterator

from lossfix.graph.conventions import role_of, says_prediction, speaks_of_scale, words
from lossfix.graph.nodes import INPUT, OPAQUE, Node, Role
from lossfix.rules.pattern import Condition, Match
from lossfix.rules.structure import stripped
from lossfix.rules.usage import contents_of, holds_part, users_of


def is_called(name: str, *spoken: str) -> Condition:
    """A parameter, or a variable of the code, that holds the value has one of these words."""

    def holds(match: Match) -> bool:
        names = _names_of(match.values[name], match)
        return any(set(words(each)) & set(spoken) for each in names)

    return holds


def is_surely_predicted(name: str) -> Condition:
    """A part of the value has a name that can only mean a prediction, or is made by a layer."""
    return lambda match: any(
        (part.op == INPUT and says_prediction(part.name)) or part.op == "variable"
        for part in contents_of(match.values[name])
        if match.facts.varied(part)
    )


def is_scale(name: str) -> Condition:
    """The code calls the value a scale, a spread or a rate, and no probability."""
    return lambda match: any(map(speaks_of_scale, _names_of(match.values[name], match)))


def _names_of(node: Node, match: Match) -> Iterator[str]:
    """What the code calls a value."""
    yield node.name
    yield from (d.name for d in match.unit.definitions if d.value.number == node.number)


def says_what_it_is(name: str) -> Condition:
    """No parameter that is only called `x` or `inputs`, which can be anything."""

    def holds(match: Match) -> bool:
        node = stripped(match.values[name])
        return not (node.op == INPUT and node.name in _BARE_NAMES)

    return holds


_BARE_NAMES = frozenset({"x", "a", "b", "input", "inputs"})


def is_target(match: Match) -> bool:
    """The code calls the value a label: what a prediction is compared with needs no gradient."""
    made = {node.number for node in match.interior}
    names = [d.name for d in match.unit.definitions if d.value.number in made]
    if any(role_of(name, False) is Role.LABEL for name in names) or _is_given_beside(match):
        return True
    targets = (d.value for d in match.unit.definitions if "target" in words(d.name))
    return any(match.root.number in {n.number for n in each.walk()} for each in targets)


def is_mask_on_purpose(match: Match) -> bool:
    """The code calls what it makes of the value a mask or a weight, and a gradient goes to the
    loss beside it."""
    named = (
        d.value for d in match.unit.definitions if {"mask", "masks", "weight"} & set(words(d.name))
    )
    if not any(holds_part(value, match.root) for value in named):
        return False
    return any(map(match.facts.smooth, match.unit.results))


def _is_given_beside(match: Match) -> bool:
    """All that is done with the value is to call something with it and with predictions."""
    users = users_of(match.root.number, match)
    return bool(users) and all(
        user.op == OPAQUE
        and user.name != "[]"
        and any(match.facts.smooth(arg) for arg in user.args if arg.number != match.root.number)
        for user in users
    )
