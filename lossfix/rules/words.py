"""Words: what must stand in a text before any rule can fit, worked out from the rules themselves.

A rule whose ops are spelled nowhere in a file cannot match in it, so the file need not be parsed;
the same holds for one function, which then need not be lifted. Whatever can be written without a
word (an operator, a subscript) asks for none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from lossfix.graph.conventions import speaks_of_loss
from lossfix.graph.index import Index, Place
from lossfix.graph.kinds import is_test, kind_of, may_be_loss, stands_among_losses, trains_nothing
from lossfix.graph.module import MODULE_LEVEL
from lossfix.graph.nodes import Kind
from lossfix.graph.vocabulary import OPS, resolve
from lossfix.rules.rule import Rule, Scope
from lossfix.rules.terms import Apply, Const, subterms
from lossfix.source.spelled import Spelled
from lossfix.source.text import Text

_BY_OPERATOR = frozenset(
    "add sub mul div neg pow square floordiv mod greater greater_equal less less_equal equal "
    "not_equal logical_and logical_or logical_not column column_kept matmul cast".split()
)
_METHODS = {
    "to_numpy": ("numpy",),
    "to_float": ("float", "item", "tolist"),
    "to_int": ("int",),
}
_EVERYWHERE = _BY_OPERATOR | {"mean", "sum", "max", "min", "reshape", "maximum", "minimum"}
"""Ops that make no finding by themselves."""

_HALVES = frozenset({".5", "/2", "/ 2"})
"""What stands in a text that writes a root as a power; plain texts, and no words."""

_LAYERS = {"softmax": ("Softmax",), "sigmoid": ("Sigmoid",)}
_SINK_CALLS = frozenset(
    "gradient gradients value_and_gradient value_and_gradients minimize compute_gradients add_loss "
    "get_updates EstimatorSpec TPUEstimatorSpec".split()
)
_FUNCTIONS = re.compile(r"def[ \t]+(\w+)")
_CLASSES = re.compile(r"class[ \t]+(\w[^:]*)")
_LOSS_ARGUMENT = re.compile(
    r"(?:(?<!\w)(?=loss\w*=[^=])|[(,]\s*)loss(?:es|_fn|_func|_function)?\s*=[^=]"
)
"""A loss that is handed over by a keyword, and none that is assigned as assignments are spaced."""


@dataclass(frozen=True, slots=True)
class Group:
    """Words of which one must stand in a text: called, or named where that does, or in any way."""

    called: frozenset[str]
    named: frozenset[str]
    parts: frozenset[str]

    def stands_in(self, part: Spelled) -> bool:
        return (
            not self.called.isdisjoint(part.called)
            or any(map(part.names, self.named))
            or any(text in part.text for text in self.parts)
        )


@dataclass(frozen=True, slots=True)
class Need:
    """One rewrite's needs: a word of each group, and each of the numbers.

    The groups that are looked up soonest, those of calls, come first.
    """

    groups: tuple[Group, ...]
    numbers: frozenset[float]


@dataclass(frozen=True, slots=True)
class Worth:
    """The units of a file that are worth lifting: those that may be losses, and other code."""

    losses: tuple[str, ...]
    others: tuple[str, ...]


class Words:
    """What the rules at hand need of a file and of a function outside all losses."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        needs = {
            _need(rewrite.before)
            for rule in rules
            if rule.scope is Scope.ANYWHERE
            for rewrite in rule.rewrites
        }
        ops = {
            term.op
            for rule in rules
            for rewrite in rule.rewrites
            for term in subterms(rewrite.before)
            if isinstance(term, Apply)
        }
        self.ops = _group(word for op in ops - _EVERYWHERE for word in _spellings(op))
        self.needs = tuple(need for need in needs if not _implied(need, needs))

    def in_file(self, content: str, path: str) -> bool:
        """Whether a file may hold a unit that is worth lifting: told by its text alone."""
        spelled = Spelled(content, whole=True)
        return (
            stands_among_losses(path)
            or ("y_true" in content and "y_pred" in content)
            or _computes_gradient(spelled)
            or any(map(speaks_of_loss, set(_FUNCTIONS.findall(content))))
            or any(map(speaks_of_loss, set(_CLASSES.findall(content))))
            or any(_may_stand_in(spelled, need) for need in self.needs)
        )

    def _may_train(self, part: Spelled) -> bool:
        """Whether a text takes a gradient, hands a loss over, or makes one with an op of a rule."""
        if _takes_gradient(part):
            return True
        if not _computes_gradient(part):
            return False
        return "compile" in part.text or " / " in part.text or self.ops.stands_in(part)

    def units(self, index: Index, text: Text) -> Worth:
        """The units that may hold a finding by themselves."""
        everything = any(_renames_an_op(local, names) for local, names in index.imports.items())
        whole = Spelled(text.content, whole=True)
        needs = [need for need in self.needs if _may_stand_in(whole, need)]
        sinks = _computes_gradient(whole)
        losses: list[str] = []
        others: list[str] = []
        for name, place in index.places.items():
            by_name = may_be_loss(place, index)
            part = Spelled("" if by_name or not (sinks or needs) else _text_of(place, text))
            trains = sinks and not (is_test(place) or trains_nothing(place, index))
            if by_name or (trains and self._may_train(part)):
                if not _is_metric(place, index) or (
                    trains and _trains_by_the_way(Spelled(_text_of(place, text)))
                ):
                    losses.append(name)
            elif everything or _in_unit(needs, part, index):
                others.append(name)
        top = Spelled(
            "".join(
                text.lines(s.lineno, s.end_lineno or s.lineno)
                for s in index.module_level
                if not isinstance(s, _SAYS_NOTHING) and not _is_docstring(s)
            )
        )
        if everything or self._may_train(top) or _in_unit(needs, top, index):
            losses.append(MODULE_LEVEL)
        return Worth(tuple(losses), tuple(others))


def _is_metric(place: Place, index: Index) -> bool:
    """Whether names make a function a metric, which holds no finding by itself."""
    return kind_of(place, index, ()) is Kind.METRIC and not stands_among_losses(index.path)


def _trains_by_the_way(part: Spelled) -> bool:
    """Whether a function that is called after a metric takes a gradient, or hands over a loss."""
    return _takes_gradient(part) or _LOSS_ARGUMENT.search(part.text) is not None


def _takes_gradient(part: Spelled) -> bool:
    return not _SINK_CALLS.isdisjoint(part.called)


def _computes_gradient(part: Spelled) -> bool:
    """Whether a text takes a gradient, or gives a value to a name that speaks of a loss."""
    return any(map(part.gives_a_value, ("loss", "cost"))) or _takes_gradient(part)


def _may_stand_in(spelled: Spelled, need: Need) -> bool:
    return all(group.stands_in(spelled) for group in need.groups) and all(
        map(spelled.writes, need.numbers)
    )


def _in_unit(needs: Sequence[Need], part: Spelled, index: Index) -> bool:
    return any(
        all(group.stands_in(part) for group in need.groups)
        and all(_written(part, number, index) for number in need.numbers)
        for need in needs
    )


@lru_cache(maxsize=8)
def words_of(rules: tuple[Rule, ...]) -> Words:
    """The words that a set of rules needs."""
    return Words(rules)


def _need(before: object) -> Need:
    assert isinstance(before, Apply)
    parts = list(subterms(before))
    ops = {part.op for part in parts if isinstance(part, Apply)} - _BY_OPERATOR
    numbers = {
        float(part.value)
        for part in parts
        if isinstance(part, Const) and not isinstance(part.value, bool)
    }
    groups = {_group(_spellings(op)) for op in ops}
    quick = sorted(
        groups, key=lambda group: (len(group.named) + len(group.parts), sorted(group.called))
    )
    return Need(tuple(quick), frozenset(numbers))


def _group(spellings: Iterable[str]) -> Group:
    """An activation may be named and not called: in a text, or as a layer."""
    words = frozenset(spellings)
    parts = words & _HALVES
    named = frozenset(word for word in words if word.lower() in _LAYERS)
    return Group(words - parts - named, named, parts)


def _spellings(op: str) -> Iterator[str]:
    for names in OPS[op.removeprefix("np_")].names.values():
        yield from (name.rpartition(".")[2] for name in names)
    yield from _METHODS.get(op, ())
    yield from _LAYERS.get(op, ())
    if op == "sqrt":
        yield from ("rsqrt", *_HALVES)


def _implied(need: Need, needs: set[Need]) -> bool:
    """Whether a need that asks for less is there as well."""
    return any(
        other != need and set(other.groups) <= set(need.groups) and other.numbers <= need.numbers
        for other in needs
    )


def _text_of(place: Place, text: Text) -> str:
    """The text of a function, without its docstring."""
    body = place.tree.body
    first = place.tree.lineno
    if not _is_docstring(body[0]):
        return text.lines(first, place.tree.end_lineno or first)
    header = text.lines(first, body[0].lineno - 1) if body[0].lineno > first else ""
    return header + text.lines(body[0].end_lineno or first, place.tree.end_lineno or first)


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


_SAYS_NOTHING = (ast.Import, ast.ImportFrom)


def _written(part: Spelled, number: float, index: Index) -> bool:
    """Whether a number is written in a part, or may be meant by a name of the file's top level."""
    if part.writes(number):
        return True
    return any(name in part.text for name in index.numbers)


def _renames_an_op(local: str, names: Sequence[str]) -> bool:
    """`from tensorflow.math import log as ln`: the op's own name need not stand in a function."""
    return any(local != name.rpartition(".")[2] and resolve(name) is not None for name in names)
