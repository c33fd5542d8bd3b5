"""Conditions of rules: steps, gates and masks; what they choose between and what they weigh."""

from __future__ import annotations

from lossfix.graph.express import is_random
from lossfix.graph.intervals import POSITIVE, point
from lossfix.graph.nodes import CONST, FREE, INPUT, JOIN, OPAQUE, Node, Role
from lossfix.graph.ranges import ELEMENTWISE
from lossfix.rules.conditions import varied
from lossfix.rules.pattern import Condition, Match
from lossfix.rules.structure import is_small
from lossfix.rules.usage import users_of


def one_settled(first: str, second: str) -> Condition:
    """One side of a comparison does not depend on the predictions: it is the threshold."""
    return lambda match: not (varied(first)(match) and varied(second)(match))


def jumps(match: Match) -> bool:
    """The branch `y` of a gate is not 0 at its threshold, so that the gate is no ramp."""
    return not _vanishes(match.values["y"], match.values["x"], match.values["t"])


def _vanishes(branch: Node, x: Node, t: Node) -> bool:
    """Whether `branch` is 0 where x = t: `x` itself at 0, a difference of the two, a product."""
    numbers = {x.number, t.number}
    if branch.op == "sub" and {arg.number for arg in branch.args} == numbers:
        return True
    zero = {node.number for node in (x, t) if node.op == CONST and node.value == 0}
    if zero and branch.number in numbers - zero:
        return True
    if branch.op in ("square", "abs", "sqrt", "neg", "cast"):
        return _vanishes(branch.args[0], x, t)
    if branch.op == "mul":
        return any(_vanishes(arg, x, t) for arg in branch.args)
    return branch.op in ("div", "pow") and _vanishes(branch.args[0], x, t)


def tilts(match: Match) -> bool:
    """Every use of the step is in a product that is 0 at the threshold: a ramp."""
    x, t = match.values["x"], match.values["t"]
    products = [node for node in users_of(match.root.number, match) if node.op == "mul"]
    uses = users_of(match.root.number, match)
    return (
        bool(uses)
        and len(products) == len(uses)
        and all(_vanishes(_outermost_product(match, product), x, t) for product in products)
    )


def meets(match: Match) -> bool:
    """The step chooses between values that are the same at the threshold, as those of a Huber
    loss are; or weighs by it what is 0 there."""
    x, t = match.values["x"], match.values["t"]
    moving, fixed = (x, t) if t.op == CONST else (t, x)
    if fixed.op != CONST:
        return False
    ranges, at = match.facts.ranges(), match.facts.interval(fixed)
    opposite = _opposite_steps(match)

    def same(node: Node) -> bool:
        known = {leaf.number: POSITIVE for leaf in node.walk() if _is_open(leaf, match)}
        known[moving.number] = at
        if moving.op == "abs":
            known[moving.args[0].number] = at
        first, second = (
            ranges.given(
                node,
                {
                    **known,
                    **{number: point(1.0 - step) for number in opposite},
                    match.root.number: point(step),
                },
            )
            for step in (0.0, 1.0)
        )
        return first == second and first.low == first.high

    def settles(node: Node, depth: int) -> bool:
        if same(node):
            return True
        users = users_of(node.number, match)
        return bool(depth and users) and all(
            (user.op in ELEMENTWISE or user.op == JOIN) and settles(user, depth - 1)
            for user in users
        )

    return settles(match.root, _MOST_STEPS)


def _opposite_steps(match: Match) -> list[int]:
    """The value numbers of the steps that are 1 where the matched one is 0."""
    condition = next((n for n in match.interior if n.op in _SIDES), None)
    if condition is None:
        return []
    strict, low, high = _sides(condition)
    return [
        node.number
        for node in match.unit.nodes
        if node.op == "cast"
        and node.args[0].op in _SIDES
        and _sides(node.args[0]) == (not strict, high, low)
    ]


def _sides(condition: Node) -> tuple[bool, int, int]:
    """Whether a comparison is strict, and the value numbers of what is to be less and more."""
    strict, rises = _SIDES[condition.op]
    low, high = (arg.number for arg in (condition.args if rises else condition.args[::-1]))
    return strict, low, high


_SIDES = {
    "less": (True, True),
    "less_equal": (False, True),
    "greater": (True, False),
    "greater_equal": (False, False),
}


def _is_open(leaf: Node, match: Match) -> bool:
    """A setting of which nothing is known: a width, a weight or a rate as a rule."""
    setting = leaf.op == FREE or (leaf.op == INPUT and match.facts.role(leaf) is Role.SETTING)
    return setting and not match.facts.varied(leaf) and match.facts.interval(leaf).unknown


_MOST_STEPS = 6  # from a step to the sum that it is a part of


def is_guard(match: Match) -> bool:
    """Every use of the step is in a product with a guard, as in `p += (p < eps) * eps`."""
    uses = users_of(match.root.number, match)
    return bool(uses) and all(use.op == "mul" and any(map(is_small, use.args)) for use in uses)


def is_sampled(name: str) -> Condition:
    """The value is made with random noise: a step at it draws a sample."""
    return lambda match: any(
        node.op == OPAQUE and is_random(node.name) for node in match.values[name].walk()
    )


def weighs_a_gradient(match: Match) -> bool:
    """Every use of the value is in a product with a factor that has a gradient of its own."""
    uses = users_of(match.root.number, match)
    return bool(uses) and all(
        node.op == "mul"
        and any(
            match.facts.varied(arg) and arg.number != match.root.number and arg.op != "sign"
            for arg in node.args
        )
        for node in uses
    )


def _outermost_product(match: Match, product: Node) -> Node:
    for node in users_of(product.number, match):
        if node.op == "mul":
            return _outermost_product(match, node)
    return product


def shields_branch(match: Match) -> bool:
    """The condition keeps the branch `y` away from a pole: a guard, and not a gate."""
    compared = {match.values["x"].number, match.values["t"].number}
    return any(
        node.op in _SINGULAR and any(inner.number in compared for inner in node.walk())
        for node in match.values["y"].walk()
    )


_SINGULAR = frozenset({"log", "sqrt", "div", "pow", "log1p", "divide_no_nan", "norm"})
