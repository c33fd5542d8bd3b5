"""Ranks: how many axes a value has, beside the parameters of the loss, as far as its ops tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lossfix.graph.nodes import CALLABLE, CONST, FREE, INPUT, JOIN, OPAQUE, Node, Role, reached

_ELEMENTWISE_RANK = frozenset(
    "add sub mul div pow maximum minimum squared_difference divide_no_nan where greater "
    "greater_equal less less_equal equal not_equal clip xlogy logaddexp mod atan2 logical_and "
    "logical_or".split()
)
_SAME_RANK = frozenset(
    "neg exp log expm1 log1p sqrt square abs sign sigmoid log_sigmoid softplus tanh relu sin cos "
    "erf erfc sinh cosh atanh round floor ceil cast stop_gradient softmax log_softmax column_kept "
    "ones_like zeros_like l2_normalize cumsum cumprod is_nan is_finite is_inf logical_not".split()
)
_REDUCTIONS = frozenset("sum mean max min prod logsumexp std variance".split())
_BEGINNINGS = frozenset({INPUT, FREE, OPAQUE, CALLABLE, "variable"})


class Ranks:
    """The ranks of the values of one unit; `role` says what a parameter stands for."""

    def __init__(self, role: Callable[[Node], Role]) -> None:
        self._role = role
        self._offsets: dict[int, int | None] = {}
        self._columns: dict[int, bool] = {}

    def offset(self, node: Node) -> int | None:
        """The rank, relative to the parameters of the loss; None where it is not known.

        A number, and what has been reduced to one, broadcasts with everything: it has no offset
        either.
        """
        if id(node) not in self._offsets:
            self._offsets[id(node)] = None  # a loop's own value, met again below
            self._offsets[id(node)] = self._found(node)
        return self._offsets[id(node)]

    def _found(self, node: Node) -> int | None:
        if node.op == INPUT and self._role(node) is not Role.SETTING:
            return 0
        if node.op in _SAME_RANK:
            return self.offset(node.args[0])
        if node.op in _ELEMENTWISE_RANK:
            found = {self.offset(arg) for arg in node.args if not self.scalar(arg)}
            return found.pop() if len(found) == 1 else None
        if node.op == "column":
            return _shifted(self.offset(node.args[0]), -1)
        if node.op == "expand_dims":
            return _shifted(self.offset(node.args[0]), 1)
        if node.op in _REDUCTIONS:
            axis, kept = node.attrs.get("axis"), node.attrs.get("keepdims")
            if isinstance(axis, int):
                return _shifted(self.offset(node.args[0]), 0 if kept else -1)
        if node.op == JOIN:
            found = {self.offset(arg) for arg in node.args}
            return found.pop() if len(found) == 1 else None
        return None

    def column(self, node: Node) -> bool:
        """Whether the last axis has one entry: it was reduced and kept, or indexed by a slice."""
        if id(node) not in self._columns:
            self._columns[id(node)] = True  # a loop's own value, met again below
            self._columns[id(node)] = self._is_column(node)
        return self._columns[id(node)]

    def _is_column(self, node: Node) -> bool:
        if node.op in _SAME_RANK:
            return node.op == "column_kept" or self.column(node.args[0])
        if node.op in _REDUCTIONS:
            return bool(node.attrs.get("keepdims")) and node.attrs.get("axis") in (None, -1)
        if node.op in _ELEMENTWISE_RANK or node.op == JOIN:
            wide = [arg for arg in node.args if not self.scalar(arg)]
            return bool(wide) and all(map(self.column, wide))
        return node.op == "expand_dims" and node.attrs.get("axis") == -1

    def scalar(self, node: Node) -> bool:
        """A number by construction: a constant, a setting, a reduction over everything."""
        return all(map(self._may_be_number, reached((node,), _made_elementwise)))

    def _may_be_number(self, node: Node) -> bool:
        """Whether a value is a number if all that it is made of is one."""
        if node.op == INPUT:
            return self._role(node) is Role.SETTING
        if node.op in _REDUCTIONS:
            return node.attrs.get("axis") is None and not node.attrs.get("keepdims")
        return node.op in (CONST, FREE) or (bool(node.args) and node.op != OPAQUE)


def _made_elementwise(node: Node) -> Sequence[Node]:
    """The arguments of what is a number if they are."""
    return () if node.op in _REDUCTIONS or node.op in _BEGINNINGS else node.args


def _shifted(offset: int | None, by: int) -> int | None:
    return None if offset is None else offset + by
