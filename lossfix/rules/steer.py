"""Steering: the sharpness and the kernel that a person asks for, by rule or by a comment.

What speaks nearest holds: a comment on the statement, then the rule's own sharpness, then the
general one, and then what fits the width of the data, where the graph knows it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from lossfix.errors import RuleError
from lossfix.rules.contracts import Contract, Relaxed, StraightThrough
from lossfix.rules.findings import Finding
from lossfix.rules.pattern import Match, Rewrite
from lossfix.rules.registry import every_rule, named
from lossfix.rules.rule import Rule
from lossfix.source.comments import Wish

Rematch = Callable[[Rewrite, Match], Match | None]
"""The match of another rewrite of the same pattern at the same place."""

_DIVIDED = re.compile(r"(\d+(?:\.\d+)?)( ln 2)? / k\b")
_VANISHING = 0.1  # the share of the data's width in which a gradient has to be left


@lru_cache(maxsize=8)
def steered(
    rules: tuple[Rule, ...],
    sharpness: tuple[tuple[str, float], ...],
    kernels: tuple[tuple[str, str], ...],
) -> tuple[Rule, ...]:
    """The rules with what was asked for each, by code, prefix or name. Raises RuleError."""
    by_code = {rule.code: rule for rule in rules}
    for name, kernel in kernels:
        for rule in _able(name, lambda rule: bool(rule.kernels), "has kernels"):
            if rule.code in by_code:
                by_code[rule.code] = with_kernel(by_code[rule.code], kernel)
    for name, k in sharpness:
        for rule in _able(name, lambda rule: k_of(rule.contract) is not None, "has a sharpness"):
            if rule.code in by_code:
                by_code[rule.code] = replace(by_code[rule.code], sharpness=k)
    return tuple(by_code.values())


def _able(name: str, able: Callable[[Rule], bool], what: str) -> tuple[Rule, ...]:
    found = tuple(rule for rule in named(name, every_rule()) if able(rule))
    if not found:
        raise RuleError(f"no rule called {name!r} {what}; `lossfix rules` lists them")
    return found


def with_kernel(rule: Rule, name: str) -> Rule:
    """The rule with a kernel of that name. Raises RuleError, and says which there are."""
    names = kernel_names(rule)
    if name not in names:
        has = f"its kernels are {', '.join(names)}" if names else "it has none"
        raise RuleError(f"{rule.code} {rule.name} has no kernel {name!r}; {has}")
    return rule.with_kernel(name)


def kernel_names(rule: Rule) -> tuple[str, ...]:
    """The kernels that a rule has, its default first."""
    return (rule.kernel, *(each.name for each in rule.kernels)) if rule.kernel else ()


def k_of(contract: Contract) -> float | None:
    """The sharpness of a contract that has one."""
    return contract.sharpness if isinstance(contract, (Relaxed, StraightThrough)) else None


def steer(finding: Finding, wishes: Sequence[Wish], rematch: Rematch) -> Finding:
    """The finding with the kernel and the sharpness that a comment on its statement asks for.

    Raises RuleError where the comment names a kernel that the rule does not have.
    """
    for wish in wishes:
        rule = finding.rule
        if wish.kernel and rule.kernel:
            rule = with_kernel(rule, wish.kernel)
        if wish.sharpness is not None and k_of(rule.contract) is not None:
            rule = replace(rule, sharpness=wish.sharpness)
        if rule.kernel != finding.rule.kernel:
            index = finding.rule.rewrites.index(finding.match.rewrite)
            found = rematch(rule.rewrites[index], finding.match)
            if found is None:
                continue
            finding = replace(finding, match=found)
        finding = replace(finding, rule=rule)
    return finding


@dataclass(frozen=True, slots=True)
class Choice:
    """The sharpness of one fix, and what a person should know of it."""

    k: float
    note: str


def choice_for(finding: Finding, general: float | None = None) -> Choice | None:
    """The sharpness of a finding's fix; None where it has none."""
    default = k_of(finding.rule.contract)
    if default is None:
        return None
    width = _width(finding)
    k = finding.rule.sharpness or general or _fitted(default, width)
    return Choice(k, _note(finding.rule.contract, k, width))


def _width(finding: Finding) -> float | None:
    """How wide the data is that the step stands in, where its range is known."""
    value = finding.match.values.get(finding.rule.scale_of)
    if value is None:
        return None
    found = finding.match.facts.interval(value)
    width = found.high - found.low
    return width if 0.0 < width < math.inf else None


def _fitted(default: float, width: float | None) -> float:
    """The default is for data one unit wide; one digit says enough."""
    return default if width is None else float(f"{default / width:.1g}")


def _note(contract: Contract, k: float, width: float | None) -> str:
    parts = [f"k = {k:g}"]
    if width is not None and width != 1.0:
        parts[0] += f", for values {width:.3g} wide"
    if isinstance(contract, Relaxed):
        if contract.error:
            parts.append(_DIVIDED.sub(lambda found: _divided(found, k), contract.error))
        reach = contract.fades / k
        if contract.fades and reach < _VANISHING * (width or 1.0):
            parts.append(
                f"warning: too sharp, the gradient is exactly 0 in float32 beyond {reach:.2g} "
                "of the threshold"
            )
    return "; ".join(parts)


def _divided(found: re.Match[str], k: float) -> str:
    value = float(found[1]) * (math.log(2.0) if found[2] else 1.0)
    return f"{value / k:.2g}"
