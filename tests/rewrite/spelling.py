"""Terms of the vocabulary written as Python, in the names of one API."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lossfix.graph.vocabulary import OPS, RETIRED
from lossfix.rules.terms import Apply, AttrVar, Bind, Const, Sharpness, Var

SIGNS = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "greater": ">",
    "greater_equal": ">=",
    "less": "<",
    "less_equal": "<=",
}
DTYPES = {"dtype": "float32", "integer": "int32"}


@dataclass(frozen=True)
class Style:
    """How a file reaches an API: its imports, and the text before each name."""

    name: str
    imports: str
    column: str
    root: str
    prefix: str

    def names(self, op: str) -> Sequence[str]:
        """The dotted texts by which a person may call `op`; empty where the API has none."""
        if op.startswith("np_"):
            return [f"np.{n}" for n in OPS[op.removeprefix("np_")].names["numpy"]]
        known = OPS[op].names.get(self.column, ())
        return [f"{self.prefix}.{n}" for n in known if n not in RETIRED.get(self.column, ())]


TF = Style("tf", "import tensorflow as tf\n", "tf", "tensorflow", "tf")
STYLES = (
    TF,
    Style("v1", "import tensorflow.compat.v1 as tf\n", "tf", "tensorflow.compat.v1", "tf"),
    Style(
        "tf.keras.backend",
        "from tensorflow.keras import backend as K\n",
        "keras.backend",
        "tensorflow.keras.backend",
        "K",
    ),
    Style("keras.ops", "from keras import ops\n", "keras.ops", "keras.ops", "ops"),
    Style("keras 2", "from keras import backend as K\n", "keras.backend", "keras.backend", "K"),
)

Pick = Callable[[Sequence[str]], str]
"""Takes one of several spellings."""


class Unwritable(Exception):
    """The API has no name for an op."""


def spelled(
    term, style: Style, values: Mapping[str, str], attrs: Mapping[str, str], pick: Pick
) -> str:
    """`term` as a person may write it. Raises Unwritable."""

    def write(part) -> str:
        if isinstance(part, Var):
            return values[part.name]
        if isinstance(part, Const):
            return pick([repr(part.value), repr(float(part.value))])
        if isinstance(part, Bind):
            return write(part.term)
        assert isinstance(part, Apply), Sharpness
        return applied(part)

    def applied(part: Apply) -> str:
        args = [write(arg) for arg in part.args]
        functions = style.names(part.op)
        if part.op == "neg":
            return pick([f"-({args[0]})", f"(-({args[0]}))"])
        if part.op in SIGNS:
            text = f"({args[0]}) {SIGNS[part.op]} ({args[1]})"
            called = [f"{f}({args[0]}, {args[1]})" for f in functions]
            return pick([f"({text})", *called])
        if part.op == "square":
            return pick([f"({args[0]}) ** 2", *(f"{f}({args[0]})" for f in functions)])
        if part.op == "column":
            return f"({args[0]})[:, {attrs['index']}]"
        if part.op == "to_numpy" and not functions:
            return f"({args[0]}).numpy()"
        if not functions:
            raise Unwritable(part.op)
        named = [f"{name}={attribute(value)}" for name, value in part.attrs]
        if part.op in ("cast", "reshape", "expand_dims"):
            named = [attribute(value) for _, value in part.attrs]
        return f"{pick(functions)}({', '.join([*args, *named])})"

    def attribute(value) -> str:
        return attrs[value.name] if isinstance(value, AttrVar) else repr(value)

    return write(term)
