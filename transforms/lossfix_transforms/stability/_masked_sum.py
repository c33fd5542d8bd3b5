"""A sum of exponentials with weights that can be 0, with the largest exponent taken out."""

from __future__ import annotations

from collections.abc import Iterator

from lossfix.rules.terms import AttrVar, Bind, Term, ops

axis, keepdims = AttrVar("axis"), AttrVar("keepdims")


def shifted(x: Term, w: Term, one: bool) -> Iterator[tuple[Term, Term]]:
    """log(sum(w * exp(x))), or with `one` log(1 + that), and the same without an overflow.

    What has weight 0 may be as large as it likes: it counts as 0, also in the largest. Three
    spellings, by what the sum does with its axes.
    """
    for over, kept in ((None, False), (axis, True), (axis, keepdims)):
        masked = Bind("masked", ops.where(w > 0, x, 0.0))

        def peak(keep: AttrVar | bool, masked: Term = masked, over: AttrVar | None = over) -> Term:
            found = ops.max(masked, axis=over, keepdims=keep)
            return ops.stop_gradient(ops.maximum(found, 0.0) if one else found)

        plain = ops.sum(ops.exp(x) * w, axis=over, keepdims=kept)
        if kept is keepdims:
            inner, outer = peak(True), peak(kept)
        else:
            inner = outer = Bind("largest", peak(kept))
        total = ops.sum(w * ops.exp(masked - inner), axis=over, keepdims=kept)
        if one:
            yield ops.log(1 + plain), ops.log(ops.exp(-outer) + total) + outer
            yield ops.log1p(plain), ops.log(ops.exp(-outer) + total) + outer
        else:
            yield ops.log(plain), ops.log(total) + outer
