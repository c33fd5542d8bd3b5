"""Patterns: what a rule looks for and puts there, and one place where it fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lossfix.graph.facts import Facts
from lossfix.graph.nodes import Attribute, Dynamic, Node, Unit
from lossfix.rules.terms import Term

Condition = Callable[["Match"], bool]


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One spelling of the pattern and its replacement; no `after` where there is none.

    With `as_written` a sum or product at the root is one operation of the text: `a / b` is then
    the whole numerator over the whole denominator, and nothing is left over. `meant` is the
    replacement in other words, for a fix that changes the loss: what it is held to.
    """

    before: Term
    after: Term | None = None
    when: Condition | None = None
    as_written: bool = False
    meant: Term | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Match:
    """One way in which a pattern fits.

    `root` is the value to replace. `values` tells what each variable stands for; such a node may
    have no origin of its own (several operands of a sum taken together). `interior` are the nodes
    that the pattern used up, `root` included. `after` is the replacement, with operands that the
    pattern left over put back (`_rest` variables); None where there is none.
    """

    rewrite: Rewrite
    unit: Unit
    facts: Facts
    root: Node
    values: Mapping[str, Node]
    attrs: Mapping[str, Attribute | Dynamic]
    interior: tuple[Node, ...]
    after: Term | None
    rest: int = 0  # how many operands were left over
    conditional: bool = False  # it fits by way of one branch of an `if`, and not of another
