"""Suppression: what a comment silences, in every mode, and comments that silence nothing."""

import json

import pytest

HEAD = "import tensorflow as tf\n\n\ndef my_loss(y_true, y_pred):\n"
PLUS = "tf.math.log(1 + tf.exp(-y_true * y_pred))"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def checked(lossfix, folder):
    """The findings, and the suppressed ones, of a body as `line: code` texts."""

    def check(body, *options, head=HEAD):
        (folder / "loss.py").write_text(head + body)
        ran = lossfix("check", "--output-format", "json", *options, "loss.py")
        data = json.loads(ran.out)
        assert ran.code == (1 if data["findings"] else 0)
        places = [f"{row['line']}: {row['code']}" for row in data["findings"]]
        return places, [f"{row['line']}: {row['code']}" for row in data["files"][0]["suppressed"]]

    return check


@pytest.mark.parametrize(
    "comment",
    [
        "# lossfix: ignore[LF207] hard on purpose",
        "# lossfix: ignore[LF2]",
        "# lossfix: ignore[soft-sign]",
        "# lossfix: ignore hard on purpose",
        "# noqa: E501, LF207",
    ],
)
def test_a_comment_on_its_line_silences_a_finding(checked, comment):
    assert checked(f"    return tf.sign(y_pred) - y_true  {comment}\n") == ([], ["5: LF207"])


def test_a_comment_alone_above_the_statement_silences_it(checked):
    body = (
        "    # lossfix: ignore[LF207] why\n    # and more\n    return (\n"
        "        tf.sign(y_pred) - y_true\n    )\n"
    )
    assert checked(body) == ([], ["8: LF207"])


def test_any_line_of_the_statement_will_do(checked):
    body = (
        "    return (\n        tf.sign(y_pred)\n        - y_true\n    )  # lossfix: ignore[LF207]\n"
    )
    assert checked(body) == ([], ["6: LF207"])


def test_a_header_is_one_statement_and_its_body_another(checked):
    body = (
        "    if tf.reduce_mean(tf.sign(y_pred)) > 0:  # lossfix: ignore[LF207]\n"
        "        return tf.sign(y_pred) - y_true\n"
        "    return y_true - y_pred\n"
    )
    findings, _ = checked(body)
    assert "6: LF207" in findings


def test_only_the_rules_that_are_named_are_silenced(checked):
    body = "    return tf.sign(y_pred) - y_true  # lossfix: ignore[LF101]\n"
    assert checked(body)[0] == ["5: LF207", "5: LF001"]


def test_another_statement_is_not_silenced(checked):
    body = (
        "    a = tf.sign(y_pred) - y_true  # lossfix: ignore[LF207]\n"
        "    return a + tf.sign(y_pred + 1)\n"
    )
    assert checked(body) == (["6: LF207"], ["5: LF207"])


def test_a_whole_file_can_be_silenced_for_some_rules(checked):
    body = (
        "    a = tf.sign(y_pred) - y_true\n"
        f"    return a + tf.sign(y_pred + 1) + {PLUS}\n"
        "# lossfix: ignore-file[LF2] a toy\n"
    )
    assert checked(body) == (["6: LF115"], ["5: LF207", "6: LF207"])


def test_windows_line_endings(lossfix, folder):
    body = "    # lossfix: ignore[LF207]\n    return tf.sign(y_pred) - y_true\n"
    (folder / "loss.py").write_bytes((HEAD + body).replace("\n", "\r\n").encode())
    assert lossfix("check", "loss.py").out == "No findings in 1 file; 1 suppressed.\n"


def test_text_counts_what_is_suppressed_and_does_not_list_it(lossfix, folder):
    body = f"    a = tf.sign(y_pred)  # lossfix: ignore\n    return a + {PLUS}\n"
    (folder / "loss.py").write_text(HEAD + body)
    ran = lossfix("check", "loss.py")
    assert "LF207" not in ran.out
    assert ran.out.endswith("0 more with --allow; 1 suppressed.\n")


class TestUnused:
    """Comments without effect are findings of their own."""

    @pytest.mark.parametrize(
        ("comment", "message"),
        [
            ("# lossfix: ignore[LF101]", "this suppression has no effect; remove it"),
            ("# lossfix: ignore", "this suppression has no effect; remove it"),
            ("# lossfix: ignore-file[LF101]", "this suppression has no effect; remove it"),
            ("# noqa: LF101", "this suppression has no effect; remove it"),
            ("# lossfix: ignore[LF999]", "no rule is called 'LF999'; `lossfix rules` lists them"),
            ("# noqa: LF999", "no rule is called 'LF999'; `lossfix rules` lists them"),
            ("# lossfix: ignroe[LF101]", "did you mean 'ignore'?"),
            ("# lossfix: ignore[LF101", "the bracket is not closed"),
        ],
    )
    def test_it_is_said_where_and_why(self, lossfix, folder, comment, message):
        (folder / "loss.py").write_text(f"{HEAD}    return y_true - y_pred  {comment}\n")
        ran = lossfix("check", "loss.py")
        assert ran.code == 1
        assert ran.out.startswith("loss.py:5:29: LF001 unused-suppression: ")
        assert message in ran.out.splitlines()[0]

    def test_of_several_names_the_idle_ones_are_said(self, lossfix, folder):
        body = "    return tf.sign(y_pred) - y_true  # lossfix: ignore[LF207, LF101]\n"
        (folder / "loss.py").write_text(HEAD + body)
        assert "LF001 unused-suppression: LF101 has no effect" in lossfix("check", "loss.py").out

    def test_rules_that_were_not_looked_for_are_not_judged(self, checked):
        body = "    return tf.sign(y_pred) - y_true  # lossfix: ignore[LF101]\n"
        assert checked(body, "--ignore", "LF101")[0] == ["5: LF207"]
        body = "    return y_true - y_pred  # lossfix: ignore\n"
        assert checked(body, "--ignore", "LF101")[0] == []

    def test_a_function_that_is_named_alone_says_nothing_of_the_others(self, lossfix, folder):
        body = "    return y_true - y_pred\n\nx = 1  # lossfix: ignore\n"
        (folder / "loss.py").write_text(HEAD + body)
        assert lossfix("check", "loss.py::my_loss").code == 0
        assert lossfix("check", "loss.py").code == 1

    def test_the_report_itself_can_be_refused(self, checked):
        body = "    return y_true - y_pred  # lossfix: ignore[LF101]\n"
        assert checked(body, "--ignore", "unused-suppression")[0] == []
        kept = f"{body}# lossfix: ignore-file[LF001] kept for old versions\n"
        assert checked(kept) == ([], ["5: LF001"])


class TestRewrite:
    """What is suppressed is never fixed."""

    BODY = (
        f"    a = {PLUS}  # lossfix: ignore[LF115] as published\n"
        f"    b = {PLUS}\n"
        "    return a + b\n"
    )

    def test_it_is_left_and_its_twin_is_fixed(self, lossfix, folder):
        (folder / "loss.py").write_text(HEAD + self.BODY)
        ran = lossfix("rewrite", "--no-verify", "--write", "loss.py")
        new = (folder / "loss.py").read_text()
        assert f"    a = {PLUS}  # lossfix: ignore[LF115] as published\n" in new
        assert "    b = tf.nn.softplus(-y_true * y_pred)\n" in new
        assert "loss.py:5:9: LF115 softplus left: suppressed: as published" in ran.err
        assert "1 suppressed" in ran.err
        assert ran.code == 0

    def test_a_fix_inside_it_does_not_free_it(self, lossfix, folder):
        body = f"    return tf.sign(y_pred + {PLUS}) - y_true  # lossfix: ignore[LF207]\n"
        (folder / "loss.py").write_text(HEAD + body)
        lossfix("rewrite", "--no-verify", "--allow", "relaxed", "--write", "loss.py")
        assert "tf.sign(y_pred + tf.nn.softplus(" in (folder / "loss.py").read_text()

    def test_it_is_not_asked_for(self, lossfix, folder, monkeypatch):
        (folder / "loss.py").write_text(
            f"{HEAD}    return tf.sign(y_pred) - y_true  # lossfix: ignore\n"
        )
        ran = lossfix("rewrite", "-i", "--no-verify", "--allow", "relaxed", "--write", "loss.py")
        assert ran.code == 0
        assert "Make this" not in ran.err

    def test_json_has_it_apart(self, lossfix, folder):
        (folder / "loss.py").write_text(HEAD + self.BODY)
        ran = lossfix("rewrite", "--no-verify", "--output-format", "json", "loss.py")
        data = json.loads(ran.out)
        assert [row["line"] for row in data["findings"]] == [6]
        (suppressed,) = data["files"][0]["suppressed"]
        assert (suppressed["line"], suppressed["reason"]) == (5, "suppressed: as published")

    def test_a_comment_without_effect_stays_and_is_said(self, lossfix, folder):
        text = f"{HEAD}    return y_true - y_pred  # lossfix: ignore[LF101]\n"
        (folder / "loss.py").write_text(text)
        ran = lossfix("rewrite", "--no-verify", "--write", "loss.py")
        assert "LF001 unused-suppression left: diagnosis" in ran.err
        assert (folder / "loss.py").read_text() == text
