"""A loss in `keras.ops` is run under each Keras backend that is installed."""

from __future__ import annotations

import importlib.util

import pytest
from losses import module, program

from lossfix.rules.contracts import Exact, Guarded
from lossfix.verify import Options, Outcome, Program, Session, verify_pair
from lossfix.verify.backends import frameworks_of, merged
from lossfix.verify.verdict import Context, Verdict, not_run

HAS_JAX = importlib.util.find_spec("jax") is not None
needs_jax = pytest.mark.skipif(not HAS_JAX, reason="JAX is not installed: pip install 'jax[cpu]'")
FAST = Options(device="cpu", dtypes=("float32", "float64"))


def _ops(expression: str) -> Program:
    text = f"from keras import ops\n\ndef loss(y_true, y_pred):\n    return {expression}\n"
    return module(text)


LOG_SOFTMAX = _ops("-ops.mean(y_true * ops.log_softmax(y_pred))")
LOG_OF_SOFTMAX = _ops("-ops.mean(y_true * ops.log(ops.softmax(y_pred)))")


def test_imports_say_what_a_loss_runs_under():
    assert frameworks_of(program("return y_pred")).names == ("tensorflow",)
    assert "tensorflow" in frameworks_of(LOG_SOFTMAX).names
    pure = module(
        "import jax.numpy as jnp\ndef loss(y_true, y_pred):\n    return jnp.mean(y_pred)\n"
    )
    assert frameworks_of(pure).names == ("jax",)


def test_a_backend_that_refutes_refutes_and_one_that_differs_is_told():
    good = Verdict(
        Outcome.VERIFIED,
        "exact",
        "held",
        contexts=(Context("eager", "float32", "cpu", Outcome.VERIFIED),),
    )
    bad = Verdict(Outcome.REFUTED, "exact", "the gradient is NaN", {"inputs": {}})
    outline = {"zeros": {"value": [1.0], "gradient": [0.0]}}
    other = {"zeros": {"value": [1.0], "gradient": [float("nan")]}}
    verdict = merged(
        {"tensorflow": good, "jax": bad}, {"tensorflow": outline, "jax": other}, ("torch",)
    )
    assert verdict.outcome is Outcome.REFUTED
    assert verdict.reason == "under Keras with jax: the gradient is NaN"
    assert verdict.notes[0].startswith("Keras backends: tensorflow verified; jax refuted; ")
    told = "is finite in tensorflow and not in jax (regimes: zeros)"
    assert any(told in sentence for sentence in verdict.disagreements)
    alone = merged({"tensorflow": good, "jax": not_run("exact", "no")}, {}, ())
    assert alone.outcome is Outcome.VERIFIED
    assert "under jax not run: no" in alone.notes


@pytest.mark.tensorflow
def test_the_verdict_names_each_backend(session: Session) -> None:
    verdict = verify_pair(LOG_OF_SOFTMAX, LOG_SOFTMAX, Exact(), options=FAST, session=session)
    assert verdict.outcome is Outcome.VERIFIED, verdict.reason
    told = next(n for n in verdict.notes if n.startswith("Keras backends:"))
    assert "tensorflow verified" in told
    assert ("jax verified" if HAS_JAX else "jax") in told
    assert {c.backend for c in verdict.contexts} == {"tensorflow", *(["jax"] if HAS_JAX else [])}


@needs_jax
@pytest.mark.tensorflow
def test_a_fix_that_holds_under_tensorflow_alone_is_refuted(session: Session) -> None:
    # TensorFlow's eager gradient of sqrt is 0 at 0 where nothing comes from above; JAX's is NaN
    before = _ops("ops.mean(ops.where(y_pred > 0, ops.power(y_pred, 0.5), 0.0))")
    after = _ops("ops.mean(ops.where(y_pred > 0, ops.sqrt(y_pred), 0.0))")
    options = Options(device="cpu", modes=("eager",), dtypes=("float32",))
    verdict = verify_pair(before, after, Guarded(), options=options, session=session)
    assert verdict.outcome is Outcome.REFUTED
    assert verdict.reason.startswith("under Keras with jax: ")
    same = verify_pair(after, after, Exact(), options=options, session=session)
    told = "the original's gradient is finite in tensorflow and not in jax"
    assert any(note.startswith(told) for note in same.disagreements)
