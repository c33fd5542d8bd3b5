"""Files keep their encoding, byte order mark, newlines, mode and links."""

import os
import stat

import pytest

from lossfix.errors import ChangedOnDisk, SourceError
from lossfix.source.files import python_files, read_source, write_source

BODY = "x = 1\n"


@pytest.mark.parametrize(
    ("data", "encoding", "text"),
    [
        (b"x = 1\n", "utf-8", "x = 1\n"),
        (b"\xef\xbb\xbfx = 1\n", "utf-8", "x = 1\n"),
        (b"# coding: latin-1\ns = '\xe9'\n", "iso-8859-1", "# coding: latin-1\ns = 'é'\n"),
        (b"x = 1\r\ny = 2\r\n", "utf-8", "x = 1\r\ny = 2\r\n"),
        (b"x = 1\x0c\ny = 2", "utf-8", "x = 1\x0c\ny = 2"),
        (b"x = 1\ry = 2\r", "utf-8", "x = 1\ry = 2\r"),
    ],
)
def test_a_file_is_read_as_python_reads_it_and_written_back_byte_for_byte(
    tmp_path, data, encoding, text
):
    path = tmp_path / "loss.py"
    path.write_bytes(data)
    source = read_source(path)
    assert (source.encoding, source.text) == (encoding, text)
    write_source(source, source.text)
    assert path.read_bytes() == data


def test_bytes_that_are_no_utf8_are_an_error_with_their_line(tmp_path):
    path = tmp_path / "loss.py"
    path.write_bytes(b"x = 1\ns = '\xe9'\n")
    with pytest.raises(SourceError, match=r"loss\.py:2: .*coding comment"):
        read_source(path)


def test_a_file_that_changed_since_it_was_read_is_left_alone(tmp_path):
    path = tmp_path / "loss.py"
    path.write_text(BODY)
    source = read_source(path)
    path.write_text("x = 2\n")
    with pytest.raises(ChangedOnDisk):
        write_source(source, "x = 3\n")
    assert path.read_text() == "x = 2\n"


def test_a_symlink_stays_one_and_the_mode_stays(tmp_path):
    target = tmp_path / "loss.py"
    target.write_text(BODY)
    target.chmod(0o754)
    link = tmp_path / "link.py"
    link.symlink_to(target)
    write_source(read_source(link), "x = 2\n")
    assert link.is_symlink()
    assert target.read_text() == "x = 2\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o754
    assert sorted(os.listdir(tmp_path)) == ["link.py", "loss.py"]


def test_a_read_only_file_is_an_error_that_says_what_to_do(tmp_path):
    path = tmp_path / "loss.py"
    path.write_text(BODY)
    source = read_source(path)
    path.chmod(0o444)
    with pytest.raises(SourceError, match="chmod"):
        write_source(source, "x = 2\n")
    assert path.read_text() == BODY


def test_folders_are_walked_in_order_and_caches_are_left_out(tmp_path):
    for name in ("b.py", "a.py", "notes.txt", "sub/c.py", ".venv/d.py", "__pycache__/e.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    found = [p.relative_to(tmp_path).as_posix() for p in python_files([tmp_path])]
    assert found == ["a.py", "b.py", "sub/c.py"]


def test_a_missing_path_is_reported_and_the_others_are_still_found(tmp_path):
    (tmp_path / "a.py").write_text("")
    missing, found = list(python_files([tmp_path / "nope", tmp_path / "a.py"]))
    assert isinstance(missing, SourceError)
    assert found == tmp_path / "a.py"
