"""What is known of a node before anything is run: its activity, its range, its rank."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lossfix.graph.call_ranges import operand
from lossfix.graph.conventions import (
    holds_prediction,
    says_prediction,
    speaks_of_loss,
    speaks_of_model,
    speaks_of_prediction,
    speaks_of_scale,
    speaks_of_small,
    speaks_of_truth,
)
from lossfix.graph.express import is_shape
from lossfix.graph.flags import complex_code, detached_code, has_own_gradient, untrained_code
from lossfix.graph.intervals import NONNEGATIVE, POSITIVE, UNIT, UNKNOWN, Interval, hull
from lossfix.graph.made import (
    gives_arrays,
    is_a_layer_of_old,
    is_frozen,
    is_of_a_layer,
    is_of_a_scale,
    is_of_a_setting,
    is_settled,
)
from lossfix.graph.nodes import (
    CALLABLE,
    CONST,
    FREE,
    INPUT,
    OPAQUE,
    Call,
    Kind,
    Node,
    Role,
    Unit,
    reached,
)
from lossfix.graph.ranges import Ranges
from lossfix.graph.ranks import Ranks
from lossfix.graph.returned import named_parts

_STOPS = frozenset({"stop_gradient", "ones_like", "zeros_like"})
_TRAINED = frozenset(
    "get_variable add_weight add_variable Variable weight_variable model_variable".split()
)
_DATA_KEYS = frozenset("inputs input x image images features feature text".split())
_FED = frozenset("placeholder placeholder_with_default sparse_placeholder get_next".split())
_CHOOSES = {
    **dict.fromkeys("gather gather_nd boolean_mask take take_along_axis".split(), slice(0, 1)),
    **dict.fromkeys("greater greater_equal less less_equal equal not_equal".split(), slice(0, 0)),
    **dict.fromkeys(
        "logical_and logical_or logical_not one_hot argmax argmin argsort".split(), slice(0, 0)
    ),
    "where": slice(1, 3),
}
"""Ops that choose: which of their arguments the value itself comes from."""

_STEPS = frozenset(
    "greater greater_equal less less_equal equal not_equal logical_and logical_or logical_not any "
    "all is_nan is_finite is_inf argmax argmin argsort count_nonzero sign round floor ceil "
    "floordiv one_hot searchsorted bincount to_float to_int to_numpy".split()
)
"""Ops whose result has no gradient with respect to any argument."""

_LOOKED_UP = {
    "[]": 0,
    "embedding_lookup": 0,
    "embedding_lookup_sparse": 0,
    "safe_embedding_lookup_sparse": 0,
    "gather": 0,
    "gather_nd": 0,
    "boolean_mask": 0,
    "SparseTensor": 1,
}
"""Calls that only look up, or place, values: where those usually stand among the arguments."""


_RANGES = frozenset({"range", "arange"})
_BEGINNINGS = frozenset({INPUT, FREE, OPAQUE, CALLABLE, "variable"})

_USUAL = "usual"
_ROOM = 2.0  # how far from its default a setting is chosen by most
_LEEWAY = 1e3  # how far below its default a setting is expected
_VIEWS = frozenset(
    "reshape squeeze expand_dims transpose flatten tile column column_kept cast".split()
)


class Facts:
    """The two analyses of one unit, computed when asked for.

    `sites` are the calls of a helper that are known, each with the facts of its caller: a helper's
    parameters are what its callers give it.
    """

    def __init__(self, unit: Unit, sites: Sequence[tuple[Facts, Call]] = ()) -> None:
        self.unit = unit
        self.sites = sites
        self._own = {node.number: name for name, node in unit.inputs.items()}
        self._varied: dict[int, bool] = {}
        self._smooth: dict[int, bool] = {}
        self._truths: frozenset[int] | None = None
        self._ends: frozenset[int] | None = None
        self._ranges: dict[str, Ranges] = {}
        self._asked: set[int] = set()
        self._useful: set[int] | None = None
        self._likely: set[int] | None = None
        self._in_loss: bool | None = None
        self._carrying: set[int] | None = None
        self._unchosen: set[int] | None = None
        self._untrained: frozenset[int] | None = None
        self._detached: frozenset[int] | None = None
        self._complex: frozenset[int] | None = None
        self.ranks = Ranks(self.role)

    def role(self, node: Node) -> Role:
        """What a parameter stands for; one of a scope around the unit is a setting as a rule."""
        if node.op != INPUT or node.role is None or node.number in self._counted_to():
            return Role.SETTING
        if node.number in self._own or node.role is not Role.PREDICTION:
            return node.role
        return node.role if speaks_of_prediction(node.name) else Role.SETTING

    def _counted_to(self) -> frozenset[int]:
        """Parameters that `range` or `arange` counts to: they are whole numbers of the code."""
        if self._ends is None:
            self._ends = frozenset(
                arg.number
                for node in self.unit.nodes
                if node.op == OPAQUE and node.name.rpartition(".")[2] in _RANGES
                for arg in node.args
                if arg.op == INPUT
            )
        return self._ends

    def varied(self, node: Node) -> bool:
        """Whether the value depends on what is trained, by way of any gradient or none."""
        known = self._varied.get(id(node))
        if known is None:
            self._varied[id(node)] = False  # a loop's own value, met again below
            known = self._varied[id(node)] = self._depends(node)
        return known

    def smooth(self, node: Node) -> bool:
        """Whether a gradient goes from the value to what is trained: no step is in between."""
        known = self._smooth.get(id(node))
        if known is None:
            self._smooth[id(node)] = False  # a loop's own value, met again below
            step = node.op in _STEPS or node.op.startswith("np_")
            known = not step and self.varied(node)
            made = node.op not in _BEGINNINGS and node.number not in self.unit.trained
            if known and made and node.args:
                known = any(map(self.smooth, node.args))
            elif known and node.op == INPUT and self.unit.kind is Kind.HELPER:
                given = self._given(node)
                known = not given or any(facts.smooth(value) for facts, value in given)
            elif known and node.op == OPAQUE:  # not after a step, whatever the call does
                among = [arg for arg in node.args if self.varied(arg)]
                known = not among or any(map(self.smooth, among))
            self._smooth[id(node)] = known
        return known

    def _depends(self, node: Node) -> bool:
        if node.number in self.unit.trained:
            return True
        if node.op == INPUT:
            if node.number in self._counted_to():
                return False
            given = self._given(node)
            if self.role(node) is Role.LABEL:  # its name says so; only training it says otherwise
                return any(value.number in facts.unit.trained for facts, value in given)
            by_callers = any(facts.varied(value) for facts, value in given)
            settled = all(is_settled(value) for _, value in given)
            if given and (
                self.unit.kind is Kind.HELPER or (settled and not says_prediction(node.name))
            ):
                return by_callers
            return by_callers or self.role(node) is Role.PREDICTION
        if node.op == "variable":
            return True
        if node.op == CALLABLE:  # what it will be given is not known; what it has captured is
            parts = reached((node,), lambda part: () if is_shape(part) else part.args)
            captured = (part for part in parts if part.number in self._own)
            return any(map(self.varied, captured))
        if node.op == FREE:
            return node.name.startswith("self.") and holds_prediction(node.name[5:])
        if node.op == CONST or node.op in _STOPS or is_shape(node):
            return False
        if node.op == OPAQUE:
            tail = node.name.rpartition(".")[2]
            if tail in _TRAINED:
                return not is_frozen(node)
            if is_of_a_layer(node):
                return True
            if gives_arrays(node):
                return False
            if (
                not node.args
                or tail in _RANGES
                or self._is_part_of_data(node)
                or is_of_a_setting(node)
            ):
                return False
            if tail == "gradient" and self._is_detached(node):
                return False
            if not self.unit.inputs and speaks_of_model(tail):
                return True
            if is_a_layer_of_old(node) and not self._is_made_of_parameters(node):
                return True
        made_of = node.args[:1] if node.name == "[]" else node.args
        return any(self.varied(arg) for arg in made_of)

    def _is_detached(self, node: Node) -> bool:
        """Whether a gradient was taken outside of every tape, and another tape begins after it."""
        if self._detached is None:
            self._detached = detached_code(self.unit.tree)
        return node.origin is not None and id(node.origin.code) in self._detached

    def _is_made_of_parameters(self, node: Node) -> bool:
        """Whether a value comes from what the unit is given: what that is says what it is."""
        return bool(self._own) and any(part.number in self._own for part in node.walk())

    def _is_part_of_data(self, node: Node) -> bool:
        """`features["inputs"]`, and what `features, labels = batch` calls a label."""
        if node.name == "[]" and len(node.args) == 2 and isinstance(node.args[1].value, str):
            key = node.args[1].value
            return key in _DATA_KEYS or speaks_of_truth(key)
        if node.name != "item" or node.args[0].op != INPUT:
            return False
        if self._truths is None:
            self._truths = frozenset(
                d.value.number
                for d in self.unit.definitions
                if d.value.name == "item" and speaks_of_truth(d.name)
            )
        return node.number in self._truths

    def _given(self, node: Node) -> list[tuple[Facts, Node]]:
        """What the known callers of a helper give for one of its parameters."""
        name = self._own.get(node.number)
        if name is None or self.unit.kind not in (Kind.HELPER, Kind.LOSS):
            return []
        return [
            (facts, call.arguments[name]) for facts, call in self.sites if name in call.arguments
        ]

    def sources(self, node: Node) -> list[tuple[Facts, Node]]:
        """What the known callers give for a parameter of a helper; any other value is itself."""
        given = self._given(node) if node.op == INPUT else []
        return given or [(self, node)]

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
            self._useful = {id(each) for each in reached(self._trained_results(), _passed_back)}
        return id(node) in self._useful

    def carries(self, node: Node) -> bool:
        """Whether the loss depends on the value by more than an index or a condition."""
        if self._carrying is None:
            self._carrying = {id(each) for each in reached(self._trained_results(), _carried)}
        return id(node) in self._carrying

    def _trained_results(self) -> list[Node]:
        """The results, without what has no gradient and stands beside something that has one."""
        return [part for result in self.unit.results for part in self._items_to_train(result)]

    def _items_to_train(self, result: Node) -> Sequence[Node]:
        named = list(named_parts(result))
        trained = [part for name, part in named if self.smooth(part) or speaks_of_loss(name)]
        return trained if any(map(self.smooth, trained)) else (result,)

    def active(self, node: Node) -> bool:
        """Activity in the sense of automatic differentiation: varied and useful, in a loss."""
        return (
            self.in_loss
            and self.varied(node)
            and self.useful(node)
            and self.is_trained_with(node)
            and not self.has_own_gradient
        )

    @property
    def has_own_gradient(self) -> bool:
        """Whether the unit gives its gradient itself: none is taken through what it computes."""
        return has_own_gradient(self.unit.tree)

    def is_trained_with(self, node: Node) -> bool:
        """Whether the text that makes the value runs in training, as far as a flag tells."""
        if self._untrained is None:
            self._untrained = untrained_code(self.unit.tree)
        return node.origin is None or id(node.origin.code) not in self._untrained

    def is_of_reals(self, node: Node) -> bool:
        """Whether the text that makes the value is for real numbers, as far as a test tells."""
        if self._complex is None:
            self._complex = complex_code(self.unit.tree)
        return node.origin is None or id(node.origin.code) not in self._complex

    def is_left_to_its_guard(self, node: Node) -> bool:
        """Whether only a branch of a `where` has the value, and no gradient is taken through it:
        a function with a gradient of its own chooses what it computes well.
        """
        if not self.has_own_gradient:
            return False
        if self._unchosen is None:
            self._unchosen = {id(each) for each in reached(self.unit.results, _conditions)}
        return id(node) not in self._unchosen

    @property
    def in_loss(self) -> bool:
        """Whether a loss depends on what the unit gives: it is one, or one makes use of it."""
        if self._in_loss is None:
            self._in_loss = False  # functions that call each other, met again below
            self._in_loss = self.unit.kind in (Kind.LOSS, Kind.HELPER)
            if self.sites and (self.unit.kind is Kind.HELPER or self._is_wholly_known()):
                self._in_loss = any(facts.in_use(call) for facts, call in self.sites)
        return self._in_loss

    def _is_wholly_known(self) -> bool:
        """Whether losses of the file alone make use of the unit: it is private."""
        private = self.unit.name.rpartition(".")[2].startswith("_")
        return private and all(facts.in_loss for facts, _ in self.sites)

    def in_use(self, call: Call) -> bool:
        """Whether a loss depends on what a call of this unit's text gives."""
        if not self.in_loss:
            return False
        results = (call.result, *call.left)
        return any(self.useful(node) and self.is_trained_with(node) for node in results)

    def interval(self, node: Node, dtype: str = "float32") -> Interval:
        """All that the value can be, where the inputs are of that dtype."""
        return self.ranges(dtype).of(node)

    def ranges(self, dtype: str = "float32") -> Ranges:
        """The ranges of the unit's values in that dtype, and what they come from."""
        if dtype not in self._ranges:
            self._ranges[dtype] = Ranges(self._named_interval, dtype, self._is_tensor)
        return self._ranges[dtype]

    def usual(self, node: Node) -> Interval:
        """All that the value can be where settings are about what they are by default."""
        if _USUAL not in self._ranges:
            self._ranges[_USUAL] = Ranges(self._usual_interval, "float32", self._is_tensor)
        return self._ranges[_USUAL].of(node)

    def _usual_interval(self, node: Node) -> Interval:
        value = node.value
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0.0:
            return Interval(value / _ROOM, value * _ROOM)
        if node.op == INPUT and self.role(node) is Role.LABEL:
            return Interval(-_ROOM, _ROOM)  # a class, a sign, a share
        return self._named_interval(node)

    def _is_tensor(self, node: Node) -> bool:
        """Whether the value takes every value of its range, as a setting does not."""
        if node.op == OPAQUE and node.name.rpartition(".")[2] in _FED:
            return True
        return self.varied(node) or self.role(node) is not Role.SETTING

    def _named_interval(self, node: Node) -> Interval:
        """A parameter or a name from outside, by its callers, its default, its name or its use."""
        if node.op == INPUT:
            fixed = [value for _, value in self._given(node)]
            if fixed and self.unit.kind is Kind.HELPER:
                return self._by_callers(node)
            if fixed and all(value.op == CONST for value in fixed):
                return self._by_callers(node)
            if self.role(node) is not Role.SETTING:
                if fixed and not speaks_of_prediction(node.name):
                    return self._by_callers(node)
                return UNIT if node.number in self._probabilities() else UNKNOWN
        if isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
            if node.value > 0 and speaks_of_small(node.name):
                return Interval(node.value / _LEEWAY, min(node.value * _LEEWAY, 1.0))
            if 0.0 < node.value <= 1.0 and node.number in self._probabilities():
                return Interval(node.value / _LEEWAY, 1.0)  # a share, as a default of 0.05 says
            return POSITIVE if node.value > 0 else NONNEGATIVE if node.value == 0 else UNKNOWN
        return Interval(0.0, 1.0, low_open=True) if speaks_of_small(node.name) else UNKNOWN

    def _by_callers(self, node: Node) -> Interval:
        """All that the known callers give for a parameter."""
        if node.number in self._asked:  # functions that call each other
            return UNKNOWN
        self._asked.add(node.number)
        found = [facts.interval(value) for facts, value in self._given(node)]
        self._asked.discard(node.number)
        return hull(*found)

    def _probabilities(self) -> set[int]:
        """Parameters whose complement `1 - p` is taken, or whose logarithm where a model gave them:
        they are meant to lie in [0, 1]."""
        if self._likely is None:
            self._likely = set()
            for node in reached((*self.unit.results, *self.unit.nodes)):
                if node.op == "sub" and node.args[0].op == CONST and node.args[0].value == 1:
                    self._likely |= _viewed_inputs(node.args[1])
                elif node.op == "log" and not (
                    self._is_a_scale(node.args[0]) or is_of_a_scale(node)
                ):
                    *_, last = _views(node.args[0])
                    if last.op == INPUT and speaks_of_prediction(last.name):
                        self._likely.add(last.number)
        return self._likely

    def _is_a_scale(self, node: Node) -> bool:
        """Whether the code calls a value, or a part of one, a scale and no probability."""
        seen = list(_views(node))
        if seen[-1].op == INPUT and speaks_of_scale(seen[-1].name):
            return True
        numbers = {each.number for each in seen}
        held = (d.name for d in self.unit.definitions if d.value.number in numbers)
        return any(map(speaks_of_scale, held))


def _passed_back(node: Node) -> Sequence[Node]:
    """The arguments that a gradient goes on to."""
    return () if node.op == "stop_gradient" or is_shape(node) else node.args


def _carried(node: Node) -> Sequence[Node]:
    """The arguments that the value itself comes from, and that do not only choose."""
    if node.op in _CHOOSES:
        return node.args[_CHOOSES[node.op]]
    usual = _LOOKED_UP.get(node.name.rpartition(".")[2]) if node.op == OPAQUE else None
    if usual is None:
        return node.args
    kept = operand(node) or usual
    return node.args[kept : kept + 1]


def _conditions(node: Node) -> Sequence[Node]:
    return node.args[:1] if node.op == "where" else node.args


def _viewed_inputs(node: Node) -> set[int]:
    """The parameter that a value is a view of: reshaped, sliced, gathered."""
    *_, last = _views(node)
    return {last.number} if last.op == INPUT else set()


def _views(node: Node) -> Iterator[Node]:
    """A value, and what it is a view of, outermost first."""
    yield node
    while node.op in _VIEWS or (node.op == OPAQUE and node.name == "[]"):
        node = node.args[0]
        yield node
