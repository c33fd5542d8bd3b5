"""What a verdict costs: one loss against the naive way, and many losses with several at a time.

Run it as `python benchmarks/verify_speed.py`. The naive way is what a script would do: for each
regime, dtype and mode trace, compile and run both versions anew. It sees the same draws and does
less: it has no reference, no search and no judgement, and no process of its own to start.

`--losses N` sets the number of losses of the second part, `-j N` how many run at a time there.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossfix.cli.progress import progress
from lossfix.cli.rewriting import mend_plans
from lossfix.cli.targets import plans_of
from lossfix.proving import Prover
from lossfix.rules.contracts import Exact
from lossfix.verify import Options, Program, Session, verify_pair

HEAD = "import tensorflow as tf\n\n\n"
PAIRS = {
    "focal": """def loss(y_true, y_pred):
    p = tf.sigmoid(y_pred)
    pt = tf.where(y_true > 0.5, p, 1.0 - p)
    return tf.reduce_mean(-tf.square(1.0 - pt) * {log})
""",
    "dice": """def loss(y_true, y_pred):
    p = tf.sigmoid(y_pred)
    overlap = tf.reduce_sum(y_true * p, axis=-1)
    size = tf.reduce_sum(y_true, axis=-1) + tf.reduce_sum(p, axis=-1)
    return tf.reduce_mean(1.0 - (2.0 * overlap + 1.0) / {size})
""",
    "contrastive": """def loss(y_true, y_pred):
    near = tf.square(y_pred)
    far = tf.square(tf.maximum(1.0 - y_pred, 0.0))
    return tf.reduce_mean({sum})
""",
}
VERSIONS = {
    "focal": (
        {"log": "tf.math.log(pt)"},
        {"log": "tf.math.log_sigmoid(tf.where(y_true > 0.5, y_pred, -y_pred))"},
    ),
    "dice": ({"size": "(size + 1.0)"}, {"size": "(1.0 + size)"}),
    "contrastive": (
        {"sum": "y_true * near + (1.0 - y_true) * far"},
        {"sum": "(1.0 - y_true) * far + y_true * near"},
    ),
}
MANY = """def loss(y_true, y_pred):
    p = tf.nn.softmax(y_pred * {scale}, axis=-1)
    weight = {weight}
    return -tf.reduce_mean(weight * tf.reduce_sum(y_true * tf.math.log(p), axis=-1))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--losses", type=int, default=100)
    parser.add_argument("-j", type=int, default=2)
    chosen = parser.parse_args()
    options = Options(device="cpu")
    with Session("cpu") as session:
        session.ask({"job": "devices", "timeout_s": 120.0, "memory_mb": options.memory_mb})
        head = ("loss", "verdict", "contexts", "lossfix s", "naive s", "ratio")
        print("{:12} {:9} {:>8} {:>10} {:>8} {:>6}".format(*head))
        for name in PAIRS:
            print(one(name, options, session), flush=True)
    print(many(chosen.losses, chosen.j, options))
    return 0


def one(name: str, options: Options, session: Session) -> str:
    """A line on one loss: the verdict's time, the naive way's, and how many times less it is."""
    texts = [HEAD + PAIRS[name].format(**version) for version in VERSIONS[name]]
    before, after = (Program(text, f"/nowhere/{name}.py", "loss") for text in texts)
    start = time.monotonic()
    verdict = verify_pair(before, after, Exact(), options=options, session=session)
    fast = time.monotonic() - start
    ran = sum(context.regimes > 0 for context in verdict.contexts)
    slow = naive(before, after, options)
    word = verdict.outcome.value
    return f"{name:12} {word:9} {ran:8} {fast:10.2f} {slow:8.2f} {slow / fast:5.1f}x"


def naive(before: Program, after: Program, options: Options) -> float:
    """Seconds for every regime, dtype and mode, each traced and compiled anew for both versions."""
    from lossfix.verify.bench import differentiated, find_plan
    from lossfix.verify.frameworks.tensorflow import Runner
    from lossfix.verify.load import load
    from lossfix.verify.regimes import draws
    from lossfix.verify.request import Hints

    with tempfile.TemporaryDirectory() as scratch:
        losses = [load(program, scratch) for program in (before, after)]
        plan = find_plan(losses[0], Runner, Hints(), options)
        start = time.monotonic()
        for dtype in options.dtypes:
            for draw in draws(plan, "float32" if dtype == "float64" else dtype, options.seed):
                for mode in options.modes:
                    for loss in losses:
                        once(loss.function, draw.values, differentiated(plan), mode, dtype)
        return time.monotonic() - start


def once(
    loss: Callable[..., Any],
    values: Mapping[str, NDArray[np.generic]],
    watched: Sequence[str],
    mode: str,
    dtype: str,
) -> None:
    """One run as a script has it: a step that is traced, compiled and called once."""
    import tensorflow as tf

    def step(inputs: dict[str, Any]) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([inputs[name] for name in watched])
            value = loss(**inputs)
        return value, tape.gradient(value, [inputs[name] for name in watched])

    inputs = {
        name: tf.cast(value, dtype) if value.dtype.kind == "f" else tf.constant(value)
        for name, value in values.items()
    }
    run = step if mode == "eager" else tf.function(step, jit_compile=mode == "xla")
    value, gradients = run(inputs)
    [part.numpy() for part in (value, *gradients) if part is not None]


def many(losses: int, jobs: int, options: Options) -> str:
    """Rewrites different losses, one a file, with nothing recalled; tells times and verdicts."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(losses):
            text = MANY.format(scale=f"{0.5 + number / 100:.2f}", weight=f"{1 + number % 7}.0")
            Path(folder, f"loss{number:03}.py").write_text(HEAD + text)
        plans = plans_of([folder])
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        start = time.monotonic()
        with (
            progress("verifying", len(plans)) as step,
            Prover(options, jobs, recalling=False) as prover,
        ):
            rows = mend_plans(plans, prover=prover, jobs=jobs, step=step)
        wall = time.monotonic() - start
        cpu = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    outcomes = [f.verdict.outcome.value for row in rows for f in row.findings if f.verdict]
    told = ", ".join(f"{outcomes.count(word)} {word}" for word in dict.fromkeys(outcomes))
    return f"{losses} losses, -j {jobs}: {told}; {wall:.0f} s, {cpu:.0f} s of CPU in the workers"


if __name__ == "__main__":
    sys.exit(main())
