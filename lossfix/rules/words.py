"""Words: what must stand in a text before any rule can fit, worked out from the rules themselves.

A rule whose ops are spelled nowhere in a file cannot match in it, so the file need not be parsed;
the same holds for one function, which then need not be lifted. Whatever can be written without a
word (an operator, a subscript) asks for none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from lossfix.graph.conventions import speaks_of_loss
from lossfix.graph.index import Index, Place
from lossfix.graph.kinds import is_test, kind_of, may_be_loss, stands_among_losses
from lossfix.graph.module import MODULE_LEVEL
from lossfix.graph.nodes import Kind
from lossfix.graph.vocabulary import OPS, resolve
from lossfix.rules.rule import Rule, Scope
from lossfix.rules.terms import Apply, Const, subterms
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

_HALVES = (".5", "/2", "/ 2")
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
_GIVEN_A_VALUE = re.compile(r"\w*\s*=[^=]")


@dataclass(frozen=True, slots=True)
class Need:
    """One rewrite's needs: a word of each group, and each of the numbers."""

    groups: frozenset[frozenset[str]]
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
        self.ops = sorted({word for op in ops - _EVERYWHERE for word in _spellings(op)})
        self.needs = tuple(need for need in needs if not _implied(need, needs))

    def in_file(self, content: str, path: str) -> bool:
        """Whether a file may hold a unit that is worth lifting: told by its text alone."""
        spelled = Spelled(content)
        return (
            stands_among_losses(path)
            or ("y_true" in content and "y_pred" in content)
            or _computes_gradient(spelled)
            or any(map(speaks_of_loss, set(_FUNCTIONS.findall(content))))
            or any(map(speaks_of_loss, set(_CLASSES.findall(content))))
            or any(map(partial(_may_stand_in, spelled), self.needs))
        )

    def _may_train(self, part: Spelled) -> bool:
        """Whether a text takes a gradient, hands a loss over, or makes one with an op of a rule."""
        if _takes_gradient(part):
            return True
        if not _computes_gradient(part):
            return False
        return "compile" in part.text or " / " in part.text or any(map(part.has, self.ops))

    def units(self, index: Index, text: Text) -> Worth:
        """The units that may hold a finding by themselves."""
        everything = any(_renames_an_op(local, names) for local, names in index.imports.items())
        whole = Spelled(text.content)
        needs = [need for need in self.needs if _may_stand_in(whole, need)]
        sinks = _computes_gradient(whole)
        losses: list[str] = []
        others: list[str] = []
        for name, place in index.places.items():
            by_name = may_be_loss(place, index)
            part = Spelled("" if by_name or not (sinks or needs) else _text_of(place, text))
            trains = sinks and not is_test(place)
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
    return all(any(map(spelled.has, group)) for group in need.groups) and all(
        _numbered(spelled.text, number) for number in need.numbers
    )


def _in_unit(needs: Sequence[Need], part: Spelled, index: Index) -> bool:
    return any(
        all(any(map(part.has, group)) for group in need.groups)
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
    return Need(frozenset(frozenset(_spellings(op)) for op in ops), frozenset(numbers))


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
        other != need and other.groups <= need.groups and other.numbers <= need.numbers
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


def _places(part: str, word: str) -> Iterator[int]:
    """Where a text holds another; a loop over `find` outruns a pattern by far."""
    place = part.find(word)
    while place >= 0:
        yield place
        place = part.find(word, place + 1)


_END = re.compile(r"(?![A-Za-z0-9_])")
_WORD = re.compile(r"\w+")
_LONGEST = 100  # code points of a name that is called, with what stands before its parenthesis
_BETWEEN = " \t\r\n\f\\"  # what may stand between a name and its parenthesis


class Spelled:
    """What a text calls, by the last word of each name; worked out when it is asked for."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._called: set[str] | None = None

    def has(self, word: str) -> bool:
        """Whether a word stands in the text and is called.

        An activation may be named instead, in a text or as a layer.
        """
        if word in _HALVES:
            return word in self.text
        if word.lower() in _LAYERS:
            return _named(self.text, word)
        return word in self.called

    def gives_a_value(self, word: str) -> bool:
        """Whether a name with this word in it is assigned, or is a keyword of a call."""
        return any(_GIVEN_A_VALUE.match(self.text, place) for place in _places(self.text, word))

    @property
    def called(self) -> set[str]:
        if self._called is None:
            self._called = _called_in(self.text)
        return self._called


def _called_in(text: str) -> set[str]:
    """The last word before each opening parenthesis; cutting there outruns a pattern by far."""
    found: set[str] = set()
    for before in {part[-_LONGEST:] for part in text.split("(")}:
        last = before.rstrip(_BETWEEN).rpartition(".")[2]
        found.add(last if last.isidentifier() else _last_word(last))
    return found


def _last_word(text: str) -> str:
    backwards = _WORD.match(text[::-1])
    return backwards.group()[::-1] if backwards else ""


def _named(part: str, word: str) -> bool:
    return any(
        _END.match(part, place + len(word)) and not _continues(part, place)
        for place in _places(part, word)
    )


def _continues(part: str, place: int) -> bool:
    """Whether a letter, a digit or an underscore stands just before a place."""
    return place > 0 and (part[place - 1].isalnum() or part[place - 1] == "_")


_REST_OF_NUMBER = re.compile(r"(?:\.?0*)(?![\w.])")


def _numbered(part: str, number: float) -> bool:
    text = f"{abs(number):g}"
    return any(
        _REST_OF_NUMBER.match(part, place + len(text))
        and not _continues(part, place)
        and part[place - 1 : place] != "."
        for place in _places(part, text)
    )


def _written(part: Spelled, number: float, index: Index) -> bool:
    """Whether a number is written in a part, or may be meant by a name of the file's top level."""
    if _numbered(part.text, number):
        return True
    return any(name in part.text for name in index.numbers)


def _renames_an_op(local: str, names: Sequence[str]) -> bool:
    """`from tensorflow.math import log as ln`: the op's own name need not stand in a function."""
    return any(local != name.rpartition(".")[2] and resolve(name) is not None for name in names)
