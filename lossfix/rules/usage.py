"""Conditions of rules: what becomes of a value in the loss, and what the loss itself is."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Sequence

from lossfix.graph.conventions import (
    says_prediction,
    speaks_of_density,
    speaks_of_model,
    words,
)
from lossfix.graph.express import is_random, is_shape
from lossfix.graph.made import is_of_a_layer
from lossfix.graph.names import is_framework
from lossfix.graph.nodes import CONST, INPUT, JOIN, OPAQUE, Kind, Node, Role, reached
from lossfix.rules.operands import factors
from lossfix.rules.pattern import Condition, Match
from lossfix.rules.structure import VIEWS, deciding_tests, stripped


def matters(match: Match) -> bool:
    """The loss depends on the value."""
    return match.facts.useful(match.root)


def may_be_trained(match: Match) -> bool:
    """Nothing says that the unit only evaluates a loss, in NumPy, for somebody to look at."""
    unit, facts = match.unit, match.facts
    returns = getattr(unit.tree, "returns", None)
    if returns is not None and _ARRAYS & set(words(ast.unparse(returns))):
        return False
    if isinstance(unit.tree, ast.FunctionDef) and _is_of_arrays(unit.tree):
        return False
    if not (unit.keras or any(map(_is_of_framework, unit.nodes))):
        return False
    if unit.keras or unit.kind is Kind.HELPER or facts.sites or unit.trained:
        return True
    return any(map(says_prediction, unit.inputs)) or any(map(facts.smooth, unit.results))


_ARRAYS = frozenset({"ndarray", "float"})


def _is_of_framework(node: Node) -> bool:
    """Whether the text computes the value by a framework, and not by NumPy or operators alone."""
    return node.api not in ("", "numpy") or (node.op == OPAQUE and is_framework(node.name))


def _is_of_arrays(tree: ast.FunctionDef) -> bool:
    """Whether the docstring says that arrays of NumPy are given, and speaks of no tensor."""
    said = (ast.get_docstring(tree) or "").lower()
    return "ndarray" in said and "tensor" not in said


def feeds_a_model(match: Match) -> bool:
    """The value is data on its way into a model, whose weights train: no model has made it."""
    if any(map(_is_of_a_model, reached((match.root,), _not_behind_a_gradient))):
        return False
    results = {result.number for result in match.unit.results}
    todo, seen = [match.root.number], {match.root.number}
    while todo:
        number = todo.pop()
        users = users_of(number, match)
        if not users or number in results:
            return False
        further = {user.number for user in users if not _is_of_a_model(user)} - seen
        seen |= further
        todo.extend(further)
    return True


def _not_behind_a_gradient(node: Node) -> Sequence[Node]:
    """The arguments; a gradient that was taken is a value of its own, as an attack makes use of."""
    taken = node.op == OPAQUE and node.name.rpartition(".")[2] in ("gradient", "gradients")
    return () if taken else node.args


def _is_of_a_model(node: Node) -> bool:
    if node.op == "variable":
        return True
    called = node.op == OPAQUE and speaks_of_model(node.name.rpartition(".")[2])
    return called or (node.op == OPAQUE and is_of_a_layer(node))


def compares(match: Match) -> bool:
    """The value is made from labels too: a model that gives its own loss has none."""
    return any(
        part.op == INPUT and match.facts.role(part) is Role.LABEL for part in match.root.walk()
    )


def unconditional(match: Match) -> bool:
    """It is so whichever way the code goes."""
    return not match.conditional


def is_taught(match: Match) -> bool:
    """A gradient is taken through the value, as far as names and results tell."""
    facts = match.facts
    if facts.has_own_gradient or not facts.is_trained_with(match.root):
        return False
    return not match.unit.results or facts.useful(match.root)


def weighs_itself(match: Match) -> bool:
    """A log of a probability in a product with that probability: where it is 0, so is the term."""
    inner = {n.number for n in match.interior if n.op in _PROBABILITIES}
    todo = [match.root.number]
    while todo:
        for user in users_of(todo.pop(), match):
            if user.op == "mul" and inner & {each.node.number for each in factors(user)[1]}:
                return True
            if user.op in ("add", "sub", "neg"):
                todo.append(user.number)
    return False


def is_entropy(match: Match) -> bool:
    """A cross entropy of a prediction with itself: what the clip cuts off is weighed by nothing."""
    first, second = match.root.args[:2]
    return first.number == second.number


_PROBABILITIES = frozenset("sigmoid softmax sub add clip maximum".split())  # guarded or not


def is_fine(match: Match) -> bool:
    """The last digits count: not all that is made of the value is rounded, compared or drawn."""
    todo, seen = [match.root.number], {match.root.number}
    made_coarse = False
    while todo:
        number = todo.pop()
        users = users_of(number, match)
        if not users or any(number == result.number for result in match.unit.results):
            return True
        for user in users:
            if user.op in _COARSE or (user.op == OPAQUE and is_random(user.name)):
                made_coarse = True
            elif user.number not in seen:
                seen.add(user.number)
                todo.append(user.number)
    return not made_coarse


def is_small_by_nature(match: Match) -> bool:
    """The value is part of a loss, or of what names call a divergence, a density, an entropy."""
    unit = match.unit
    if unit.kind is not Kind.CODE:
        return True
    held = (d.name for d in unit.definitions if holds_part(d.value, match.root))
    path = match.root.origin.frame.home.path if match.root.origin is not None else ""
    return any(map(speaks_of_density, (unit.name, os.path.basename(path), *held)))


def stands_beside(name: str) -> Condition:
    """The sum has another operand that varies, beside which the last digits of this are nothing.

    The named value itself is no such operand: `exp(x) - 1 - x` is as small as its digits.
    """

    def holds(match: Match) -> bool:
        own = match.values[name].number
        rest = (node for key, node in match.values.items() if key.startswith("_rest"))
        unknown = match.unit.kind is Kind.CODE  # nothing says there what is trained
        moves = match.facts.tensor if unknown else match.facts.varied
        return any(node.number != own and moves(node) for node in rest)

    return holds


def is_modulation(match: Match) -> bool:
    """A power of the value weighs what else varies, as in a focal loss, and nothing else is done
    with it: where it is near 0, so is the product."""
    powers = users_of(match.root.number, match)
    return bool(powers) and all(
        power.op in ("pow", "square")
        and power.args[0].number == match.root.number
        and _only_weighs(power, match)
        for power in powers
    )


def _only_weighs(power: Node, match: Match) -> bool:
    todo, seen = [power], {power.number}
    while todo:
        node = todo.pop()
        users = users_of(node.number, match)
        further = [user for user in users if not _weighs(user, node, match)]
        if not users or any(user.op not in _HANDED_ON for user in further):
            return False
        todo.extend(user for user in further if user.number not in seen)
        seen.update(user.number for user in further)
    return True


_HANDED_ON = frozenset({"stop_gradient", "cast", "neg", "add", "sub", "mul", JOIN})


def _weighs(user: Node, node: Node, match: Match) -> bool:
    others = [arg for arg in user.args if arg.number != node.number]
    return user.op == "mul" and any(map(match.facts.varied, others))


_COARSE = frozenset(
    "stop_gradient floor ceil round greater greater_equal less less_equal equal not_equal argmax "
    "argmin argsort".split()
)


def is_drawn_from(match: Match) -> bool:
    """All that is done with the value is to draw from it: -inf is a probability of 0 there."""
    users = users_of(match.root.number, match)
    return bool(users) and all(u.op == OPAQUE and is_random(u.name) for u in users)


def is_straight_through(match: Match) -> bool:
    """`hard - stop_gradient(soft) + soft`: the value of the one, the gradient of the other."""
    todo = [match.root.number]
    while todo:
        for user in users_of(todo.pop(), match):
            if user.op in ("add", "sub"):
                if any(stripped_of_sign(arg).op == "stop_gradient" for arg in user.args):
                    return True
                todo.append(user.number)
    return False


def stripped_of_sign(node: Node) -> Node:
    return node.args[0] if node.op == "neg" else node


def is_parameter(name: str) -> Condition:
    """The value is what the function is given, as it is."""
    return lambda match: stripped(match.values[name]).op == INPUT


def in_keras_loss(match: Match) -> bool:
    """The loss is one that Keras calls with (y_true, y_pred)."""
    return match.unit.keras


def written_with(*columns: str) -> Condition:
    """The op at the root is spelled by the name of one of these columns of the vocabulary."""
    return lambda match: match.root.api in columns


def carries_on(name: str) -> Condition:
    """The value enters the loss, and does not only say where to look or what to choose."""
    return lambda match: match.facts.carries(match.values[name])


# what becomes of a value


def users_of(number: int, match: Match) -> list[Node]:
    """The values of the unit that are made of the one with this number."""
    return [user for user in match.unit.nodes if number in {arg.number for arg in user.args}]


def is_counted(match: Match) -> bool:
    """The value is summed up into the loss by itself: it weighs nothing, and divides nothing."""
    return _is_counted(match.root, match, set())


def _is_counted(node: Node, match: Match, seen: set[int]) -> bool:
    if any(node.number == result.number for result in match.unit.results):
        return True
    if node.number in seen:
        return True
    seen.add(node.number)
    users = users_of(node.number, match)
    return bool(users) and all(
        _adds_up(user, node, match) and _is_counted(user, match, seen) for user in users
    )


_ADDS_UP = VIEWS | {"add", "sub", "neg", "sum", "mean", "square", "abs", "sqrt", "max", JOIN}


def _adds_up(user: Node, node: Node, match: Match) -> bool:
    if user.op == "div":
        return user.args[0].number == node.number
    if user.op == "mul":
        other = [arg for arg in user.args if arg.number != node.number]
        return all(not match.facts.varied(arg) for arg in other)
    return (user.op in _ADDS_UP and user.args[0].number == node.number) or user.op in ("add", "sub")


def is_loss_value(match: Match) -> bool:
    """The value is the loss, or what the loss is the mean, the sum or a multiple of."""
    todo = list(match.unit.results)
    while todo:
        node = todo.pop()
        if node.number == match.root.number:
            return True
        if node.op in ("mean", "sum", JOIN):
            todo.extend(node.args if node.op == JOIN else node.args[:1])
        elif node.op in ("mul", "div"):
            varied = [f.node for f in factors(node)[1] if match.facts.varied(f.node)]
            todo.extend(varied if len(varied) == 1 else ())  # else one weighs the other
    return False


def is_only_with(*names: str) -> Condition:
    """Every use of the value is a sum or a difference with one of the named values."""

    def holds(match: Match) -> bool:
        others = {match.values[name].number for name in names}
        users = [u for u in match.unit.nodes if match.root.number in {a.number for a in u.args}]
        return bool(users) and all(
            user.op in ("add", "sub") and others & {arg.number for arg in user.args}
            for user in users
        )

    return holds


def is_discarded(match: Match) -> bool:
    """The value is a statement by itself: nobody gets it."""
    origin = match.root.origin
    return (
        origin is not None
        and isinstance(origin.statement, ast.Expr)
        and origin.statement.value is origin.code
        and origin.frame.name == match.unit.name
    )


def decides(match: Match) -> bool:
    """Python decides by the value which way the code goes: `if`, `while`, `assert`, `a if x`."""
    origin = match.root.origin
    return origin is not None and id(origin.code) in deciding_tests(match.unit)


# what a value is


def of_tensors(name: str) -> Condition:
    """The value is made of labels or predictions, by ops of the vocabulary alone."""
    return lambda match: _of_tensors(match.values[name], match)


def _of_tensors(node: Node, match: Match) -> bool:
    parts = list(contents_of(node))
    return not any(part.op in (OPAQUE, JOIN) for part in parts) and any(
        part.op == INPUT and match.facts.role(part) is not Role.SETTING for part in parts
    )


def contents_of(node: Node) -> Iterator[Node]:
    """What a value is made of, shapes aside."""
    return reached((node,), lambda part: () if is_shape(part) else part.args)


def is_raw_label(name: str) -> Condition:
    """A label as Keras hands it over, reshaped perhaps and never cast."""

    def holds(match: Match) -> bool:
        node = match.values[name]
        while node.op in VIEWS - {"cast"} or (node.op == OPAQUE and node.name == "[]"):
            node = node.args[0]
        return node.op == INPUT and match.facts.role(node) is Role.LABEL

    return holds


def is_label(name: str) -> Condition:
    """The value depends on labels, and on no prediction."""

    def holds(match: Match) -> bool:
        node = match.values[name]
        return not match.facts.varied(node) and any(
            part.op == INPUT and match.facts.role(part) is Role.LABEL for part in contents_of(node)
        )

    return holds


def is_mask(name: str) -> Condition:
    """Zeros and ones that say which entries count: a comparison as numbers, or a name."""

    def holds(match: Match) -> bool:
        node = match.values[name]
        if match.facts.varied(node):
            return False
        return _is_mask(node)

    return holds


def is_total_of_mask(name: str) -> Condition:
    """The sum or mean of what the code calls a mask, which may leave nothing."""

    def holds(match: Match) -> bool:
        total = stripped(match.values[name])
        if total.op not in ("sum", "mean"):
            return False
        node = total.args[0]
        if match.facts.varied(node) or node.op not in (INPUT, OPAQUE, "column", "column_kept"):
            return False
        held = (d.name for d in match.unit.definitions if d.value.number == node.number)
        return any("mask" in words(each) for each in (*held, node.name))

    return holds


_TRUTHS = frozenset(
    "greater greater_equal less less_equal equal not_equal logical_and logical_or logical_not "
    "is_nan is_finite is_inf".split()
)


def _is_mask(node: Node) -> bool:
    node = stripped(node)
    if node.op in _TRUTHS:
        return True
    if node.op == "mul":
        return all(_is_mask(arg) for arg in node.args)
    return node.op == INPUT and bool({"mask", "masks"} & set(words(node.name)))


def no_other_mean(match: Match) -> bool:
    """The loss has one average: where two are added up, each may be a part of one."""
    means = [
        node
        for node in reached(match.unit.results)
        if node.op == "mean" and match.facts.varied(node)
    ]
    inner = {part.number for part in match.root.walk()}
    return all(node.number in inner or holds_part(node, match.root) for node in means)


def holds_part(node: Node, part: Node) -> bool:
    return any(inner.number == part.number for inner in node.walk())


def is_uncast(name: str) -> Condition:
    """The value comes from the predictions with no cast on the way: of the model's own dtype."""

    def holds(match: Match) -> bool:
        parts = list(match.values[name].walk())
        return all(part.op not in ("cast", OPAQUE, JOIN) for part in parts) and any(
            part.op == INPUT and match.facts.varied(part) for part in parts
        )

    return holds


def is_number(name: str) -> Condition:
    """A number that the code writes."""

    def holds(match: Match) -> bool:
        node = match.values[name]
        return (
            node.op == CONST
            and isinstance(node.value, (int, float))
            and not isinstance(node.value, bool)
        )

    return holds


def written_with_inside(column: str) -> Condition:
    """An op inside the pattern, the root aside, is spelled by a name of the column."""
    return lambda match: any(
        node.api == column for node in match.interior if node is not match.root
    )
