"""Modules with losses in them, as nobody would write them: what the rewriter must not break."""

import ast
import io
import random
import tokenize

from fake import TENSORFLOW
from spelling import SIGNS, TF, spelled

from lossfix.rules.registry import all_rules
from lossfix.rules.terms import Apply, AttrVar, Const, Var, subterms, variables

SAME_VALUE = [rule for rule in all_rules() if rule.contract.name in ("exact", "guarded")]
"""Rules whose fixes may not change a value that was finite."""

_ATTRS = {"dtype": "tf.float32", "integer": "tf.int32", "index": "0"}
_COMMENTS = ("# why", "# 🙂 smile", "#", "# y = tf.math.log(1 + e)", "#: größer")
_NAMES = ("p", "q", "e", "s", "squared", "größe", "value", "lower", "mean_square")


def patterns(rules):
    """(rule, term) for what the rules look for and NumPy can run."""
    return [
        (rule, rewrite.before)
        for rule in rules
        for rewrite in rule.rewrites
        if rewrite.after is not None and _runs(rewrite.before)
    ]


def _runs(term) -> bool:
    known = {*_ATTRS, "axis", "one_axis", "keepdims"}
    return all(
        (part.op in SIGNS or part.op in ("neg", "square") or _is_tensorflow(part.op))
        and all(not isinstance(v, AttrVar) or v.name in known for _, v in part.attrs)
        for part in subterms(term)
        if isinstance(part, Apply)
    )


def _is_tensorflow(op: str) -> bool:
    return not op.startswith("np_") and bool(_runnable(TF.names(op)))


def _runnable(texts):
    """Spellings that the NumPy stand-in has; infix ones are no name, and run."""
    return [text for text in texts if not text.startswith("tf.") or _has(text.partition("(")[0])]


def _has(name: str) -> bool:
    found = TENSORFLOW
    for part in name.split(".")[1:]:
        found = getattr(found, part, None)
    return found is not None


class Program:
    """Writes one module; every choice comes from `chance`."""

    def __init__(self, chance: random.Random, rules=SAME_VALUE) -> None:
        self.chance = chance
        self.patterns = patterns(rules)
        self.count = 0

    def pick(self, choices):
        return self.chance.choice(list(choices))

    def often(self, how_often: float) -> bool:
        return self.chance.random() < how_often

    # expressions

    def parens(self, text: str) -> str:
        while self.often(0.15):
            text = f"({text})"
        return text

    def operand(self, names, depth=2) -> str:
        """A value: a name, or something made of them."""
        kind = self.pick(_OPERANDS) if depth else "name"
        name = self.pick(names)
        inner = lambda: self.operand(names, depth - 1)  # noqa: E731 - said once, used below
        return self.parens(
            {
                "name": lambda: name,
                "number": lambda: self.pick(["0.5", "1", "2.0", "1e-3", "-0.25", "1_0.5"]),
                "sum": lambda: f"({inner()} {self.pick('+-*')} {inner()})",
                "loose": lambda: f"({name} + {self.pick(names)} * {self.pick(names)})",
                "minus": lambda: f"-{name}",
                "choice": lambda: f"({inner()} if flag else {name})",
                "call": lambda: f"tf.tanh({inner()})",
                "method": lambda: f"box.keep({name})",
                "note": lambda: f"note({name})",
                "lambda": lambda: f"(lambda u: u * {inner()})({name})",
                "walrus": lambda: f"(w := {inner()})",
                "listed": lambda: f"[{name}, {inner()}][{self.pick('01')}]",
                "starred": lambda: f"tf.add(*[{name}, {inner()}])",
                "sumup": lambda: f"sum([i * {name} for i in (1.0, 2.0)])",
                "pattern": lambda: self.pattern(names, depth - 1)[1],
                "power": lambda: f"{name} ** 2",
                "text": lambda: f"(len(f'{{{name}!r:>9}}') and {name})",
            }[kind]()
        )

    def pattern(self, names, depth=1, term=None):
        """A rule, and text that it looks for."""
        rule, found = self.pick(self.patterns) if term is None else term
        values = {v: self.operand(names, depth) for v in variables(found)}
        return rule, self.spell(found, values)

    def spell(self, term, values) -> str:
        attrs = {
            **_ATTRS,
            "axis": self.pick(["-1", "-1", "0"]),
            "one_axis": self.pick(["-1", "0"]),
            "keepdims": self.pick(["True", "False"]),
        }
        return spelled(term, TF, values, attrs, lambda texts: self.pick(_runnable(texts)))

    # statements

    def assignment(self, name: str, text: str, names) -> str:
        other = self.fresh()
        made = {
            "plain": f"{name} = {text}",
            "hinted": f"{name}: 'tf.Tensor' = {text}",
            "chained": f"{other} = {name} = {text}",
            "tuple": f"{other}, {name} = {self.pick(names)}, {text}",
            "twice": f"{name} = {self.pick(names)}; {name} = {text}",
            "iffed": f"if flag: {name} = {text}\nelse: {name} = {self.pick(names)}",
            "unless": f"{name} = {self.pick(names)}\nif not flag: {name} = {text}",
            "scoped": f"with tf.name_scope('n'):\n    {name} = {text}",
            "looped": f"{name} = 0.5\nfor i in (1.0, 2.0):\n    {name} = {name} * i + {text}",
            "tried": f"try:\n    {name} = {text}\nfinally:\n    pass",
            "matched": f"match flag:\n    case True: {name} = {text}\n    case _: {name} = 1.0",
            "kept": f"box.it = {text}\n{name} = box.it",
            "called": f"def inner(u):\n    return u + {text}\n{name} = inner({self.pick(names)})",
            "later": f"{name} = {text}\nlate = lambda: {name}\n{other} = late()",
            "boxed": f"table = {{'k': {text}}}\n{name} = table['k']",
            "dropped": f"{other} = {self.pick(names)}\n{name} = {text}\ndel {other}",
        }
        return made[self.pick(made)]

    def fresh(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def hoisted(self, names) -> list[str]:
        """A pattern spread over statements: some parts of it get a variable each."""
        _, term = self.pick(self.patterns)
        lines: list[str] = []
        values: dict[str, str] = {}
        known: dict[object, str] = {}
        for name in variables(term):
            values[name] = self.operand(names, 1) if self.often(0.5) else self.pick(names)

        def hoist(part):
            if isinstance(part, (Var, Const)) or part in known:
                return Var(known[part]) if part in known else part
            done = Apply(part.op, tuple(hoist(arg) for arg in part.args), part.attrs)
            if self.often(0.4):
                name = self.pick([self.fresh(), *_NAMES])
                if name not in values.values() and name not in known.values():
                    text = self.spell(done, values)
                    lines.append(f"{name} = {text}")
                    if self.often(0.3):
                        beside = ["pass", f"note({name})", f"print({name}) if 0 else 0"]
                        lines.append(self.pick(beside))
                    if self.often(0.4):
                        used = [v for v in values.values() if v.isidentifier() and v != name]
                        lines.extend(self.rebound(self.pick(used or ["y_true"]), names))
                    known[part] = name
                    values[name] = name
                    return Var(name)
            return done

        last = hoist(term)
        target = self.pick([self.fresh(), *_NAMES])
        return [*lines, f"{target} = {self.spell(last, values)}", target]

    def rebound(self, name: str, names) -> list[str]:
        """Lines after which `name` holds another value, or may."""
        text = self.pick([other for other in names if other != name] or ["0.5"])
        inner = self.fresh()
        return self.pick(
            [
                f"{name} = {text}",
                f"match {text}:\n    case {name}: pass",
                f"for {name} in (0.5, {text}): pass",
                f"with box.give({text}) as {name}: pass",
                f"try:\n    raise ValueError\nexcept ValueError as {name}: pass\n{name} = {text}",
                f"def {inner}():\n    nonlocal {name}\n    {name} = {text} * 2\n{inner}()",
                f"del {name}\n{name} = {text} + 0.5",
                f"import math as {name}; {name} = {name}.pi",
                f"[{name} := i for i in (0.5, {text})]",
                f"({name} := {text})",
                f"{name}, *_ = {text}, 1",
                f"[{inner}, ({name})] = [1, {text}]",
                f"if not flag: {name} = {text}",
                f"if flag: {name} = {text}",
                f"while True:\n    {name} = {text}\n    break",
                f"while flag and box.once():\n    {name} = {name} + {text}",
                f"class {name}: pass\n{name} = {text}",
                f"try: {name} = {text}\nexcept ValueError: pass\nelse: {name} = {name} * 2",
                f"{inner} = lambda {name}=0.5: {name}\n{name} = {name} + {inner}()",
                f"{name} += {text}",
                f"assert ({name} := {text}) is not None",
                f"{inner} = [{name}]; {inner}[0] = {text}; {name}, = {inner}",
                f"for {inner} in (1, 2):\n {name} += {inner}\n if flag: continue\n {name} = 1",
            ]
        ).split("\n")

    def body(self, names) -> list[str]:
        names, lines = list(names), []
        for _ in range(self.chance.randint(1, 4)):
            if self.often(0.5):
                *made, name = self.hoisted(names)
                lines += made
            else:
                name = self.pick([self.fresh(), *_NAMES, *names])
                text = self.pattern(names)[1] if self.often(0.7) else self.operand(names)
                if name in names and self.often(0.5):
                    lines.append(f"{name} {self.pick('+-*/')}= {text}")
                else:
                    lines += self.assignment(name, text, names).split("\n")
            if name not in names:
                names.append(name)
        back = " + ".join(names[-3:])
        tail = self.pattern(names)[1] if self.often(0.5) else back
        return [*lines, self.pick([f"return {back} - {tail}", f"return -({tail}) * ({back})"])]

    # whole files

    def loss(self, index: int) -> tuple[str, str]:
        """A definition, and the expression that gives the loss."""
        kind = self.pick(["function", "function", "method", "factory", "documented", "decorated"])
        name = f"loss_{index}"
        body = self.body(["y_true", "y_pred"])
        if kind == "method":
            head = f"class Loss{index}(object):\n    def call(self, y_true, y_pred, flag=True):\n"
            return head + _indented(body, 2), f"Loss{index}().call"
        if kind == "factory":
            inside = "def my_loss(y_true, y_pred, flag=True):\n" + _indented(body, 1)
            head = f"def {name}(alpha=1.0):\n    flag = True\n    alpha = alpha * 2\n"
            tail = "    return my_loss\n"
            return head + _indented(inside.splitlines(), 1) + tail, f"{name}()"
        head = "@tf.function\n" if kind == "decorated" else ""
        doc = ["'''Überschrift 🙂\n\n    # no comment\n    '''"] if kind == "documented" else []
        head += f"def {name}(y_true, y_pred, flag=True):\n"
        return head + _indented([*doc, *body], 1), name

    def module(self) -> str:
        losses = [self.loss(index) for index in range(self.chance.randint(1, 2))]
        parts = [_HEAD, *(text for text, _ in losses)]
        names = ", ".join(name for _, name in losses)
        return "\n\n".join([*parts, f"LOSSES = [{names}]\n"])


_OPERANDS = (
    "name name name number sum loose minus choice call method note lambda walrus listed starred "
    "sumup pattern power text"
).split()
_HEAD = '''"""A module. 🙂"""
import tensorflow as tf

class Box:
    it = 1.0
    def keep(self, x):
        return x
    def give(self, x):
        return Given(x)
    def once(self):
        self.left = not getattr(self, 'left', False)
        return self.left

class Given(object):
    def __init__(self, x):
        self.x = x
    def __enter__(self):
        return self.x
    def __exit__(self, *error):
        return False

box = Box()
'''


def _indented(lines, depth: int) -> str:
    return "".join(f"{'    ' * depth}{line}\n" for line in lines)


# how the text is laid out


def disarranged(text: str, chance: random.Random, strength: float = 0.1) -> str:
    """`text` with other blanks, line breaks, comments and commas, and the same tree."""
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    pieces: list[str] = []
    end, depth = 0, 0
    for token in tokens:
        start = starts[token.start[0] - 1] + token.start[1]
        gap = text[end:start]
        if token.type == tokenize.OP and token.string in ")]}":
            depth -= 1
        inside = depth > 0
        if (
            token.type in (tokenize.NAME, tokenize.OP, tokenize.NUMBER)
            and chance.random() < strength
        ):
            gap = _gap(gap, inside, chance, at_start=not pieces or pieces[-1].endswith("\n"))
        if token.type == tokenize.NEWLINE and chance.random() < strength:
            gap += "  " + chance.choice(_COMMENTS)
        pieces += [gap, token.string]
        if token.type == tokenize.OP and token.string in "([{":
            depth += 1
        end = starts[token.end[0] - 1] + token.end[1] if token.end[0] <= len(starts) else end
    changed = "".join([*pieces, text[end:]])
    try:
        same = ast.dump(ast.parse(changed)) == ast.dump(ast.parse(text))
    except SyntaxError:
        same = False
    return changed if same else text


def _gap(gap: str, inside: bool, chance: random.Random, at_start: bool) -> str:
    if "\n" in gap or at_start:
        return gap
    if inside:
        return gap + chance.choice(
            ["\n", "\n        ", f" {chance.choice(_COMMENTS)}\n  ", "\t", "  ", "\\\n", "\x0c"]
        )
    return gap + chance.choice([" \\\n", "  ", "\t"]) if gap else gap
