"""What services are given: SARIF by its own schema, the others by what their readers take."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

CODE = """import tensorflow as tf


def my_loss(y_true, y_pred):
    plus = tf.math.log(1 + tf.exp(-y_true * y_pred))
    return tf.reduce_mean(plus + tf.sign(y_pred), axis=-1)


def other_loss(y_true, y_pred):
    return tf.reduce_mean(tf.sign(y_pred), axis=-1)  # lossfix: ignore[LF207] hard on purpose
"""
NAMES = ("a,b:c.py", "ünï c.py", "50%.py")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        (tmp_path / name).write_text(CODE)
    (tmp_path / "bad.py").write_text("import tensorflow as tf\ndef my_loss(:\n")
    (tmp_path / "clean.py").write_text("import keras\n")
    (tmp_path / "empty.py").write_text("")
    return tmp_path


def out(lossfix, form, *more):
    ran = lossfix("check", ".", "--output-format", form, *more)
    assert ran.code == 2  # bad.py
    return ran.out


def test_sarif_keeps_to_its_schema(lossfix, folder):
    jsonschema = pytest.importorskip("jsonschema")
    log = json.loads(out(lossfix, "sarif"))
    schema = json.loads(Path(__file__).with_name("sarif-2.1.0-rtm.5.json").read_text())
    jsonschema.Draft4Validator(schema).validate(log)
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert {result["ruleId"] for result in run["results"]} == {"LF115", "LF207"} == set(rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
    prints = [result["partialFingerprints"]["lossfix/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints) == 9
    silent = [result for result in run["results"] if "suppressions" in result]
    assert len(silent) == 3
    assert run["invocations"][0]["executionSuccessful"] is False


def test_sarif_is_the_same_wherever_the_folder_lies_and_lines_move(lossfix, folder):
    before = json.loads(out(lossfix, "sarif"))["runs"][0]["results"]
    places = {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in before}
    assert places == {"a%2Cb%3Ac.py", "%C3%BCn%C3%AF%20c.py", "50%25.py"}
    (folder / "50%.py").write_text("# a line above\n" + CODE)
    after = json.loads(out(lossfix, "sarif"))["runs"][0]["results"]
    assert [r["partialFingerprints"] for r in before] == [r["partialFingerprints"] for r in after]


def test_github_gets_one_command_a_finding(lossfix, folder):
    lines = out(lossfix, "github").splitlines()
    assert len([line for line in lines if line.startswith("::warning ")]) == 6
    assert any(line.startswith("::warning file=a%2Cb%3Ac.py,line=5,endLine=5,") for line in lines)
    assert any(line.startswith("::warning file=50%25.py,") for line in lines)
    assert any(line.startswith("::error file=bad.py::bad.py:2: syntax error") for line in lines)


def test_gitlab_gets_a_list_with_fingerprints(lossfix, folder):
    found = json.loads(out(lossfix, "gitlab"))
    assert len({issue["fingerprint"] for issue in found}) == len(found) == 6
    assert {issue["check_name"] for issue in found} == {"LF115", "LF207"}
    assert found[0]["location"] == {"path": "50%.py", "lines": {"begin": 5, "end": 5}}


def test_junit_has_a_case_a_file(lossfix, folder):
    suite = ElementTree.fromstring(out(lossfix, "junit")).find("testsuite")
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "6",
        "failures": "3",
        "errors": "1",
        "skipped": "2",
    }
    assert "LF115" in suite.find("testcase/failure").text


def test_concise_is_one_line_a_finding(lossfix, folder):
    lines = out(lossfix, "concise").splitlines()
    assert len(lines) == 7
    assert lines[-1] == "6 findings in 6 files."
    assert out(lossfix, "text") == out(lossfix, "full")


def test_statistics_count_by_rule(lossfix, folder):
    lines = out(lossfix, "full", "--statistics").splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [["3", "LF115"], ["3", "LF207"]]
    assert lines[2].startswith("6 findings in 3 files")


def test_findings_are_no_failure_where_that_is_asked_for(lossfix, folder):
    (folder / "bad.py").unlink()
    assert lossfix("check", ".").code == 1
    assert lossfix("check", ".", "--exit-zero").code == 0
    ran = lossfix("check", ".", "--diff")
    assert ran.code == 1
    assert "+    plus = tf.nn.softplus(-y_true * y_pred)" in ran.out


@pytest.mark.parametrize("form", ["github", "gitlab", "sarif", "junit", "concise"])
def test_a_migration_speaks_them_too(lossfix, folder, form):
    ran = lossfix("migrate", ".", "--output-format", form)
    assert "LF115" in ran.out
    assert ran.code == 2


def test_a_notebook_is_placed_by_its_cell(lossfix, folder):
    cell = {"cell_type": "code", "source": CODE, "outputs": [], "metadata": {}}
    (folder / "book.ipynb").write_text(json.dumps({"cells": [cell], "metadata": {}}))
    assert "book.ipynb:cell 1:5:12: LF115" in lossfix("check", ".", "--output-format=concise").out
