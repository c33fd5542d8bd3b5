"""What is known of a node before anything is run: its activity, its range, its rank."""

from __future__ import annotations

from lossfix.graph.conventions import speaks_of_small
from lossfix.graph.express import is_shape
from lossfix.graph.intervals import NONNEGATIVE, POSITIVE, UNKNOWN, Interval
from lossfix.graph.nodes import CONST, FREE, INPUT, JOIN, OPAQUE, Kind, Node, Role, Unit
from lossfix.graph.ranges import Ranges

_STOPS = frozenset({"stop_gradient", "ones_like", "zeros_like"})
_ELEMENTWISE_RANK = frozenset(
    "add sub mul div pow maximum minimum squared_difference divide_no_nan where greater "
    "greater_equal less less_equal equal not_equal clip xlogy logaddexp mod".split()
)
_SAME_RANK = frozenset(
    "neg exp log expm1 log1p sqrt square abs sign sigmoid log_sigmoid softplus tanh relu sin cos "
    "erf round floor ceil cast stop_gradient softmax log_softmax column_kept ones_like zeros_like "
    "l2_normalize cumsum".split()
)


class Facts:
    """The two analyses of one unit, computed when asked for."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self._roles = {node.number: role for node, role in unit.inputs.values()}
        self._varied: dict[int, bool] = {}
        self._ranges: dict[str, Ranges] = {}
        self._useful: set[int] | None = None

    def role(self, node: Node) -> Role:
        return self._roles.get(node.number, Role.SETTING)

    def varied(self, node: Node) -> bool:
        """Whether the value depends on the predictions, by way of any gradient or none."""
        known = self._varied.get(id(node))
        if known is None:
            self._varied[id(node)] = False  # a loop's own value, met again below
            known = self._varied[id(node)] = self._depends(node)
        return known

    def _depends(self, node: Node) -> bool:
        if node.op == INPUT:
            return self.role(node) is Role.PREDICTION
        if node.op in (CONST, FREE) or node.op in _STOPS or is_shape(node):
            return False
        if node.op == OPAQUE and not node.args:
            return False
        return any(self.varied(arg) for arg in node.args)

    def tensor(self, node: Node) -> bool:
        """Whether the value is, or may be, more than a number that the code knows."""
        return any(
            inner.op in (FREE, OPAQUE)
            or (inner.op == INPUT and self.role(inner) is not Role.SETTING)
            for inner in node.walk()
        )

    def useful(self, node: Node) -> bool:
        """Whether the loss depends on the value; gradients stop at `stop_gradient`."""
        if self._useful is None:
            self._useful = set()
            todo = list(self.unit.results)
            while todo:
                current = todo.pop()
                if current.number in self._useful:
                    continue
                self._useful.add(current.number)
                if current.op != "stop_gradient" and not is_shape(current):
                    todo.extend(current.args)
        return node.number in self._useful

    def active(self, node: Node) -> bool:
        """Activity in the sense of automatic differentiation: varied and useful, in a loss."""
        in_loss = self.unit.kind in (Kind.LOSS, Kind.HELPER)
        return in_loss and self.varied(node) and self.useful(node)

    def interval(self, node: Node, dtype: str = "float32") -> Interval:
        """All that the value can be, where the inputs are of that dtype."""
        return self.ranges(dtype).of(node)

    def ranges(self, dtype: str = "float32") -> Ranges:
        """The ranges of the unit's values in that dtype, and what they come from."""
        if dtype not in self._ranges:
            self._ranges[dtype] = Ranges(self._named_interval, dtype)
        return self._ranges[dtype]

    def _named_interval(self, node: Node) -> Interval:
        """A parameter or a name from outside: positive where its default or its name says so."""
        if node.op == INPUT and self.role(node) is not Role.SETTING:
            return UNKNOWN
        if isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
            return POSITIVE if node.value > 0 else NONNEGATIVE if node.value == 0 else UNKNOWN
        return Interval(0.0, 1.0, low_open=True) if speaks_of_small(node.name) else UNKNOWN

    def rank_offset(self, node: Node) -> int | None:
        """The rank, relative to the parameters of the loss; None where it is not known.

        A number, and what has been reduced to one, broadcasts with everything: it has no offset
        either.
        """
        if node.op == INPUT and self.role(node) is not Role.SETTING:
            return 0
        if node.op in _SAME_RANK:
            return self.rank_offset(node.args[0])
        if node.op in _ELEMENTWISE_RANK:
            found = {self.rank_offset(arg) for arg in node.args if not self.scalar(arg)}
            return found.pop() if len(found) == 1 else None
        if node.op == "column":
            return _shifted(self.rank_offset(node.args[0]), -1)
        if node.op == "expand_dims":
            return _shifted(self.rank_offset(node.args[0]), 1)
        if node.op in ("sum", "mean", "max", "min", "prod", "logsumexp"):
            axis, kept = node.attrs.get("axis"), node.attrs.get("keepdims")
            if isinstance(axis, int):
                return _shifted(self.rank_offset(node.args[0]), 0 if kept else -1)
        if node.op == JOIN:
            found = {self.rank_offset(arg) for arg in node.args}
            return found.pop() if len(found) == 1 else None
        return None

    def scalar(self, node: Node) -> bool:
        """A number by construction: a constant, a setting, a reduction over everything."""
        if node.op in (CONST, FREE):
            return True
        if node.op == INPUT:
            return self.role(node) is Role.SETTING
        if node.op in ("sum", "mean", "max", "min", "prod", "logsumexp", "std", "variance"):
            return node.attrs.get("axis") is None and not node.attrs.get("keepdims")
        return bool(node.args) and node.op != OPAQUE and all(self.scalar(a) for a in node.args)


def _shifted(offset: int | None, by: int) -> int | None:
    return None if offset is None else offset + by
