"""Certificates: under the published schema, and the same for the same seed."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from lossfix.report.as_json import dumps
from lossfix.report.certificate import certificate, schema_text
from lossfix.verify import Options, Program, not_run

SEED = Path(__file__).parents[2] / "fixtures" / "seed"


def valid(data):
    """The certificate, once the schema has accepted it."""
    schema = json.loads(schema_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(data)
    return data


def loss(name, function):
    return f"{SEED / name}.py::{function}"


PAIRS = {
    "verified": [loss("overflow_exp", "overflow_exp"),
                 loss("overflow_exp_published", "overflow_exp"), "--contract", "monotone"],
    "refuted": [loss("overflow_exp", "overflow_exp"),
                loss("overflow_exp_published", "overflow_exp")],
}  # fmt: skip


@pytest.mark.tensorflow
@pytest.mark.parametrize("outcome", PAIRS)
def test_a_second_run_with_the_same_seed_gives_the_same_certificate(lossfix, tmp_path, outcome):
    file = tmp_path / "certificate.json"
    wanted = ["--seed", "7", "--certificate", file]
    first = lossfix("verify", *PAIRS[outcome], *wanted)
    told = valid(json.loads(file.read_text()))
    again = lossfix("verify", *PAIRS[outcome], "--seed", "7", "--output-format", "json")
    assert told == json.loads(again.out)
    assert first.out.startswith(outcome)
    assert told["verdict"] == outcome
    assert told["seed"] == told["inputs"]["seed"] == 7
    assert {"python", "tensorflow", "numpy"} <= set(told["versions"])
    assert told["device"] == "cpu"
    assert "limits" in told["sandbox"]
    assert [tensor["name"] for tensor in told["inputs"]["tensors"]] == ["y_true", "y_pred"]
    assert {draw["dtype"] for draw in told["inputs"]["draws"]} == {"float32", "bfloat16", "float16"}
    assert "def overflow_exp" in told["before"]["source"]


@pytest.mark.tensorflow
def test_another_seed_draws_other_inputs(lossfix):
    told = [
        valid(json.loads(lossfix("verify", *PAIRS["verified"], "--seed", seed,
                                 "--output-format", "json").out))
        for seed in (1, 2)
    ]  # fmt: skip
    drawn = [{draw["sha256"] for draw in each["inputs"]["draws"]} for each in told]
    zeros = 4  # "zeros" and "all zeros" are the same whatever the seed, with labels or without
    assert len(drawn[0] & drawn[1]) <= zeros


@pytest.mark.tensorflow
def test_one_loss_alone_has_a_certificate_too(lossfix):
    ran = lossfix("verify", loss("overflow_exp", "overflow_exp"), "--output-format", "json")
    told = valid(json.loads(ran.out))
    assert (told["verdict"], told["after"]) == ("refuted", None)
    assert {"regime": "large", "value": "inf", "gradient": "inf"} in told["regimes"]


def test_what_was_not_run_keeps_the_schema_and_lists_what_the_slice_leaves_out():
    text = (
        "import os\nmodel = train()\nscale = 2.0\n\ndef loss(a, b):\n    return scale * (a - b)\n"
    )
    program = Program(text, "loss.py", "loss")
    told = certificate(not_run("exact", "it hangs"), program, program, Options())
    told = valid(json.loads(dumps(told)))
    assert told["before"]["left_out"] == [[1, 1], [2, 2]]
    assert told["before"]["source"].splitlines()[2:] == text.splitlines()[2:]


def test_the_schema_is_printed_and_refuses_what_is_no_certificate(lossfix):
    ran = lossfix("verify", "--schema")
    assert ran.code == 0
    schema = json.loads(ran.out)
    wrong = [error.message for error in Draft202012Validator(schema).iter_errors({"verdict": "ok"})]
    assert "'ok' is not one of ['verified', 'refuted', 'not run']" in wrong


def test_a_certificate_that_cannot_be_written_is_an_error(lossfix, monkeypatch):
    from lossfix.proving import Prover

    monkeypatch.setattr(Prover, "pair", lambda *_: not_run("exact", "not tried"))
    ran = lossfix("verify", *PAIRS["refuted"], "--certificate", "/nowhere/at/all.json")
    assert ran.code == 2
    assert ran.err.startswith("error: /nowhere/at/all.json: the certificate cannot be written")
    assert lossfix("verify").code == 2
