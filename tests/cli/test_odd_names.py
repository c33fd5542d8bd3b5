"""Names of files need not be text: every command says them as they are."""

import json
import os
import subprocess
import sys

import pytest

NAME = b"n\xff m.py"
CODE = """import tensorflow as tf


def my_loss(y_true, y_pred):
    return tf.reduce_mean(tf.math.log(1 + tf.exp(-y_true * y_pred)), axis=-1)
"""


@pytest.fixture
def folder(tmp_path):
    with open(os.path.join(os.fsencode(tmp_path), NAME), "w") as file:
        file.write(CODE)
    return tmp_path


def run(folder, *arguments):
    environment = {**os.environ, "PYTHONUTF8": "0", "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-m", "lossfix", *arguments]
    ran = subprocess.run(command, cwd=folder, capture_output=True, env=environment)
    assert b"Traceback" not in ran.stderr
    assert ran.returncode == 1
    return ran.stdout


def test_text_has_the_bytes_of_the_name(folder):
    assert run(folder, "check", ".").startswith(NAME + b":5:27: LF115")
    assert NAME in run(folder, "rewrite", "--no-verify", ".")


@pytest.mark.parametrize("command", [["check"], ["rewrite", "--no-verify"], ["migrate"]])
def test_json_stays_json(folder, command):
    found = json.loads(run(folder, *command, ".", "--output-format", "json").decode("utf-8"))
    assert os.fsencode(found["files"][0]["path"]) == NAME
