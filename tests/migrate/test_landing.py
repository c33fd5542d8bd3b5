"""Landing: patches whole and in parts, and commits on a branch."""

import os

import pytest
from repositories import HEAD, contents, fixed, git, loss, softplus

TWO = HEAD + loss("two_loss", "tf.math.log(1 + tf.exp(y_pred)) * (tf.exp(y_pred) - 1)")
TWO += "\n\n" + loss("root_loss", "tf.sqrt(tf.reduce_sum(tf.square(y_true - y_pred), axis=-1))")


@pytest.fixture
def folders(repository):
    """Rules in two folders with two owners, and a file that two rules change."""
    for name in ("wrong.py", "unrunnable.py"):
        (repository / name).unlink()
    for folder in ("a", "b c"):
        (repository / folder).mkdir()
        (repository / folder / "plus.py").write_text(softplus())
    (repository / "a" / "two.py").write_text(TWO)
    (repository / "a" / "run.py").write_text(softplus())
    os.chmod(repository / "a" / "run.py", 0o755)
    (repository / "CODEOWNERS").write_text("# who\n* @all\n/a/ @one @two\nb\\ c/\n")
    git("add", "-A")
    git("commit", "-q", "-m", "more")
    git("config", "user.name", "n")
    git("config", "user.email", "a@b")
    return repository


def apply(lossfix, *more):
    return lossfix("migrate", ".", "--until", "apply", "-j", "1", *more)


@pytest.mark.parametrize("by", ["rule", "directory", "owner"])
def test_parts_applied_one_after_the_other_are_the_whole(lossfix, folders, by):
    lossfix("migrate", ".", "--patch", "../parts", "--split-by", by)
    parts = sorted((folders.parent / "parts").iterdir())
    for part in parts:
        git("apply", str(part))
    patched = contents(folders)
    git("checkout", "-q", ".")
    apply(lossfix)
    assert contents(folders) == patched
    names = [part.name for part in parts]
    assert (
        names
        == {
            "rule": ["0001-LF115.patch", "0002-LF127.patch", "0003-LF140.patch"],
            "directory": ["0001-a.patch", "0002-b-c.patch", "0003-root.patch"],
            "owner": ["0001-@all.patch", "0002-@one-@two.patch", "0003-no-owner.patch"],
        }[by]
    )


@pytest.mark.parametrize("until", ["plan", "verify", "apply"])
def test_a_page_shows_every_fix_with_its_diff(lossfix, folders, until):
    lossfix("migrate", ".", "--until", until, "-j", "1", "--html", "../page.html")
    page = (folders.parent / "page.html").read_text()
    assert page.count("<pre>") == 5
    assert page.count("<article") == 7
    assert page.count("✓ verified</span>") == (0 if until == "plan" else 7)
    assert "+    return tf.reduce_mean(tf.nn.softplus(-y_true * y_pred), axis=-1)" in page


def test_the_diff_alone_goes_to_stdout_and_git_takes_it(lossfix, folders):
    ran = lossfix("migrate", "a", "--diff")
    (folders.parent / "p").write_text(ran.out)
    git("apply", str(folders.parent / "p"))
    assert (folders / "a" / "plus.py").read_text() == fixed(softplus())
    assert "would change" in ran.err


def test_a_patch_is_exact_in_every_encoding(lossfix, folders):
    text = "# -*- coding: latin-1 -*-\n" + softplus() + "# ü"
    (folders / "latin.py").write_bytes(text.replace("\n", "\r\n").encode("latin-1"))
    lossfix("migrate", ".", "--patch", "../p")
    git("apply", "../p")
    wanted = fixed(text).replace("\n", "\r\n").encode("latin-1")
    assert (folders / "latin.py").read_bytes() == wanted


def test_one_commit_a_rule_on_a_branch(lossfix, folders):
    ran = apply(lossfix, "--commit", "--branch", "losses/stable")
    assert "3 commits on the branch losses/stable." in ran.out
    assert git("symbolic-ref", "HEAD") == b"refs/heads/losses/stable\n"
    assert git("status", "--porcelain") == b""
    subjects = git("log", "--reverse", "--format=%s", "main..").decode().splitlines()
    assert subjects == [
        "LF115 softplus: 5 fixed in 5 files",
        "LF127 expm1: 1 fixed in 1 file",
        "LF140 safe-norm: 1 fixed in 1 file",
    ]
    message = git("log", "-1", "--format=%B").decode()
    assert "Contract: guarded, the same loss wherever it was finite" in message
    assert "Verdict: 1 verified." in message
    assert "- a/two.py:9:27 root_loss: verified: verified as its name asks for" in message
    between = git("show", "HEAD~1:a/two.py").decode()
    assert "softplus" in between
    assert "tf.sqrt(tf.reduce_sum(tf.square(y_true - y_pred), axis=-1))" in between
    assert b"100755" in git("ls-tree", "HEAD", "a/run.py")
    git("diff", "--exit-code", "HEAD")
    undone = lossfix("undo").out
    assert "5 files as before the migration; 0 left." in undone
    assert "The commits on the branch losses/stable stay" in undone
    git("diff", "--exit-code", "main")


def test_a_commit_is_refused_on_a_dirty_tree_unless_that_is_allowed(lossfix, folders):
    (folders / "plain.py").write_text("x = 2\n")
    (folders / "plus.py").write_text(softplus() + "# mine\n")
    before = contents(folders)
    ran = apply(lossfix, "--commit")
    assert ran.code == 2
    assert "plain.py has changes that are not committed" in ran.err
    assert contents(folders) == before
    ran = apply(lossfix, "--commit", "--allow-dirty")
    assert "plus.py: written, and in no commit: it was not as in the last one" in ran.out
    assert git("diff", "--name-only", "HEAD").split() == [b"plain.py", b"plus.py"]
    assert (folders / "plus.py").read_text() == fixed(softplus()) + "# mine\n"


def test_a_migration_that_was_stopped_before_its_commits_makes_them(lossfix, folders, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("lossfix.cli.migrating.commit", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            apply(lossfix, "--commit")
    assert git("diff", "--name-only", "HEAD") != b""
    apply(lossfix, "--commit")
    assert git("status", "--porcelain") == b""
    assert len(git("log", "--format=%s", "main..").splitlines()) == 3


def test_commits_in_a_folder_of_a_repository_and_beside_it(lossfix, folders, tmp_path_factory):
    beside = tmp_path_factory.mktemp("beside")
    ran = lossfix("migrate", "b c", "--until", "apply", "--commit", "-j", "1")
    assert "1 commit on the branch lossfix." in ran.out
    assert git("show", "--name-only", "--format=").strip() == b"b c/plus.py"
    assert "say --until apply" in lossfix("migrate", ".", "--commit").err
    refused = lossfix("migrate", beside, "--until", "apply", "--commit")
    assert "is in no git repository" in refused.err
    git("switch", "-q", "main")
    assert "there is a branch 'lossfix' already" in apply(lossfix, "--commit").err
