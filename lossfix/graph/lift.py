"""Lifting statements: each changes which value the names hold; branches join."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from lossfix.graph.calls import lift_call
from lossfix.graph.express import binary, lift_expression
from lossfix.graph.index import attributes_set
from lossfix.graph.lifting import Surroundings
from lossfix.graph.nodes import (
    CONST,
    JOIN,
    LOOP,
    OPAQUE,
    Call,
    Definition,
    Frame,
    Function,
    Node,
    Origin,
)
from lossfix.graph.rebinding import (
    TRIES,
    captured_names,
    outer_names,
    rebound_names,
    stored_names,
)
from lossfix.source.trees import children_of, nodes_in

Scope = Mapping[str, Node]
_NO_NAMES: frozenset[str] = frozenset()
_NO_STATEMENT = ast.Pass(lineno=1, col_offset=0)


@dataclass
class _Assignment:
    """A definition while its loads are still being found."""

    name: str
    statement: ast.stmt
    value: Node
    simple: bool
    loads: list[ast.Name] = field(default_factory=list)


_End = tuple[dict[str, Node], dict[str, tuple[_Assignment, ...]]]  # the scope, and what reaches it


class Lifter:
    """Walks one scope in the order of the text; holds what is known so far.

    With `recording` off, the values are worked out and nothing else is kept: so a helper is run
    through at each call of it.
    """

    def __init__(self, module: Surroundings, frame: Frame, scope: Scope, *, depth: int = 0) -> None:
        self.module = module
        self.numbers = module.numbers
        self.frame = frame
        self.imports = frame.home.imports
        self.scope: dict[str, Node] = dict(scope)
        self.depth = depth
        self.yields = False  # whether it is a generator
        self.nodes: list[Node] = []
        self.results: list[Node] = []
        self.sinks: list[Node] = []
        self.trained: list[Node] = []
        self.calls: list[Call] = []
        self._assignments: list[_Assignment] = []
        self._reaching: dict[str, tuple[_Assignment, ...]] = {}
        self._captured: list[ast.Name] = []
        self._unsteady: set[str] = set()  # names that any call may bind anew
        self._rebound: set[str] | None = None  # names that this scope binds more than once
        self._statement: ast.stmt = _NO_STATEMENT
        self._muted = 0 if depth == 0 else 1
        self._left: list[list[_End]] = []  # of each loop around, how `continue` and `break` leave
        self._rounds = 0  # first rounds of loops, whose results do not count

    # what expressions ask for

    def origin(self, code: ast.expr | ast.AugAssign) -> Origin:
        return Origin(code, self._statement, self.scope, self.frame)

    def record(self, node: Node) -> None:
        if not self._muted:
            self.nodes.append(node)

    def look_up(self, name: str) -> Node | None:
        """What a name holds here: in this scope, around it, or at the top of its file."""
        if name in self._unsteady:
            return self._fresh("unsteady")
        found = self.scope.get(name)
        if found is None and name not in self.imports:
            found = self.module.named(self.frame, name)
        return found

    def note_load(self, name: ast.Name) -> None:
        if self._muted and not self._rounds:
            return
        for assignment in self._reaching.get(name.id, ()):
            if name not in assignment.loads:
                assignment.loads.append(name)

    def note_names(self, expr: ast.AST) -> None:
        for node in nodes_in(expr):
            if isinstance(node, ast.Name):
                self.note_load(node)

    def note_captured(self, tree: ast.AST) -> None:
        """Names that code which runs later may load, whatever they hold by then."""
        if not self.depth and self.frame.name:
            self._captured.extend(
                n for n in nodes_in(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
            )

    def note_call(self, call: Call) -> None:
        if not self._muted:
            self.calls.append(call)

    def note_sink(self, node: Node) -> None:
        """A value that training makes small, or the function that computes it."""
        if self._muted:
            return
        if isinstance(node.target, Function) and not node.args:
            self.module.note_loss(node.target.frame)
        else:
            self.sinks.append(node)

    def note_trained(self, node: Node) -> None:
        """What a gradient is taken with respect to: one value, or the items of a list."""
        if not self._muted:
            self.trained.extend(node.args if node.name == "sequence" else (node,))

    def join(self, nodes: tuple[Node, ...], origin: Origin | None = None) -> Node:
        if len({node.number for node in nodes}) == 1:
            return nodes[0]
        return Node(JOIN, nodes, {}, self.numbers.fresh(), origin)

    def bind(self, name: str, node: Node) -> None:
        held = self._fresh("unsteady") if name in self._unsteady else node
        self.scope = {**self.scope, name: held}

    def forget(self, names: Iterable[str]) -> None:
        """Names that were bound, or may have been, to something that is not known."""
        for name in sorted(names):
            self.bind(name, self._fresh("rebound"))

    def define(self, name: str, node: Node, simple: bool) -> None:
        self.bind(name, node)
        if self._muted and not self._rounds:
            return
        made = _Assignment(name, self._statement, node, simple)
        self._reaching[name] = (made,)
        if not self._muted:
            self._assignments.append(made)

    def definitions(self) -> tuple[Definition, ...]:
        captured: defaultdict[str, list[ast.Name]] = defaultdict(list)
        for name in self._captured:
            captured[name.id].append(name)
        return tuple(
            Definition(a.name, a.statement, a.value, tuple({*a.loads, *captured[a.name]}), a.simple)
            for a in self._assignments
        )

    def call(self, expr: ast.Call) -> Node:
        return lift_call(self, expr)

    # statements

    def at(self, expr: ast.expr) -> Node:
        """The value of an expression that stands by itself."""
        self._statement = ast.copy_location(ast.Expr(expr), expr)
        return lift_expression(self, expr)

    def body(self, statements: Iterable[ast.stmt]) -> bool:
        """Lift in order; true where the end is never reached."""
        return any(self._lift(statement) for statement in statements)

    def _lift(self, statement: ast.stmt) -> bool:
        outer, self._statement = self._statement, statement
        handler = _STATEMENTS.get(type(statement))
        ended = bool(handler(self, statement)) if handler else self._other(statement)
        self._statement = outer
        return ended

    def _other(self, statement: ast.stmt) -> bool:
        for child in children_of(statement):
            if isinstance(child, ast.expr):
                lift_expression(self, child)
            elif isinstance(child, ast.stmt):
                self._lift(child)
        if isinstance(statement, (ast.Continue, ast.Break)) and self._left:
            self._left[-1].append((self.scope, self._reaching))
        return isinstance(statement, (ast.Raise, ast.Continue, ast.Break))

    def _assign(self, statement: ast.Assign) -> None:
        value = lift_expression(self, statement.value)
        simple = len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name)
        for target in statement.targets:
            self._store(target, value, simple)

    def _annotated(self, statement: ast.AnnAssign) -> None:
        if statement.value is not None:
            value = lift_expression(self, statement.value)
            self._store(statement.target, value, isinstance(statement.target, ast.Name))

    def _augmented(self, statement: ast.AugAssign) -> None:
        if isinstance(statement.target, ast.Name):
            self.note_load(statement.target)
            old = self.look_up(statement.target.id) or self.numbers.free(statement.target.id)
            new = lift_expression(self, statement.value)
            node = binary(self, statement.op, old, new, self.origin(statement))
            self.record(node)
            self.define(statement.target.id, node, simple=False)
        elif isinstance(statement.target, ast.Attribute):
            old = lift_expression(self, statement.target)
            new = lift_expression(self, statement.value)
            node = binary(self, statement.op, old, new, None)
            self.bind(ast.unparse(statement.target), node)
        else:
            value = lift_expression(self, statement.value)
            self._store(statement.target, value, simple=False)

    def _store(self, target: ast.expr, value: Node, simple: bool) -> None:
        if isinstance(target, ast.Name):
            self.define(target.id, value, simple)
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._unpack(target.elts, value)
        elif isinstance(target, ast.Starred):
            self._store(target.value, self._fresh("starred", value), simple=False)
        elif isinstance(target, ast.Subscript):
            self._store_item(target, value)
        elif isinstance(target, ast.Attribute):
            self.note_names(target.value)
            self.bind(ast.unparse(target), value)

    def _store_item(self, target: ast.Subscript, value: Node) -> None:
        lift_expression(self, target.slice)
        self.note_names(target.value)
        if isinstance(target.value, ast.Name):
            old = self.look_up(target.value.id)
            args = (value,) if old is None else (old, value)
            self.bind(target.value.id, self._fresh("stored", *args))
        elif isinstance(target.value, ast.Attribute):
            old = lift_expression(self, target.value)
            self.bind(ast.unparse(target.value), self._fresh("stored", old, value))

    def _unpack(self, targets: list[ast.expr], value: Node) -> None:
        known = value.op == OPAQUE and value.name == "sequence" and len(value.args) == len(targets)
        starred = any(isinstance(target, ast.Starred) for target in targets)
        for index, target in enumerate(targets):
            if known and not starred:
                item = value.args[index]
            else:
                item = self.numbers.opaque("item", (value,), ("item", index, len(targets)), None)
            self._store(target, item, simple=False)

    def _fresh(self, name: str, *args: Node) -> Node:
        return self.numbers.opaque(name, args, None, None)

    def _return(self, statement: ast.Return) -> bool:
        if statement.value is not None:
            value = lift_expression(self, statement.value)
            if not self._rounds:
                self.results.append(value)
        return True

    def _if(self, statement: ast.If) -> bool:
        test = lift_expression(self, statement.test)
        if self.depth and test.op == CONST:  # a flag of this call; for any call it may be either
            return self.body(statement.body if test.value else statement.orelse)
        return self._branches([statement.body, statement.orelse])

    def _branches(self, bodies: list[list[ast.stmt]], unsure: frozenset[str] = _NO_NAMES) -> bool:
        """Lift alternatives from one state, and join where they end.

        All but the first start without knowing what the `unsure` names hold.
        """
        before, reaching = self.scope, self._reaching
        ends: list[_End] = []
        for index, body in enumerate(bodies):
            self.scope, self._reaching = before, dict(reaching)
            self.forget(unsure if index else ())
            if not self.body(body):
                ends.append((self.scope, self._reaching))
        if not ends:
            self.scope, self._reaching = before, dict(reaching)
            return True
        self.scope = self._joined([scope for scope, _ in ends])
        self._reaching = _merged([reach for _, reach in ends])
        return False

    def _joined(self, scopes: list[dict[str, Node]]) -> dict[str, Node]:
        if len(scopes) == 1:
            return scopes[0]
        names = dict.fromkeys(name for scope in scopes for name in scope)
        return {
            name: self._joined_name(tuple(scope[name] for scope in scopes if name in scope), scopes)
            for name in names
        }

    def _joined_name(self, nodes: tuple[Node, ...], scopes: list[dict[str, Node]]) -> Node:
        """What a name holds after branches; one that has no value after some is not known."""
        if len(nodes) < len(scopes):
            return Node(JOIN, nodes, {}, self.numbers.fresh())
        return self.join(nodes)

    def _loop(self, statement: ast.For | ast.AsyncFor | ast.While) -> None:
        if isinstance(statement, ast.While):
            head: ast.expr = statement.test
        else:
            head = statement.iter
            source = lift_expression(self, head)
            self._store(statement.target, self._fresh("item", source), simple=False)
        before, reaching = self.scope, self._reaching
        self._muted += 1
        self._rounds += 1
        self._round(statement.body)
        self._rounds -= 1
        self._muted -= 1
        carried = self._carried(statement.body, before)
        reach_once = self._reaching
        self.scope = {**before, **carried}
        self._reaching = _merged([reaching, reach_once])
        if isinstance(statement, ast.While):
            lift_expression(self, head)
        self._round(statement.body)
        for name, node in carried.items():
            if node.rounds is not None and name in self.scope:
                node.rounds.append(self.scope[name])
        self.scope = self._joined([self.scope, before])
        self._reaching = _merged([self._reaching, reaching, reach_once])
        self.body(statement.orelse)

    def _round(self, body: list[ast.stmt]) -> None:
        """One round of a loop, by whichever way it is left."""
        self._left.append([])
        ended = self.body(body)
        ends = self._left.pop()
        if not ended or not ends:
            ends.append((self.scope, self._reaching))
        self.scope = self._joined([scope for scope, _ in ends])
        self._reaching = _merged([reach for _, reach in ends])

    def _carried(self, body: list[ast.stmt], before: dict[str, Node]) -> dict[str, Node]:
        """What the names hold in a later round: what they held before, or what the last one left.

        The scope is as the first round left it.
        """
        stored = stored_names(body) | self._attributes_set(body)
        changed = {name for name, node in before.items() if self.scope.get(name, node) is not node}
        found: dict[str, Node] = {}
        for name in sorted((stored | changed) & set(self.scope)):
            if name in before:
                starts, number = (before[name], self.scope[name]), self.numbers.fresh()
                found[name] = Node(JOIN, starts, {}, number, name=LOOP, rounds=[])
            elif name.startswith("self."):
                found[name] = self._fresh("rebound")
        return found

    def _with(self, statement: ast.With | ast.AsyncWith) -> bool:
        for item in statement.items:
            value = lift_expression(self, item.context_expr)
            if item.optional_vars is not None:
                self._store(item.optional_vars, self._fresh("with", value), simple=False)
        return self.body(statement.body)

    def _try(self, statement: ast.Try) -> bool:
        handlers = [[*h.body] for h in statement.handlers]
        for handler in statement.handlers:
            self.note_captured(handler)
        named = {handler.name for handler in statement.handlers if handler.name is not None}
        run_before = [statement.body, *([] if isinstance(statement, ast.Try) else handlers)]
        unsure = frozenset(named | stored_names(chain(*run_before)))
        ended = self._branches([[*statement.body, *statement.orelse], *handlers], unsure)
        return self.body(statement.finalbody) or ended

    def _match(self, statement: ast.Match) -> bool:
        lift_expression(self, statement.subject)
        self.forget(captured_names(statement.cases))
        return self._branches([*(case.body for case in statement.cases), []])

    def _function(self, statement: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for expr in (*statement.decorator_list, *statement.args.defaults):
            lift_expression(self, expr)
        self.note_captured(statement)
        if self.frame.home.shared:
            self._bound_by_calls(outer_names(statement))
        self._bound_by_calls(self._attributes_set(statement.body))
        name = f"{self.frame.name}.{statement.name}" if self.frame.name else statement.name
        frame = Frame(self.frame.home, name, self.frame.owner)
        target = Function(statement, frame, self.seen_within(statement))
        node = self.numbers.callable(target, (id(statement), id(self.scope)))
        self.define(statement.name, node, simple=False)

    def _attributes_set(self, body: list[ast.stmt]) -> set[str]:
        if self.frame.owner is None:
            return set()
        return {f"self.{name}" for name in attributes_set(body)}

    def seen_within(self, inner: ast.AST) -> Scope:
        """What an inner function finds here, whenever it is called."""
        if self._rebound is None:
            place = self.frame.home.places.get(self.frame.name)
            tree = place.tree if place else self.frame.home.tree
            self._rebound = rebound_names(tree)
            self._rebound |= self._attributes_set(tree.body)
        if not self._rebound:
            return self.scope
        names = {node.id for node in nodes_in(inner) if isinstance(node, ast.Name)}
        names |= {name for name in self._rebound if name.startswith("self.")}
        steady = {name: node for name, node in self.scope.items() if name not in self._rebound}
        changing = names & self._rebound & set(self.scope)
        return {**steady, **{name: self._fresh("rebound") for name in sorted(changing)}}

    def _class(self, statement: ast.ClassDef) -> None:
        self.note_captured(statement)
        if self.frame.home.shared:
            self._bound_by_calls(outer_names(statement))
        self.define(statement.name, self.numbers.free(f"class {statement.name}"), simple=False)

    def _import(self, statement: ast.Import | ast.ImportFrom) -> None:
        """Imports are read for the whole module before anything is lifted."""
        bound = {(alias.asname or alias.name).partition(".")[0] for alias in statement.names}
        self._unbind(bound)

    def _delete(self, statement: ast.Delete) -> None:
        for target in statement.targets:
            self.note_names(target)
        self._unbind({ast.unparse(target) for target in statement.targets})

    def _unbind(self, names: set[str]) -> None:
        self.scope = {name: node for name, node in self.scope.items() if name not in names}

    def _declared(self, statement: ast.Global | ast.Nonlocal) -> None:
        self._bound_by_calls(set(statement.names))

    def _bound_by_calls(self, names: set[str]) -> None:
        if self.frame.name:  # at the top of a file, what is left at its end is what counts
            self._unsteady |= names
            self.forget(n for n in names if n in self.scope or n.startswith("self."))


def _merged(
    reaches: list[dict[str, tuple[_Assignment, ...]]],
) -> dict[str, tuple[_Assignment, ...]]:
    merged: dict[str, dict[int, _Assignment]] = {}
    for reach in reaches:
        for name, assignments in reach.items():
            merged.setdefault(name, {}).update({id(a): a for a in assignments})
    return {name: tuple(by_id.values()) for name, by_id in merged.items()}


_STATEMENTS: Mapping[type[ast.stmt], Callable[[Lifter, Any], bool | None]] = {
    ast.Assign: Lifter._assign,
    ast.AnnAssign: Lifter._annotated,
    ast.AugAssign: Lifter._augmented,
    ast.Return: Lifter._return,
    ast.If: Lifter._if,
    ast.For: Lifter._loop,
    ast.AsyncFor: Lifter._loop,
    ast.While: Lifter._loop,
    ast.With: Lifter._with,
    ast.AsyncWith: Lifter._with,
    **dict.fromkeys(TRIES, Lifter._try),
    ast.Match: Lifter._match,
    ast.FunctionDef: Lifter._function,
    ast.AsyncFunctionDef: Lifter._function,
    ast.ClassDef: Lifter._class,
    ast.Delete: Lifter._delete,
    ast.Global: Lifter._declared,
    ast.Nonlocal: Lifter._declared,
    ast.Import: Lifter._import,
    ast.ImportFrom: Lifter._import,
}
