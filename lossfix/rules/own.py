"""Rules about lossfix's own comments: they match no value, and no pack can bring them."""

from __future__ import annotations

from lossfix.rules.contracts import Diagnosis
from lossfix.rules.rule import Rule

UNUSED_SUPPRESSION = Rule(
    code="LF001",
    name="unused-suppression",
    summary="a comment that speaks to lossfix and has no effect",
    rewrites=(),
    contract=Diagnosis(),
    message="this suppression has no effect; remove it",
    why="A suppression that suppresses nothing hides the next finding on its line, unread.",
    before="return y_true - y_pred  # lossfix: ignore[LF101] labels are one-hot",
    after="",
    fix_safety="Nothing is rewritten.",
    when_not="Where not all of the rules that a comment names are looked for, it is not judged.",
    source="The same is said of an unused noqa by ruff's rule RUF100",
)

OWN_RULES: tuple[Rule, ...] = (UNUSED_SUPPRESSION,)
