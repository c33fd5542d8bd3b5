"""Losses in the many ways in which people lay code out, for hypothesis."""

from hypothesis import strategies as st

COMMENTS = ("# so be it", "# \u00e9t\u00e9: 5 %", "# \U0001f600 tf.math.log(tf.nn.softmax(z))", "#")
NAMES = ("z", "logits", "\u03bc", "y_pred", "x1", "valeur_\u00e9")
PATTERNS = (
    "tf.math.log(tf.nn.softmax({0}))",
    "tf.math.log(tf.sigmoid({0}))",
    "tf.math.log(1 - tf.sigmoid({0}))",
    "tf.math.log(1 + tf.exp({0}))",
    "tf.exp({0}) - 1",
    "1 / (1 + tf.exp(-{0}))",
    "tf.math.log(tf.reduce_sum(tf.exp({0}), axis=-1, keepdims=True))",
    "tf.exp({0}) / tf.reduce_sum(tf.exp({0}), axis=-1, keepdims=True)",
    "tf.sqrt(tf.square({0}))",
    "tf.sqrt(tf.exp({0}))",
)
HEALTHY = (
    "tf.square({0})",
    "tf.nn.softplus({0})",
    "tf.maximum({0}, 0.5)",
    "(({0}))",
    "-{0} * 2",
    "tf.reduce_mean({0}, axis=-1, keepdims=True)",
)


@st.composite
def broken(draw, text):
    """The same expression, with line breaks, comments and a trailing comma inside its calls."""
    pieces = []
    depth = 0
    for position, char in enumerate(text):
        pieces.append(char)
        if char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
        inside = depth > 0 and char in "(,"
        follows = text[position + 1 : position + 2]
        if inside and follows != ")" and draw(st.integers(0, 4)) == 0:
            comment = draw(st.sampled_from(("", *COMMENTS)))
            pieces.append(f"  {comment}\n        " if comment else "\n        ")
    return "".join(pieces)


@st.composite
def expressions(draw, names, depth=2):
    """An expression over names, that holds patterns or none."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(names))
    inner = draw(expressions(names, depth - 1))
    template = draw(st.sampled_from(PATTERNS + HEALTHY))
    found = template.format(inner if inner.isidentifier() else f"({inner})")
    if draw(st.booleans()):
        other = draw(expressions(names, depth - 1))
        sign = draw(st.sampled_from(("+", "-", "*")))
        found = f"({found}) {sign} ({other})"
    return found


@st.composite
def statements(draw, names):
    """A few statements, the names that they leave, and maybe comments around them."""
    lines, known = [], list(names)
    for _ in range(draw(st.integers(0, 4))):
        if draw(st.integers(0, 2)) == 0:
            lines.append(draw(st.sampled_from(COMMENTS)))
        value = draw(expressions(known))
        value = draw(broken(value)) if draw(st.booleans()) else value
        kind = draw(st.sampled_from(("plain", "augmented", "tuple", "walrus", "if", "backslash")))
        target = draw(st.sampled_from([*known, "a", "b", "e"]))
        if kind == "augmented" and target in known:
            lines.append(f"{target} += {value}")
        elif kind == "tuple":
            lines.append(f"{target}, c = ({value}), 1.0")
        elif kind == "walrus":
            lines.append(f"d = ({target} := ({value})) * 2.0")
        elif kind == "if":
            lines.append(f"if flag: {target} = ({value})")
            lines.append(f"else: {target} = ({draw(expressions(known))})")
        elif kind == "backslash":
            lines.append(f"{target} = \\\n        ({value})")
        else:
            end = draw(st.sampled_from(("", "", "; f = 1", "  # end")))
            lines.append(f"{target} = ({value}){end}")
        known = list(dict.fromkeys([*known, target]))
    lines.append(f"return {draw(broken('(' + draw(expressions(known)) + ')'))}")
    return lines


@st.composite
def functions(draw, number):
    """A function or a method, as lines without their indentation."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True))
    body = draw(statements(names))
    head = [f"def some_loss_{number}({', '.join(names)}, flag=True):"]
    if draw(st.booleans()):
        head.insert(0, "@tf.function")
    if draw(st.booleans()):
        head.append('    """What it is: \u00e9, \\f and tf.exp(x) - 1."""')
    lines = [*head, *(f"    {line}" for line in body)]
    if draw(st.integers(0, 2)) == 0:
        return [f"class Some{number}(Base):", *(f"    {line}" for line in lines)]
    return lines


@st.composite
def modules(draw):
    """A module's text: several functions, with the line ending and indentation of one person."""
    lines = ["import tensorflow as tf", ""]
    if draw(st.booleans()):
        lines.insert(0, draw(st.sampled_from(COMMENTS)))
    for number in range(draw(st.integers(1, 3))):
        lines += [*draw(functions(number)), draw(st.sampled_from(("", "\f", "# between")))]
    text = "\n".join(lines) + draw(st.sampled_from(("", "\n", "\n\n")))
    if draw(st.booleans()):
        text = text.replace("    ", "\t")
    return text.replace("\n", draw(st.sampled_from(("\n", "\r\n"))))
