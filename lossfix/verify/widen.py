"""A loss in float64: the same text with the dtypes that it names made wider.

`tf.cast(y, tf.float32)` would otherwise take away the digits that the float64 reference is for, or
clash with float64 inputs. Only columns move, never lines.
"""

from __future__ import annotations

import ast

from lossfix.source.text import Text

_NARROW = ("float32", "float16", "bfloat16", "half")
_FILLED = ("zeros", "ones", "eye", "fill")


def widen(text: str) -> str:
    """`text` with float32, float16 and bfloat16 replaced by float64, in names and in strings."""
    tree = ast.parse(text)
    source = Text(text)
    edits: list[tuple[int, int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in _NARROW:
            end = source.span(node).end
            edits.append((end - len(node.attr), end, "float64"))
        elif isinstance(node, ast.Constant) and node.value in _NARROW:
            span = source.span(node)
            edits.append((span.start, span.end, "'float64'"))
        elif isinstance(node, ast.ImportFrom):
            continue
        elif isinstance(node, ast.Call) and _makes_float32(node):
            end = source.span(node).end
            inside = text[: end - 1].rstrip()
            comma = "" if inside.endswith(",") else ","
            edits.append((end - 1, end - 1, f"{comma} dtype='float64'"))
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _makes_float32(call: ast.Call) -> bool:
    """Whether a call such as `tf.constant(0.5)` picks float32 for want of a dtype."""
    function = call.func
    if not isinstance(function, ast.Attribute) or any(k.arg == "dtype" for k in call.keywords):
        return False
    if function.attr in ("constant", "convert_to_tensor"):
        return len(call.args) == 1 and any(
            isinstance(n, ast.Constant) and isinstance(n.value, float)
            for n in ast.walk(call.args[0])
        )
    return function.attr in _FILLED and len(call.args) == 1 and not call.keywords
