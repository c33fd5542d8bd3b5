"""Losses, a prover that does as their names say, and what a folder holds."""

import os
import subprocess

from lossfix.verify import Outcome, Verdict

HEAD = "import tensorflow as tf\n\n\n"


SOFTPLUS = "tf.math.log(1 + tf.exp(-y_true * y_pred))"


def loss(name, body=SOFTPLUS):
    return f"def {name}(y_true, y_pred):\n    return tf.reduce_mean({body}, axis=-1)\n"


def softplus(name="my_loss"):
    return HEAD + loss(name)


def fixed(text):
    return text.replace(
        "tf.math.log(1 + tf.exp(-y_true * y_pred))", "tf.nn.softplus(-y_true * y_pred)"
    )


def outcome_for(function):
    if "unrunnable" in function:
        return Outcome.NOT_RUN
    return Outcome.REFUTED if "wrong" in function else Outcome.VERIFIED


def prove(self, before, after, path, findings, contract, after_at, twin=""):
    """The verdict that a function's name asks for."""
    outcome = outcome_for(findings[0].function)
    return Verdict(outcome, contract.name, f"{outcome.value} as its name asks for")


def git(*arguments, folder="."):
    done = subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=a@b", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return done.stdout


def contents(root):
    """Every file below a folder but git's and the journal's, by its name in bytes."""
    found = {}
    for folder, folders, names in os.walk(os.fsencode(root)):
        folders[:] = [name for name in folders if name not in (b".git", b".lossfix")]
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                with open(path, "rb") as file:
                    found[os.path.relpath(path, os.fsencode(root))] = file.read()
    return found
