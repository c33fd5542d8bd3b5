"""Every figure that a verdict prints, worked out again by other means."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from losses import program
from mpmath import mp

from lossfix.rules.contracts import Exact, Relaxed
from lossfix.verify import Hints, Options, Outcome, Program, Session, Verdict, verify_pair
from lossfix.verify.drawn import digest
from lossfix.verify.inputs import Plan, Tensor
from lossfix.verify.literals import literals_in
from lossfix.verify.regimes import CLOSE, WEAK, draws, typical
from lossfix.verify.slice import slice_module

pytestmark = pytest.mark.tensorflow

ONCE = Options(device="cpu", modes=("eager",), dtypes=("float32",))
EPS = np.float64(2.0**-23)


def ulps(got: float, true: float) -> float:
    """The error in units of the last place of float32 at the true number."""
    size = min(max(abs(true), 2.0**-126), float(np.finfo(np.float32).max))
    unit = max(2.0 ** math.floor(math.log2(size)) * 2.0**-23, float(EPS) * 1e-6)
    return abs(got - true) / unit


def bits(got: float, true: float) -> float:
    return min(math.log2(1.0 + ulps(got, true)), 32.0) if math.isfinite(got) else 32.0


def plan_of(verdict: Verdict, *losses: Program) -> Plan:
    """The plan that the verdict tells of."""
    tensors = tuple(
        Tensor(
            t["name"], t["role"], t["dtype"], tuple(t["shape"]), t["kind"],
            float(t["low"]), float(t["high"]), t["open_ends"], given=t["given"],
        )
        for t in verdict.inputs["tensors"]
    )  # fmt: skip
    texts = [slice_module(loss.text, loss.function).text for loss in losses]
    return Plan(tensors, verdict.inputs["settings"], literals_in(texts))


def run(loss: Program, values: dict[str, Any]) -> tuple[float, np.ndarray]:
    """Value and gradient in float32, by TensorFlow itself."""
    import tensorflow as tf

    space: dict[str, Any] = {}
    exec(compile(loss.text, "loss.py", "exec"), space)
    y, x = (tf.constant(np.asarray(values[n], np.float32)) for n in ("y_true", "y_pred"))
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = space["loss"](y, x)
    return float(value), np.asarray(tape.gradient(value, x), dtype=np.float64)


@dataclass(frozen=True)
class Case:
    before: Program
    after: Program
    true: Callable[[Any, Any], tuple[Any, Any]]  # value and gradient of (y, x), mpmath numbers


def variance(y: Any, x: Any) -> tuple[Any, Any]:
    centre = x.sum() / x.size
    return ((x - centre) ** 2).sum() / x.size, 2 * (x - centre) / x.size


def squares(y: Any, x: Any) -> tuple[Any, Any]:
    return ((x - y) ** 2).sum() / x.size, 2 * (x - y) / x.size


def one_minus_sigmoid(y: Any, x: Any) -> tuple[Any, Any]:
    share = np.vectorize(lambda v: 1 / (1 + mp.exp(v)), otypes=[object])(x)
    return (y * share).sum() / x.size, -y * share * (1 - share) / x.size


CASES = {
    "variance": Case(
        program("return tf.reduce_mean(y_pred**2) - tf.reduce_mean(y_pred)**2"),
        program("return tf.math.reduce_variance(y_pred)"),
        variance,
    ),
    "squares": Case(
        program("return tf.reduce_mean(tf.square(y_true - y_pred))"),
        program("return tf.reduce_mean((y_pred - y_true) * (y_pred - y_true))"),
        squares,
    ),
    "one minus sigmoid": Case(
        program("return tf.reduce_mean(y_true * (1 - tf.sigmoid(y_pred)))"),
        program("return tf.reduce_mean(y_true * tf.sigmoid(-y_pred))"),
        one_minus_sigmoid,
    ),
}


def truth(case: Case, values: dict[str, Any]) -> tuple[float, np.ndarray]:
    exactly = np.vectorize(lambda v: mp.mpf(float(v)), otypes=[object])
    with mp.workdps(400):
        value, gradient = case.true(exactly(values["y_true"]), exactly(values["y_pred"]))
        return float(value), np.vectorize(float, otypes=[float])(gradient)


def worst(case: Case, drawn: list[dict[str, Any]], measure: Callable[..., float]) -> dict[str, Any]:
    """The worst error of value and gradient, before and after, over some inputs."""
    found: dict[str, float] = {}
    for values in drawn:
        value, gradient = truth(case, values)
        for version in ("before", "after"):
            got, slopes = run(getattr(case, version), values)
            errors = {"value": [measure(got, value)]}
            errors["gradient"] = [
                measure(g, t) for g, t in zip(slopes.ravel(), gradient.ravel(), strict=True)
            ]
            for kind, each in errors.items():
                key = f"{kind} {version}"
                found[key] = max(found.get(key, 0.0), *each)
    return found


@pytest.fixture(scope="module", params=CASES)
def judged(request: pytest.FixtureRequest, session: Session) -> tuple[Case, Verdict, list[Any]]:
    case = CASES[request.param]
    verdict = verify_pair(case.before, case.after, Exact(), options=ONCE, session=session)
    assert verdict.outcome is Outcome.VERIFIED, verdict.reason
    plan = plan_of(verdict, case.before, case.after)
    return case, verdict, [d for d in draws(plan, "float32", 0) if d.regime not in WEAK | {CLOSE}]


def test_the_draws_are_those_of_the_verdict(judged: tuple[Case, Verdict, list[Any]]) -> None:
    _, verdict, drawn = judged
    digests = {d["regime"]: d["sha256"] for d in verdict.inputs["draws"]}
    assert {d.regime: digest(d) for d in drawn}.items() <= digests.items()


def test_errors_by_the_oracle(judged: tuple[Case, Verdict, list[Any]]) -> None:
    case, verdict, drawn = judged
    rows = [{n: v[:1] for n, v in d.values.items()} for d in drawn if _within_reach(d.values)]
    for unit, measure in (("bits", bits), ("ulps", ulps)):
        for key, error in worst(case, rows, measure).items():
            kind, version = key.split()
            told = verdict.figures[f"{kind} {unit} {version}, by the oracle"]
            assert told == pytest.approx(error, rel=1e-6, abs=1e-9)


def test_bits_of_the_context_and_the_cosine(judged: tuple[Case, Verdict, list[Any]]) -> None:
    case, verdict, drawn = judged
    (context,) = verdict.contexts
    whole = [dict(d.values) for d in drawn]
    rows = [{n: v[:1] for n, v in drawn[0].values.items()}]  # the regime of one row
    found = worst(case, whole + rows, bits)
    for key, error in found.items():
        kind, version = key.split()
        # the float64 run that stands for the truth here is itself rounded
        assert getattr(context, f"{kind}_bits_{version}") == pytest.approx(error, abs=0.01)
    slopes = [[run(loss, v)[1].ravel() for loss in (case.before, case.after)] for v in whole[:3]]
    cosines = [a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) for a, b in slopes]
    assert verdict.figures["gradient cosine"] == pytest.approx(min(cosines), abs=1e-9)


def test_numbers_of_a_counterexample(session: Session) -> None:
    """-sum(y log softmax(x)) has the gradient sum(y) softmax(x) - y; the fused op has another."""
    before = program("return -tf.reduce_sum(y_true * tf.math.log(tf.nn.softmax(y_pred)))")
    after = program(
        "return tf.reduce_sum("
        "tf.nn.softmax_cross_entropy_with_logits(labels=y_true, logits=y_pred))"
    )
    verdict = verify_pair(before, after, Exact(), options=ONCE, session=session)
    found = verdict.counterexample
    assert verdict.outcome is Outcome.REFUTED
    assert found is not None
    y, x = (np.asarray(found["inputs"][n], np.float64) for n in ("y_true", "y_pred"))
    share = np.exp(x - x.max(-1, keepdims=True))
    share /= share.sum(-1, keepdims=True)
    value = -np.sum(y * np.log(share))
    slopes = y.sum(-1, keepdims=True) * share - y
    assert found["reference"]["value"] == pytest.approx(value, rel=1e-12)
    assert np.allclose(found["reference"]["gradients"]["y_pred"], slopes, rtol=1e-12, atol=1e-15)
    assert np.allclose(found["before"]["gradients"]["y_pred"], slopes, rtol=1e-5, atol=1e-6)
    fused = share - y
    assert np.allclose(found["after"]["gradients"]["y_pred"], fused, rtol=1e-5, atol=1e-6)


def test_distance_of_a_relaxation(session: Session) -> None:
    before = program("return tf.reduce_mean(tf.cast(y_pred > 0.5, y_pred.dtype))")
    after = program("return tf.reduce_mean(tf.sigmoid(10.0 * (y_pred - 0.5)))")
    hints = Hints(thresholds=(0.5,))
    verdict = verify_pair(before, after, Relaxed(10.0), hints, ONCE, session=session)
    plan = plan_of(verdict, before, after)
    drawn = [d.values["y_pred"] for d in typical(plan, "float32", 0, 12, (0.5,), ("real labels",))]
    for k in (10.0, 10.0 * 4**5, 10.0 * 4**9):
        distances = [abs(np.mean(_sigmoid(k * (x - 0.5))) - np.mean(x > 0.5)) for x in drawn]
        assert verdict.figures[f"distance at k={k:g}"] == pytest.approx(
            np.mean(distances), rel=1e-6
        )


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def _within_reach(values: Any) -> bool:
    """The oracle leaves out numbers whose exponentials it has not the digits for."""
    return all(np.max(np.abs(v[:1])) <= 1000.0 for v in values.values())
