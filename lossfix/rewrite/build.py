"""Building a fix: a rule's replacement, written in the file's own names."""

from __future__ import annotations

import ast
import builtins
import io
import keyword
import tokenize
from collections import Counter
from collections.abc import Mapping, Sequence

from lossfix.errors import RewriteError
from lossfix.graph.module import Module
from lossfix.graph.nodes import Attribute, Dynamic, Node
from lossfix.graph.vocabulary import OPS
from lossfix.rewrite import snippet
from lossfix.rewrite.api import Api
from lossfix.rewrite.edits import Edit, Fix
from lossfix.rewrite.operands import Operands, opaque_operand
from lossfix.rewrite.place import room_for_bindings
from lossfix.rewrite.snippet import Snippet
from lossfix.rules.findings import Finding
from lossfix.rules.steer import choice_for
from lossfix.rules.terms import Apply, AttrVar, Bind, Const, Sharpness, Term, Var, ops
from lossfix.source.text import Text

POSITIONAL = frozenset("cast reshape transpose one_hot expand_dims tile".split())
"""Ops whose first attribute is written without a keyword: each API has a keyword of its own."""

BY_NAME = frozenset("softmax_xent sparse_softmax_xent sigmoid_xent".split())
"""Ops whose arguments are written with their names: TensorFlow 1 takes them in no other way."""

_MOST_AGAIN = 100
"""Operations that a fix writes again where no name holds them: nobody reads more."""

NEVER_AGAIN = frozenset(
    "argmax argmin argsort count_nonzero cumsum histogram squeeze l2_normalize matmul "
    "variable".split()
)
"""Ops that another API of the same column spells, or defaults, in another way: their text is
copied, and never made up."""

_OPERAND_NAME = "value"


def fix_for(
    finding: Finding,
    text: Text,
    module: Module,
    sharpness: float | None = None,
    forced: float | None = None,
) -> Fix:
    """The fix of a finding, with the general sharpness, or with the `forced` one whatever is asked.

    Raises RewriteError, its message starting with a reason code.
    """
    after, root = finding.match.after, finding.match.root
    assert after is not None
    assert root.origin is not None
    _reject_ambiguous(finding)
    choice = choice_for(finding, sharpness)
    k = choice.k if choice is not None else None
    builder = _Builder(finding, text, module, forced or k)
    new = builder.term(after)
    statement = text.span(root.origin.statement)
    if builder.bindings:
        values = [value.tree for _, value in builder.bindings]
        room_for_bindings(root.origin, values, finding.unit.nodes, text)
    code = root.origin.code
    target = ""
    if isinstance(code, ast.AugAssign):
        assert isinstance(code.target, ast.Name)
        target = code.target.id
    edit = Edit(
        text.span(code), new, statement, tuple(builder.bindings), tuple(builder.api.added), target
    )
    _reject_lost_comments(text, edit)
    _reject_lost_names(code, edit)
    return Fix(finding, edit, k)


def _reject_ambiguous(finding: Finding) -> None:
    for node in finding.match.interior:
        name = node.prefix.partition(".")[0]
        if name in finding.unit.ambiguous:
            raise RewriteError(f"ambiguous-name: {name} is bound by two imports")


def _reject_lost_comments(text: Text, edit: Edit) -> None:
    kept: Counter[str] = Counter()
    for value in (edit.new, *(value for _, value in edit.bindings)):
        kept.update(_comments(value.text))
    for comment in Counter(_comments(text.slice(edit.span))) - kept:
        raise RewriteError(f"comment-in-range: the fix would lose {comment!r}; move it first")


def _reject_lost_names(code: ast.expr | ast.AugAssign, edit: Edit) -> None:
    """A name that the replaced text gives to a part of itself is given once, as before."""
    kept = [edit.new.tree, *(value.tree for _, value in edit.bindings)]
    if _named_parts([code]) != _named_parts(kept):
        raise RewriteError("named-in-range: the fix would lose a := of the text it replaces")


def _named_parts(trees: Sequence[ast.AST]) -> Counter[str]:
    return Counter(
        node.target.id
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.NamedExpr)
    )


def _comments(code: str) -> list[str]:
    if "#" not in code:
        return []
    tokens = tokenize.generate_tokens(io.StringIO(f"({code}\n)").readline)
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


class _Builder:
    """Writes one replacement; collects the assignments and imports that it needs."""

    def __init__(
        self, finding: Finding, text: Text, module: Module, sharpness: float | None
    ) -> None:
        self.match = finding.match
        self.numbers = module.numbers
        self.sharpness = sharpness
        self.operands = Operands(finding.match, text)
        self.api = Api(finding.match, module)
        self.bindings: list[tuple[str, Snippet]] = []
        self._bound: dict[Term, Snippet] = {}
        self._copied: set[Term] = set()
        self._taken: set[str] | None = None
        self._again = 0  # how many operations are written again
        self._module = module
        self._tree = finding.unit.tree
        assert self.match.after is not None
        self._uses = Counter(part.name for part in _once(self.match.after) if isinstance(part, Var))

    # terms

    def term(self, term: Term) -> Snippet:
        if isinstance(term, Var):
            return self._variable(term)
        if isinstance(term, Const):
            value = snippet.literal(abs(term.value) if _negative(term) else term.value)
            return snippet.negative(value) if _negative(term) else value
        if isinstance(term, Sharpness):
            if self.sharpness is None:
                raise RewriteError("no-sharpness: the rule's contract names none")
            return snippet.literal(float(self.sharpness))
        if isinstance(term, Bind):
            return self._bind(term)
        assert isinstance(term, Apply)
        return self._apply(term)

    def _variable(self, term: Var) -> Snippet:
        if term in self._bound:
            return self._bound[term]
        written = self.operand(self.match.values[term.name])
        if self._uses[term.name] > 1 and not written.simple:
            written = self._assign(term.name if len(term.name) > 1 else _OPERAND_NAME, written)
        self._bound[term] = written
        return written

    def _bind(self, term: Bind) -> Snippet:
        if term not in self._bound:
            written = self.term(term.term)
            self._bound[term] = written if written.simple else self._assign(term.name, written)
        return self._bound[term]

    def _assign(self, wanted: str, value: Snippet) -> Snippet:
        if self._taken is None:
            self._taken = _names_in(self._tree) | _names_in_module(self._module)
        chosen, count = wanted, 1
        while chosen in self._taken:
            count += 1
            chosen = f"{wanted}_{count}"
        self._taken.add(chosen)
        self.bindings.append((chosen, value))
        return snippet.name(chosen)

    def _apply(self, term: Apply) -> Snippet:
        known = self._node(term)
        if known is not None:
            found = self.operands.find(known) or self._interior(known)
            if found is not None:
                again = term in self._copied
                self._copied.add(term)
                return snippet.uncommented(found) if again else found
        if term.op == "straight_through":
            return self._straight_through(*term.args)
        args = [self.term(arg) for arg in term.args]
        given = dict(term.attrs)
        attrs = {name: self._attribute(value) for name, value in given.items()}
        return self._emit(term.op, args, attrs)

    def _straight_through(self, value: Term, surrogate: Term) -> Snippet:
        """By custom_gradient where the file's API has it, else as a sum that adds exactly 0."""
        try:
            function = self.api.function("straight_through")
        except RewriteError:
            stopped = ops.stop_gradient
            return self.term(stopped(value) + (surrogate - stopped(surrogate)))
        variable = self.term(surrogate)
        if not isinstance(variable.tree, ast.Name):
            variable = self._assign(_OPERAND_NAME, variable)
            if isinstance(surrogate, Var):
                self._bound[surrogate] = variable
        return snippet.with_gradient(function, variable, self.term(value))

    def _interior(self, node: Node) -> Snippet | None:
        """The value where the replaced text has it written, under another node."""
        for inner in self.match.interior:
            if inner.number == node.number and self.operands.inside(inner):
                return self.operands.written(inner)
        return None

    def _node(self, term: Term) -> Node | None:
        """The value of a term as the graph numbers it; None where it holds a sharpness."""
        if isinstance(term, Var):
            return self.match.values[term.name]
        if isinstance(term, Const):
            return self.numbers.constant(term.value)
        if isinstance(term, Bind):
            return self._node(term.term)
        if not isinstance(term, Apply):
            return None
        args = [self._node(arg) for arg in term.args]
        known = [arg for arg in args if arg is not None]
        if len(known) != len(args):
            return None
        attrs = {name: self._attribute(value) for name, value in term.attrs}
        return self.numbers.apply(term.op, tuple(known), attrs)

    def _attribute(self, value: object) -> Attribute | Dynamic:
        if isinstance(value, AttrVar):
            return self.match.attrs[value.name]
        assert value is None or isinstance(value, (int, float, str, bool))
        return value

    # values

    def operand(self, node: Node) -> Snippet:
        """A value of the graph, written at the place of the fix."""
        found = self.operands.find(node) or self.operands.inline(node)
        if found is not None:
            return found
        if node.op == "const" and not isinstance(node.value, str):
            return snippet.literal(node.value)
        self._again += 1
        if node.op in OPS and node.op not in NEVER_AGAIN and self._again <= _MOST_AGAIN:
            return self._emit(node.op, [self.operand(arg) for arg in node.args], node.attrs)
        raise opaque_operand(node)

    def _emit(
        self, op: str, args: list[Snippet], attrs: Mapping[str, Attribute | Dynamic]
    ) -> Snippet:
        if op == "neg":
            return snippet.negative(args[0], _negated(args[0]))
        if op in snippet.INFIX:
            return _simplified(op, args[0], args[1])
        if op in ("column", "column_kept"):
            index = attrs["index"]
            assert isinstance(index, int)
            return snippet.column(args[0], index, kept=op == "column_kept")
        row = OPS[op]
        named = [
            (attr, self._written(attrs[attr]))
            for attr in row.attrs
            if attr in attrs and attrs[attr] != row.defaults[attr]
        ]
        function = self.api.function(op)
        if op in POSITIONAL:
            first = [value for _, value in named[:1]]
            return snippet.call(function, [*args, *first], named[1:])
        if op in BY_NAME:
            return snippet.call(function, [], [*zip(row.params, args, strict=True), *named])
        return snippet.call(function, args, named)

    def _written(self, value: Attribute | Dynamic) -> Snippet:
        found = self.operands.argument(value)
        if found is not None:
            return found
        if isinstance(value, Dynamic):
            raise RewriteError(f"opaque-operand: {value.text} cannot be written again here")
        return snippet.literal(value)


def _simplified(op: str, left: Snippet, right: Snippet) -> Snippet:
    """An operation, without the zeros, ones and double signs that a person would leave out."""
    if op in ("add", "sub"):
        other = _negated(right)
        if other is not None:
            return _simplified("sub" if op == "add" else "add", left, other)
        if snippet.is_number(right, 0):
            return left
        if snippet.is_number(left, 0):
            return right if op == "add" else snippet.negative(right, _negated(right))
    if op == "mul" and snippet.is_number(left, 1):
        return right
    if op in ("mul", "div") and snippet.is_number(right, 1):
        return left
    return snippet.infix(op, left, right)


def _negated(value: Snippet) -> Snippet | None:
    """What `value` is the negative of, where it is written as one."""
    tree = value.tree
    if not (isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub)):
        return None
    text = value.text[1:].strip()
    if text.startswith("(") and text.endswith(")"):
        inner = text[1:-1].strip()
        if _parses_to(inner, tree.operand):
            return Snippet(inner, tree.operand)
    return Snippet(text, tree.operand) if _parses_to(text, tree.operand) else None


def _parses_to(text: str, tree: ast.expr) -> bool:
    try:
        return ast.dump(ast.parse(text, mode="eval").body) == ast.dump(tree)
    except SyntaxError:
        return False


def _negative(term: Const) -> bool:
    return not isinstance(term.value, bool) and term.value < 0


def _once(term: Term) -> list[Term]:
    """The parts of a term, those of a repeated `Bind` counted once."""
    found: list[Term] = []
    seen: set[Term] = set()

    def walk(part: Term) -> None:
        if isinstance(part, Bind):
            if part in seen:
                return
            seen.add(part)
            walk(part.term)
        found.append(part)
        if isinstance(part, Apply):
            for arg in part.args:
                walk(arg)

    walk(term)
    return found


def _names_in(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | {
        node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)
    }


def _names_in_module(module: Module) -> set[str]:
    top = {
        node.name
        for node in module.tree.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }
    return top | set(module.imports) | set(dir(builtins)) | set(keyword.kwlist)
