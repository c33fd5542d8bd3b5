"""Which files are migrated, and that none outside the root ever is."""

import json
import os

import pytest
from repositories import contents, fixed, git, softplus

from lossfix.config import NO_FLAGS, flags_from
from lossfix.globs import Glob
from lossfix.migrate.files import LINK, NO_FILE, OUTSIDE, SUBMODULE, listed

ODD = [b"with space.py", b"new\nline.py", b"nicht-\xfftf8.py", 'quote"\\é.py'.encode()]


def names(root, flags=NO_FLAGS, include=()):
    return {one.path: one.skipped for one in listed(root, flags, include)}


def fill(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(softplus())


IGNORED = ("build/a.py", "keep/b.py", "keep/not.py", "deep/down/c.py", "d.txt", "e.ipynb", "f.py")
TAKEN = {b"keep/b.py", b"deep/down/c.py", b"e.ipynb", b"f.py"}


@pytest.mark.parametrize("in_git", [True, False])
def test_a_gitignore_holds_in_a_repository_and_outside(tmp_path, in_git):
    fill(tmp_path, *IGNORED, ".venv/g.py" if not in_git else "build/g.py")
    (tmp_path / "keep" / ".gitignore").write_text("!b.py\n")
    (tmp_path / ".gitignore").write_text("build/\nnot.py\n")
    if in_git:
        git("init", "-q", folder=tmp_path)
        git("add", "f.py", folder=tmp_path)
    assert set(names(tmp_path)) == TAKEN


def test_a_root_inside_a_repository_is_all_there_is(tmp_path):
    git("init", "-q", folder=tmp_path)
    fill(tmp_path, "above.py", "src/a.py", "src/more/b.py")
    assert set(names(tmp_path / "src")) == {b"a.py", b"more/b.py"}


def test_globs_take_and_leave(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(tmp_path, "src/a.py", "src/a_test.py", "docs/b.py")
    assert set(names(tmp_path, include=[Glob(str(tmp_path), "src/**")])) == {
        b"src/a.py",
        b"src/a_test.py",
    }
    assert set(names(tmp_path, flags_from(exclude=("docs", "*_test.py")))) == {b"src/a.py"}


def test_links_are_never_followed(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    fill(tmp_path, "inside/a.py", "outside/b.py")
    (inside / "link.py").symlink_to(outside / "b.py")
    (inside / "folder").symlink_to(outside)
    (inside / "loop").symlink_to(inside)
    (inside / "self.py").symlink_to(inside / "self.py")
    (inside / "folder.py").mkdir()
    wanted = {b"a.py": "", b"link.py": LINK, b"self.py": LINK}
    assert names(inside) == wanted
    git("init", "-q", folder=inside)
    assert names(inside) == wanted


def test_a_pipe_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.py")
    assert names(tmp_path) == {b"pipe.py": NO_FILE}


def test_a_submodule_is_left_to_its_own_repository(tmp_path, repository, lossfix):
    other = tmp_path / "other"
    other.mkdir()
    git("init", "-q", folder=other)
    fill(other, "sub.py")
    git("add", "-A", folder=other)
    git("commit", "-q", "-m", "start", folder=other)
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "mod")
    assert names(repository)[b"mod"] == SUBMODULE
    ran = lossfix("migrate", ".", "--until", "apply", "-j", "1")
    assert f"file {SUBMODULE}" in ran.out
    assert (repository / "mod" / "sub.py").read_text() == softplus()


@pytest.mark.parametrize("between", [b"\0", b"\n"])
def test_a_list_of_files_is_taken_as_it_is(lossfix, repository, monkeypatch, between):
    outside = repository.parent / "outside.py"
    outside.write_text(softplus())
    (repository / "ignored.py").write_text(softplus())
    (repository / ".gitignore").write_text("ignored.py\n")
    wanted = [b"ignored.py", b"../outside.py", b"./plus.py", b"plus.py", b"gone.py"]
    (repository / "list").write_bytes(between.join(wanted) + between)
    ran = lossfix("migrate", ".", "--files-from", "list", "--output-format", "json")
    data = json.loads(ran.out)
    states = {file["path"]: (file["state"], file["reason"]) for file in data["files"]}
    assert states["ignored.py"][0] == states["plus.py"][0] == "fixed"
    assert states["../outside.py"] == ("skipped", OUTSIDE)
    assert states["gone.py"][0] == "failed"
    assert ran.code == 2
    assert len(states) == 4


def test_odd_names_are_migrated_and_their_patch_applies(lossfix, repository):
    for name in ODD:
        with open(os.path.join(os.fsencode(repository), name), "w") as file:
            file.write(softplus())
    before = contents(repository)
    ran = lossfix("migrate", ".", "--patch", "../all.patch")
    assert ran.code == 1
    git("apply", "../all.patch")
    patched = contents(repository)
    for name in ODD:
        assert patched[name].decode() == fixed(softplus())
    git("apply", "-R", "../all.patch")
    assert contents(repository) == before
    lossfix("migrate", ".", "--until", "apply", "-j", "1", "--include-not-run")
    assert contents(repository) == {**patched, b"wrong.py": before[b"wrong.py"]}
    lossfix("undo")
    assert contents(repository) == before
