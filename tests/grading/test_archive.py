"""Zips that want to do harm, or are merely odd: each is refused with its reason, and nothing is ever unpacked."""

from __future__ import annotations

import io
import stat
import struct
import time
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.grading import archive
from autograder.grading.archive import Archive
from autograder.grading.problems import Refused

from .submissions import packed


def opened(content: bytes) -> Archive:
    return Archive(io.BytesIO(content))


def refusal(content: bytes) -> str:
    with pytest.raises(Refused) as caught, opened(content):
        pass
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("../outside.txt", "leaves its folder"),
        ("a/../../outside.txt", "leaves its folder"),
        ("/etc/passwd", "absolute path"),
        ("C:/Windows/win.ini", "backslash or a colon"),
        ("..\\outside.txt", "backslash or a colon"),
        ("a\\b.txt", "backslash or a colon"),
        ("a//b.txt", "empty part"),
        ("./a.txt", "empty part"),
        ("a\nb.txt", "control or invisible"),
        ("a\u202etxt.exe", "control or invisible"),
        ("a\u200bb.txt", "control or invisible"),
        ("con", "Windows reserves"),
        ("files/AUX.txt", "Windows reserves"),
        ("files/lpt1", "Windows reserves"),
        ("files/name.", "blank or a dot"),
        ("files/ name", "blank or a dot"),
        ("files/what?.txt", "file systems forbid"),
        ("files/" + "x" * 500, "name of 506 characters"),
    ],
)
def test_a_name_that_could_do_harm_is_refused(name, says):
    assert says in refusal(packed({"submission.json": b"{}", name: b"x"}))


def test_a_name_that_hides_its_end_behind_a_nul_is_refused():
    assert "control or invisible" in refusal(packed({"files/aXb.txt": b"x"}).replace(b"aXb", b"a\x00b"))


def test_names_that_some_file_system_takes_for_one_are_refused():
    assert "differ in case" in refusal(packed({"files/a.txt": b"1", "files/A.txt": b"2"}))
    assert "differ in case or accents" in refusal(packed({"files/é": b"1", "files/e\u0301": b"2"}))
    assert "a file and a folder" in refusal(packed({"files": b"1", "files/a": b"2"}))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made, pytest.warns(UserWarning):
        made.writestr("a.txt", b"1")
        made.writestr("a.txt", b"2")
    assert "same name: a.txt" in refusal(buffer.getvalue())


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_links_and_devices_are_refused(kind):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        entry = zipfile.ZipInfo("files/link")
        entry.external_attr = (kind | 0o777) << 16
        made.writestr(entry, "/etc/passwd")
    assert "a link or a device" in refusal(buffer.getvalue())


def test_bombs_are_refused_before_anything_is_unpacked():
    zeros = bytes(40 << 20)
    assert "as a zip bomb does" in refusal(packed({"zeros": zeros}))
    # sizes are what the zip claims; a lie is found out when it is read, see below
    many = packed({f"f{n}": b"" for n in range(archive.MAX_FILES + 1)})
    assert f"holds {archive.MAX_FILES + 1} files" in refusal(many)


def test_a_claimed_size_of_gigabytes_is_refused():
    content = bytearray(packed({"a": b"x" * 100}))
    at = content.rindex(b"PK\x01\x02")
    struct.pack_into("<L", content, at + 24, 3 << 30)
    assert "Unpacked it would have 3072 MiB" in refusal(bytes(content))


def test_a_size_that_is_a_lie_is_damage_not_more_bytes():
    whole = zlib.compress(b"x" * 100_000)[2:-4]
    content = bytearray(packed({"a": b"x" * 100_000}))
    assert whole
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<L", content, content.rindex(signature) + offset, 10)
    with opened(bytes(content)) as made, pytest.raises(Refused, match="is damaged"):
        made.read("a", 1000)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_compression_is_refused(method):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as made:
        made.writestr("a", b"x")
    assert "packed in an unusual way" in refusal(buffer.getvalue())


def test_an_encrypted_zip_is_refused():
    content = bytearray(packed({"a": b"x"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.rindex(signature) + offset] |= 1
    assert "is encrypted" in refusal(bytes(content))


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04", packed({"a": b"x" * 1000})[:-30]])
def test_what_is_no_zip_or_half_a_zip_is_refused(content):
    assert "not a zip file, or only a part of one" in refusal(content)


def test_a_damaged_file_is_refused_when_it_is_read():
    content = bytearray(packed({"a": bytes(range(256)) * 40}))
    content[60] ^= 0xFF
    with opened(bytes(content)) as made, pytest.raises(Refused, match="a in the zip is damaged"):
        made.read("a", 1 << 20)


def test_a_folder_around_everything_and_litter_of_file_managers_are_overlooked():
    files = {
        "01-ada/submission.json": b"{}",
        "01-ada/files/a.txt": b"x",
        "__MACOSX/01-ada/._a": b"",
        "01-ada/.DS_Store": b"",
    }
    with opened(packed(files)) as made:
        assert made.names == ["submission.json", "files/a.txt"]
        assert made.read("files/a.txt", 10) == b"x"
        assert made.folder("files").size("a.txt") == 1 and made.folder("files").size("b.txt") is None


def test_a_file_longer_than_wanted_is_refused_and_a_missing_one_is_none():
    with opened(packed({"a": b"xyz"})) as made:
        assert made.read("b", 10) is None
        with pytest.raises(Refused, match="a has 3 bytes; at most 2 are read"):
            made.read("a", 2)


def test_the_reason_repeats_hostile_names_only_as_printable_text():
    said = refusal(packed({"../\x1b[31mred\x07" + "x" * 300: b""}))
    assert said.isprintable() and len(said) < 300


@given(st.text(min_size=1, max_size=40))
def test_no_name_gets_through_that_leaves_the_folder(name):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        entry = zipfile.ZipInfo("x")
        entry.filename = name
        try:
            made.writestr(entry, b"")
        except (UnicodeEncodeError, ValueError):
            return
    try:
        with opened(buffer.getvalue()) as read:
            names = read.names
    except Refused:
        return
    for accepted in names:
        assert not accepted.startswith("/") and "\\" not in accepted and accepted.isprintable()
        assert not {"", ".", ".."} & set(accepted.split("/"))


@given(st.binary(max_size=300), st.integers(0, 400), st.integers(0, 255))
def test_random_bytes_and_random_damage_never_raise_anything_else(junk, at, value):
    whole = bytearray(packed({"submission.json": b"{}", "files/a": junk}))
    whole[at % len(whole)] = value
    for content in (junk, bytes(whole)):
        try:
            with opened(content) as made:
                for name in made.names:
                    made.read(name, 1 << 20)
        except Refused:
            pass


# -- the directory, before anything reads it -------------------------------------------------------------------------


def with_directory(entries: int, told: int, zip64: bool = False) -> bytes:
    """A zip of nothing but a directory, whose end tells another number of entries."""
    one = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"x"
    directory = one * entries
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, told, told, len(directory), 0, 0)
    if not zip64:
        return directory + end
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, told, told, len(directory), 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(directory), 1)
    none = (1 << 16) - 1, (1 << 16) - 1, (1 << 32) - 1, (1 << 32) - 1
    return directory + record + locator + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, *none, 0)


@pytest.mark.parametrize("zip64", [False, True])
@pytest.mark.parametrize(("entries", "words"), [(60_000, "holds 60000 files"), (500_000, "directory of the zip has")])
def test_a_long_directory_is_refused_before_it_is_read(entries, words, zip64, tmp_path):
    content = with_directory(entries, 1, zip64)
    began = time.process_time()
    with pytest.raises(Refused, match=words):
        Archive(io.BytesIO(content))
    file = tmp_path / "x.zip"
    file.write_bytes(content)
    with pytest.raises(Refused, match=words):
        archive.check_directory(file)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x05\x06", b"x" * 100, b"PK\x05\x06" + bytes(18)])
def test_what_has_no_directory_is_left_to_whoever_opens_it(content, tmp_path):
    archive.check_directory(io.BytesIO(content))
    archive.check_directory(tmp_path / "missing.zip")
