"""Layers are verified, merged as a container sees them, and packages are taken only from where they are installed."""

from __future__ import annotations

import base64
import gzip
import io
import tarfile

import pytest

from autograder.oci.manifests import digest_of
from autograder.scanning import inventory
from autograder.scanning.inventory import ImageProblem
from tests.scanning.built import SITE, base, image, package, tar

OLD = package("joblib", "1.1.0")


def layers(built, *bases, config=True):
    held, source = built.snapshot()
    parsed = held.parsed(built.digest)
    return inventory.layers(parsed, held.config(parsed) if config else None, source, bases)


def taken(*files):
    return inventory.take(inventory.merge(layers(image(*files))))


def test_installed_packages_are_found():
    found = taken(OLD, package("PyJWT", "2.3.0", module="jwt"))
    assert [(one.name, one.version, one.intact) for one in found.packages] == [
        ("pyjwt", "2.3.0", True),
        ("joblib", "1.1.0", True),
    ]
    assert found.problems == ()


def test_a_whiteout_takes_a_package_away():
    gone = {f"{SITE}/.wh.joblib": b"", f"{SITE}/.wh.joblib-1.1.0.dist-info": b""}
    assert taken(OLD, gone).packages == ()
    assert taken(OLD, {f"{SITE}/.wh..wh..opq": b""}).packages == ()
    assert [one.name for one in taken(gone, OLD).packages] == ["joblib"]


def test_only_metadata_gone_leaves_the_code():
    found = taken(OLD, {f"{SITE}/.wh.joblib-1.1.0.dist-info": b""})
    assert found.packages == ()
    assert f"{SITE}/joblib/__init__.py" in found.files


@pytest.mark.parametrize(
    "site", ["tmp", "app/vendor/site-packages", "usr/local/lib/python3.11", "opt/x/lib/python3.11/site-packages"]
)
def test_metadata_elsewhere_count_for_nothing(site):
    found = taken(package("joblib", "1.5.2", site=site))
    assert found.packages == ()
    assert "where no package manager puts any" in found.problems[0]


def test_a_copy_inside_of_another_package_is_no_package_of_its_own():
    found = taken(package("joblib", "1.5.2", site=f"{SITE}/setuptools/_vendor"))
    assert (found.packages, found.problems) == ((), ())


@pytest.mark.parametrize("path", [f"{SITE}/joblib.egg-info", f"{SITE}/joblib-1.5.2.egg-info/PKG-INFO"])
def test_eggs_count_for_nothing(path):
    found = taken({path: b"Metadata-Version: 2.1\nName: joblib\nVersion: 1.5.2\n"})
    assert found.packages == ()
    assert "counts for nothing" in found.problems[0]


def test_a_virtual_environment_is_a_place_for_packages():
    files = package("joblib", "1.1.0", site="opt/venv/lib/python3.11/site-packages")
    assert [one.name for one in taken(files | {"opt/venv/pyvenv.cfg": b"home = /usr/bin\n"}).packages] == ["joblib"]


def test_a_version_that_was_written_over_is_noticed():
    name = f"{SITE}/joblib-1.1.0.dist-info/METADATA"
    found = taken(OLD | {name: OLD[name].replace(b"1.1.0", b"1.5.2")})
    assert any("which its folder does not" in problem for problem in found.problems)
    assert any("RECORD" in problem for problem in found.problems)
    assert not found.packages[0].intact


@pytest.mark.parametrize("record", [None, b"", b"joblib/__init__.py,sha256=!!,3\n", b"\x00\xff,,\n", b"x" * 200_000])
def test_a_package_without_a_sound_record_is_not_intact(record):
    files = {path: content for path, content in OLD.items() if not path.endswith("RECORD")}
    if record is not None:
        files[f"{SITE}/joblib-1.1.0.dist-info/RECORD"] = record
    assert not taken(files).packages[0].intact


def test_base_layers_need_not_be_there():
    built = image({"etc/os-release": b"ID=debian\n"}, OLD)
    del built.layout.files[f"blobs/{built.blobs[0].replace(':', '/')}"]
    assert [one.digest for one in layers(built, base(built.diff_ids[0]))] == [built.blobs[1]]
    with pytest.raises(ImageProblem, match="is missing from the submission"):
        layers(built)


@pytest.mark.parametrize(
    "claimed",
    [
        ("own", "one", "two"),  # above a layer that is no base's
        ("one", "own", "two"),
        ("two", "one", "own"),  # in another order
        ("one", "one", "own"),  # one of them twice
        ("one", "own", "own"),  # a part of the base
        ("two", "own", "own"),
    ],
)
def test_a_missing_layer_that_claims_to_be_the_bases_where_the_base_has_it_not_is_missing(claimed):
    known = [digest_of(b"one"), digest_of(b"two")]
    own = digest_of(tar(OLD))
    ids = {"one": known[0], "two": known[1], "own": own}
    blobs = [gzip.compress(tar(OLD), mtime=0) if name == "own" else name.encode() + bytes([n])
             for n, name in enumerate(claimed)]  # fmt: skip
    built = image(*blobs, blobs=blobs, diff_ids=[ids[name] for name in claimed])
    for digest, name in zip(built.blobs, claimed, strict=True):
        if name != "own":
            built.layout.files.pop(f"blobs/{digest.replace(':', '/')}")
    with pytest.raises(ImageProblem, match="is missing from the submission"):
        layers(built, base(*known))


def test_a_changed_layer_is_refused():
    built = image(OLD)
    name = f"blobs/{built.blobs[0].replace(':', '/')}"
    parsed = built.snapshot()[0].parsed(built.digest)
    config = built.snapshot()[0].config(parsed)
    content = built.layout.files[name]
    built.layout.files[name] = content[:-1] + bytes([content[-1] ^ 1])
    with pytest.raises(ImageProblem, match="was changed"):
        inventory.layers(parsed, config, built.layout.source(), ())


TAR = tar(OLD)
PACKED = gzip.compress(TAR, mtime=0)


@pytest.mark.parametrize(
    ("blob", "diff_id", "words"),
    [
        (PACKED + b"padding", digest_of(TAR), "padding"),
        (PACKED + b"\0" * 512, digest_of(TAR), "padding"),
        (PACKED[:-9], digest_of(TAR), "ends in the middle"),
        (b"\x1f\x8bnonsense", digest_of(TAR), "damaged gzip"),
        (b"\x28\xb5\x2f\xfd", digest_of(TAR), "zstd"),
        (PACKED, digest_of(b"another"), "something else than the config says"),
        (gzip.compress(b"no tar" * 200), digest_of(b"no tar" * 200), "not a sound tar"),
        (gzip.compress(TAR + b"hidden" + b"\0" * 506), digest_of(TAR + b"hidden" + b"\0" * 506), "after the end"),
        (gzip.compress(TAR[:700]), digest_of(TAR[:700]), "not a sound tar"),
    ],
)
def test_what_is_no_honest_layer_is_refused(blob, diff_id, words):
    with pytest.raises(ImageProblem, match=words):
        inventory.merge(layers(image(b"", blobs=[blob], diff_ids=[diff_id])))


def test_a_gzip_of_several_members_and_a_plain_tar_are_layers():
    parts = gzip.compress(TAR[:1000]) + gzip.compress(TAR[1000:])
    for blob in (parts, TAR):
        found = inventory.merge(layers(image(b"", blobs=[blob], diff_ids=[digest_of(TAR)])))
        assert f"{SITE}/joblib/__init__.py" in found


def test_a_bomb_is_stopped(monkeypatch):
    monkeypatch.setattr(inventory, "MAX_TAR", 1 << 20)
    bomb = gzip.compress(b"\0" * (4 << 20))
    with pytest.raises(ImageProblem, match="unpacks to more than 1 MiB"):
        inventory.unpack(bomb, "x", 1 << 20)
    half = {"a": b"1" * (700 << 10)}
    with pytest.raises(ImageProblem, match="unpacks to more than 1 MiB"):
        layers(image(half, half | {"b": b"2"}))


@pytest.mark.parametrize("diff_ids", [[], ["sha256:" + "0" * 64] * 2])
def test_a_config_with_another_number_of_layers_is_refused(diff_ids):
    with pytest.raises(ImageProblem, match="the manifest lists 1 layers"):
        layers(image(OLD, diff_ids=diff_ids))


def test_a_missing_config_is_refused():
    with pytest.raises(ImageProblem, match="the config no of them"):
        layers(image(OLD), config=False)


def test_odd_paths_and_links_end_where_they_end_in_the_image():
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name in ("./a/../b/file", "../../etc/x", "/abs"):
            entry = tarfile.TarInfo(name)
            entry.size = 1
            archive.addfile(entry, io.BytesIO(b"1"))
        hard = tarfile.TarInfo("hard")
        hard.type, hard.linkname = tarfile.LNKTYPE, "b/file"
        archive.addfile(hard)
        soft = tarfile.TarInfo("abs")
        soft.type, soft.linkname = tarfile.SYMTYPE, "etc/x"
        archive.addfile(soft)
    assert set(inventory.merge(layers(image(raw.getvalue())))) == {"b/file", "etc/x", "hard"}


def test_a_file_in_a_folders_place_takes_its_content_away():
    assert set(inventory.merge(layers(image({"a/b": b"1", "a/c": b"2", "ab": b"3"}, {"a": b"4"})))) == {"a", "ab"}


def test_whiteouts_act_on_lower_layers_alone():
    both = {"a/.wh..wh..opq": b"", "a/new": b"1", ".wh.b": b"", "b": b"2"}
    assert set(inventory.merge(layers(image({"a/old": b"", "a/x/y": b"", "b": b"1"}, both)))) == {"a/new", "b"}


def test_many_entries_over_many_files_stay_quick():
    lower = {f"f/{n}": b"" for n in range(5_000)}
    upper = {f"g/.wh.{n}": b"" for n in range(5_000)}
    assert len(inventory.merge(layers(image(lower, upper)))) == 5_000


def test_a_gzip_of_very_many_members_is_read_in_pieces_and_refused(monkeypatch):
    one = gzip.compress(b"")
    assert inventory.unpack(one * 20_000, "x") == b""
    monkeypatch.setattr(inventory, "MAX_ENTRIES", 100)
    with pytest.raises(ImageProblem, match="more than 100 gzip members"):
        inventory.unpack(one * 101, "x")


def test_a_member_longer_than_a_piece_and_one_that_ends_too_early():
    content = bytes(range(256)) * 1000
    blob = gzip.compress(content, 0)
    assert len(blob) > 4 * inventory.PIECE
    assert inventory.unpack(blob + blob, "x") == content * 2
    for cut in (1, len(blob) - inventory.PIECE, len(blob) - 11):
        with pytest.raises(ImageProblem, match="in the middle"):
            inventory.unpack(blob + blob[:-cut], "x")


def test_a_plain_tar_counts_towards_the_limit():
    with pytest.raises(ImageProblem, match="unpacks to more than"):
        inventory.unpack(b"\0" * 1025, "x", 1024)


@pytest.mark.parametrize("diff_id", [[], {}, 3, None])
def test_a_config_that_lists_no_digests_is_refused(diff_id):
    with pytest.raises(ImageProblem, match="no digests"):
        layers(image(OLD, diff_ids=[diff_id]), ["sha256:1"])


def test_a_name_that_is_no_text_is_told_in_text():
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("x\udcff.dist-info/METADATA"))  # written as the byte 0xff
    layer = inventory.Layer("sha256:1", "sha256:1", raw.getvalue())
    (problem,) = inventory.take(inventory.merge([layer])).problems
    assert problem.startswith("/x\N{REPLACEMENT CHARACTER}.dist-info/METADATA")


def test_an_official_base_that_travels_brings_no_problem_and_hides_nothing():
    """Its packages lack the folders of tests that their RECORD lists; whatever else is missing or changed is told."""
    files = package("setuptools", "79.0.1")
    info = f"{SITE}/setuptools-79.0.1.dist-info"
    listed = base64.urlsafe_b64encode(b"\1" * 32).decode().rstrip("=")
    files[f"{info}/RECORD"] += f"setuptools/tests/test_x.py,sha256={listed},3\n".encode()
    assert taken(files).problems == () and taken(files).packages[0].intact
    files[f"{info}/RECORD"] += f"setuptools/gone.py,sha256={listed},3\n".encode()
    assert not taken(files).packages[0].intact
    changed = package("setuptools", "79.0.1") | {f"{SITE}/setuptools/tests/test_x.py": b"changed"}
    changed[f"{info}/RECORD"] += f"setuptools/tests/test_x.py,sha256={listed},3\n".encode()
    assert not taken(changed).packages[0].intact


def test_a_layer_that_is_too_large_to_scan_is_told_as_that(monkeypatch):
    monkeypatch.setattr(inventory, "MAX_TAR", 10)
    with pytest.raises(ImageProblem, match="at most 0 are scanned: the image stands on a large base"):
        layers(image(OLD))


def sparse(size):
    """A tar of a few bytes with one file of any size, all of it a hole: the old GNU form."""
    entry = tarfile.TarInfo("hole")
    entry.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    header[483:495] = b"%011o\0" % size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    return bytes(header) + bytes(1024)


def test_a_file_of_holes_is_not_filled():
    with pytest.raises(ImageProblem, match="sparse"):
        taken(sparse(64 << 20))


def linked(paths, target):
    """A tar with links to one file."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in paths:
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname = tarfile.LNKTYPE, target
            archive.addfile(entry)
    return raw.getvalue()


@pytest.mark.parametrize("path, linkname", [("a/" * 3000 + "b", "x"), ("b", "a/" * 3000)])
def test_a_path_without_end_is_refused(path, linkname):
    with pytest.raises(ImageProblem, match="4096"):
        taken(linked([path], linkname))


def test_more_layers_than_an_engine_stacks_are_refused():
    with pytest.raises(ImageProblem, match="129 layers"):
        taken(*[{"a": b"1"}] * 129)
    assert len(taken(*[{"a": b"1"}] * 128).files) == 1


def test_merging_has_an_end(monkeypatch):
    monkeypatch.setattr(inventory, "MAX_STEPS", 50)
    many = {f"a/b/c/{n}": b"" for n in range(10)}
    assert len(taken(many, {"x": b""}).files) == 11
    with pytest.raises(ImageProblem, match="too many files"):
        taken(many, {"x": b""}, {"y": b""})


def test_links_to_one_record_count_each(monkeypatch):
    monkeypatch.setattr(inventory, "MAX_METADATA", 200_000)
    files = package("joblib", "1.5.2")
    record = f"{SITE}/joblib-1.5.2.dist-info/RECORD"
    files[record] += b"x,,\n" * 10_000
    folders = [f"{SITE}/joblib-1.5.{n}.dist-info" for n in range(3, 9)]
    metadata = linked([f"{one}/METADATA" for one in folders], record.replace("RECORD", "METADATA"))
    assert len(taken(files, metadata).packages) == 7
    with pytest.raises(ImageProblem, match="package metadata"):
        taken(files, metadata, linked([f"{one}/RECORD" for one in folders], record))


def test_a_version_that_cannot_be_compared_is_a_problem():
    """No advisory covers it, so it would hide what the package is."""
    found = taken(package("joblib", "fixed"))
    assert [one.version for one in found.packages] == ["fixed"]
    assert "joblib has the version fixed, which is none" in found.problems[0]
    name = f"{SITE}/joblib-1.1.0.dist-info/METADATA"
    found = taken(OLD | {name: OLD[name].replace(b"1.1.0", b"9" * 5000)})
    assert len(found.packages[0].version) == 200 and "which its folder does not" in found.problems[0]


def test_only_tests_inside_of_packages_may_be_missing():
    """The official images remove them; the path to the packages makes no test folder of everything in them."""
    site = "srv/tests/venv/lib/python3.11/site-packages"
    files = package("joblib", "1.5.2", site=site) | {"srv/tests/venv/pyvenv.cfg": b"home = /usr/bin\n"}
    [sound] = taken(files).packages
    del files[f"{site}/joblib/__init__.py"]
    [broken] = taken(files).packages
    assert (sound.intact, broken.intact) == (True, False)
