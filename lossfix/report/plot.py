"""A verdict's curve as an inline SVG picture: value and gradient, each in a panel.

The three lines differ in dash and width and are named in a legend, so that no colour is needed;
colours come from the page's style. Where a line is not finite, a mark stands on its own row.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

Point = tuple[float, float | None]  # None: not finite, or no number at all

SERIES = ("oracle", "original", "rewritten")  # in the order of drawing
_PANELS = ("value", "gradient")
_WIDTH, _HEIGHT = 380, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 12, 44, 44
_MARKS = 11  # pixels between the rows of marks
_TICKS = 4
_FAR = 1e3  # times larger, from which two lines do not fit on one linear scale
_SPARE = 0.08  # of a panel's height, above and below the lines


def curve_svg(curve: Mapping[str, Any]) -> str:
    """The picture of a `Verdict.curve`; empty for an empty curve."""
    if not curve:
        return ""
    panels = "".join(_panel(curve, what, place) for place, what in enumerate(_PANELS))
    width = _WIDTH * len(_PANELS)
    height = _HEIGHT + 26
    summary = escape(f"Value and gradient of the loss against {curve['axis']}. {spoken(curve)}")
    return (
        f'<svg class="plot" viewBox="0 0 {width} {height}" role="img" aria-label="{summary}">'
        f"<title>{summary}</title>{panels}{_legend(curve)}</svg>"
    )


def spoken(curve: Mapping[str, Any]) -> str:
    """In words, how many of the points each line has no finite number at."""
    parts = []
    for name in ("original", "rewritten"):
        for what in _PANELS:
            points = _points(curve, name, what)
            lost = sum(y is None for _, y in points)
            if lost:
                parts.append(f"the {name}'s {what} is not finite at {lost} of {len(points)} points")
    return "; ".join(parts) or "both losses are finite at every point"


def _points(curve: Mapping[str, Any], name: str, what: str) -> list[Point]:
    series = curve["series"][name][what]
    return [(float(x), _finite(y)) for x, y in zip(curve["x"], series, strict=True)]


def _finite(value: Any) -> float | None:
    number = math.nan if value is None else float(value)
    return number if math.isfinite(number) else None


def _panel(curve: Mapping[str, Any], what: str, place: int) -> str:
    lines = {name: _points(curve, name, what) for name in SERIES}
    xs = [float(x) for x in curve["x"]]
    unit = _unit(lines)
    if unit:
        lines = {name: [(x, _squeezed(y, unit)) for x, y in lines[name]] for name in SERIES}
    low, high = _reach(lines)
    ticks = _powers(low, high, unit) if unit else [(y, y) for y in _ticks(low, high)]
    left, right = _WIDTH * place + _LEFT, _WIDTH * (place + 1) - _RIGHT

    def at_x(x: float) -> float:
        span = (xs[-1] - xs[0]) or 1.0
        return left + (x - xs[0]) / span * (right - left)

    def at_y(y: float) -> float:
        return _HEIGHT - _BOTTOM - (y - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    head = f"{what}, on a logarithmic scale" if unit else what
    parts = [f'<text class="head" x="{left}" y="14">{head}</text>']
    for y, number in ticks:
        parts.append(f'<path class="grid" d="M{left} {at_y(y):.1f}H{right}"/>')
        parts.append(f'<text class="y" x="{left - 6}" y="{at_y(y) + 4:.1f}">{number:.4g}</text>')
    for x in _ticks(xs[0], xs[-1]):
        parts.append(f'<text class="x" x="{at_x(x):.1f}" y="{_HEIGHT - 26}">{x:.4g}</text>')
    parts.append(f'<path class="axis" d="M{left} {_TOP - 8}V{_HEIGHT - _BOTTOM}H{right}"/>')
    bad = at_x(float(curve["bad"]))
    parts.append(f'<path class="bad" d="M{bad:.1f} {_TOP - 8}V{_HEIGHT - _BOTTOM}"/>')
    for name in SERIES:
        path = _path([(at_x(x), None if y is None else at_y(y)) for x, y in lines[name]])
        parts.append(f'<path class="{name}" d="{path}"/>')
    for row, name in enumerate(("original", "rewritten")):
        marks = "".join(
            f"M{at_x(x) - 2:.1f} {18 + row * _MARKS}l4 5m0 -5l-4 5"
            for x, y in lines[name]
            if y is None
        )
        if marks:
            parts.append(f'<path class="mark {name}" d="{marks}"><title>{name}: not finite</title>')
            parts.append("</path>")
    middle = (left + right) / 2
    axis = escape(str(curve["axis"]))
    parts.append(f'<text class="x" x="{middle:.0f}" y="{_HEIGHT - 8}">{axis}</text>')
    return "".join(parts)


def _reach(lines: Mapping[str, Sequence[Point]]) -> tuple[float, float]:
    """The values that a panel spans: of the lines that are to be believed, if there are any."""
    for names in (("oracle", "rewritten"), SERIES):
        known = [y for name in names for _, y in lines[name] if y is not None]
        if known:
            low, high = min(known), max(known)
            spare = _SPARE * (high - low) or max(abs(low), 1.0) * 0.5
            return low - spare, high + spare
    return -1.0, 1.0


def _unit(lines: Mapping[str, Sequence[Point]]) -> float:
    """Below this a panel's scale is linear, and above logarithmic; 0 where it is linear all over.

    Losses of another scale than the original's are told apart so.
    """
    sizes = {n: max((abs(y) for _, y in lines[n] if y is not None), default=0.0) for n in SERIES}
    small = min(sizes["rewritten"], sizes["oracle"])
    large = max(sizes["rewritten"], sizes["oracle"])
    return small if small > 0.0 and large > _FAR * small else 0.0


def _squeezed(y: float | None, unit: float) -> float | None:
    return None if y is None else math.asinh(y / unit)


def _powers(low: float, high: float, unit: float) -> list[tuple[float, float]]:
    """Powers of ten of both signs on a squeezed axis: where they stand, and what they are."""
    powers = [10.0**n for n in range(math.ceil(math.log10(unit)), 309)]
    places = [(math.asinh(s * p / unit), s * p) for p in powers for s in (1.0, -1.0)]
    room = (high - low) / 12  # that a number needs beside the one of 0
    inside = sorted(each for each in places if low <= each[0] <= high and abs(each[0]) > room)
    return [(0.0, 0.0), *inside[:: max(1, math.ceil(len(inside) / _TICKS))]]


def _ticks(low: float, high: float) -> Iterator[float]:
    """Round numbers between two ends, about as many as there is room for."""
    rough = (high - low) / _TICKS or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= rough * 0.999)
    number = math.ceil(low / step)
    while number * step <= high * (1 + 1e-12) + 1e-300:
        yield 0.0 if number == 0 else number * step
        number += 1


def _path(points: Sequence[Point]) -> str:
    """Straight lines through the points, broken where there is none; cut to the panel's height."""
    parts: list[str] = []
    pen = "M"
    for x, y in points:
        if y is None:
            pen = "M"
            continue
        inside = min(max(y, _TOP - 14.0), _HEIGHT - _BOTTOM + 6.0)
        parts.append(f"{pen}{x:.1f} {inside:.1f}")
        pen = "L"
    return "".join(parts)


def _legend(curve: Mapping[str, Any]) -> str:
    words = {
        "original": "original, float32",
        "rewritten": "rewritten, float32",
        "oracle": f"oracle, {curve['oracle']}",
    }
    parts = []
    y = _HEIGHT + 14
    for place, (name, text) in enumerate(words.items()):
        x = _LEFT + place * 165
        parts.append(f'<path class="{name}" d="M{x} {y - 4}h30"/>')
        parts.append(f'<text class="key" x="{x + 36}" y="{y}">{escape(text)}</text>')
    x = _LEFT + 3 * 165
    parts.append(f'<path class="mark original" d="M{x} {y - 7}l4 5m0 -5l-4 5"/>')
    parts.append(f'<text class="key" x="{x + 9}" y="{y}">not finite</text>')
    parts.append(f'<path class="bad" d="M{x + 85} {y - 12}v14"/>')
    parts.append(f'<text class="key" x="{x + 91}" y="{y}">bad place</text>')
    return "".join(parts)
