"""Verdicts on a GPU, by whichever framework sees one; and what is said where none does."""

from __future__ import annotations

from collections.abc import Iterator

import losses as text
import pytest

from lossfix.errors import NoDevice
from lossfix.rules.contracts import Contract, Exact, Guarded
from lossfix.verify import Options, Outcome, Program, Session, verify_pair
from lossfix.verify.backends import RUN, installed

ON_GPU = Options(device="gpu", timeout_s=300.0)

# the same losses in keras.ops, for a framework that runs no TensorFlow
OPS = "from keras import ops\n\n\ndef loss(y_true, y_pred):\n    "
PAIRS: dict[str, tuple[str, str, Contract, Outcome]] = {
    "a log of a softmax is mended": (
        "return -ops.mean(ops.sum(y_true * ops.log(ops.softmax(y_pred)), axis=-1))",
        "return -ops.mean(ops.sum(y_true * ops.log_softmax(y_pred), axis=-1))",
        Exact(),
        Outcome.VERIFIED,
    ),
    "a sign is turned": (
        "return ops.mean(ops.square(y_true - y_pred))",
        "return ops.mean(ops.square(y_true + y_pred))",
        Exact(),
        Outcome.REFUTED,
    ),
    "a norm gets a gradient at 0": (
        "return ops.sqrt(ops.sum(ops.square(y_true - y_pred)))",
        (
            "s = ops.sum(ops.square(y_true - y_pred))\n"
            "    return ops.where(s > 0, ops.sqrt(ops.where(s > 0, s, 1.0)), 0.0)"
        ),
        Guarded(),
        Outcome.VERIFIED,
    ),
}


@pytest.fixture(scope="module")
def on_gpu() -> Iterator[Session]:
    """A session of the first framework that sees a GPU; a test that needs one skips without."""
    tried = [name for name in RUN if installed(name)]
    for name in tried:
        session = Session("gpu", framework=name)
        try:
            assert session.device == "gpu"
        except NoDevice:
            session.close()
            continue
        with session:
            yield session
        return
    pytest.skip(f"no installed framework sees a GPU (asked: {', '.join(tried) or 'none is there'})")


@pytest.mark.gpu
@pytest.mark.parametrize("name", PAIRS)
def test_a_verdict_on_a_gpu(on_gpu: Session, name: str) -> None:
    before, after, contract, outcome = PAIRS[name]
    pair = [Program(OPS + body + "\n", "/nowhere/loss.py", "loss") for body in (before, after)]
    verdict = verify_pair(*pair, contract, options=ON_GPU, session=on_gpu)
    assert verdict.outcome is outcome, verdict.reason
    assert verdict.device == "gpu"
    ran = [context for context in verdict.contexts if context.regimes]
    assert {context.device for context in ran} == {"gpu"}
    assert "xla" in {context.mode for context in ran}
    assert "no network" in verdict.versions["sandbox"]


@pytest.mark.gpu
def test_two_runs_on_a_gpu_agree(on_gpu: Session) -> None:
    before, after, contract, _ = PAIRS["a log of a softmax is mended"]
    pair = [Program(OPS + body + "\n", "/nowhere/loss.py", "loss") for body in (before, after)]
    first, again = (verify_pair(*pair, contract, options=ON_GPU, session=on_gpu) for _ in range(2))
    assert first.outcome is again.outcome
    assert first.inputs == again.inputs


@pytest.mark.tensorflow
def test_frameworks_without_a_gpu_are_named_where_another_has_one(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lossfix.verify import pair

    asked: list[str] = []
    real = pair._under

    def under(chosen, request, options):  # type: ignore[no-untyped-def]
        asked.append(chosen.framework)
        if chosen.framework == "jax":
            raise NoDevice("--device gpu: JAX sees no GPU here")
        return real(chosen, request, options)

    monkeypatch.setattr(pair, "_under", under)
    monkeypatch.setattr(pair, "frameworks_of", lambda _: pair.Frameworks(("tensorflow", "jax"), ()))
    options = Options(device="cpu", modes=("eager",), dtypes=("float32",))
    verdict = verify_pair(text.SQUARES, text.SQUARES, Exact(), options=options, session=session)
    assert asked == ["tensorflow", "jax"]
    assert verdict.outcome is Outcome.VERIFIED
    assert verdict.notes[0] == "not run under jax: it sees no GPU"
