"""What the rules about steps share: kernels, surrogates and their bounds."""

from __future__ import annotations

from lossfix.rules.contracts import Relaxed, StraightThrough
from lossfix.rules.terms import Bind, Term, Var, ops

SIGMOID = Relaxed(
    error="within 0.0067 of the step beyond 5 / k of the threshold, and within 2 ln 2 / k of it "
    "in the mean over the line",
    fades=17.0,
)
SMOOTHSTEP = Relaxed(error="equal to the step beyond 5 / k of the threshold", fades=5.0)
TANH = Relaxed(error="within 9.1e-5 of the sign beyond 5 / k of the threshold", fades=9.0)
ROOT = Relaxed(error="within 0.02 of the sign beyond 5 / k of the threshold")
SURROGATE = StraightThrough(surrogate="that of the smooth kernel", sharpness=10.0)
IDENTITY = StraightThrough(surrogate="the identity")

STRAIGHT = "straight-through"
KEEPS_THE_VALUE = "keeps the value in the forward pass, where quantisation or a decision needs it"
FINITE = "finite support: no error and no gradient beyond 5 / k of the threshold"


def smoothstep(scaled: Term) -> Term:
    """0 below, 1 above, and Hermite's cubic where |scaled| < 5; `scaled` is k * (x - t)."""
    u = Bind("ramp", ops.clip(scaled / 5, -1, 1))
    return 0.5 + u * (3 - ops.square(u)) / 4


def straight_through(value: Term, surrogate: Term) -> Term:
    """`value` itself, with the gradient of `surrogate`, a smooth stand-in that is finite.

    What is added is exactly 0, so that the value is kept bit by bit.
    Bengio, Leonard, Courville 2013, arXiv 1308.3432.
    """
    return ops.stop_gradient(value) + (surrogate - ops.stop_gradient(surrogate))


def passed_through(value: Term, x: Var) -> Term:
    """`value`, a function of `x`, with the gradient of `x` itself, declared."""
    return ops.straight_through(value, x)
