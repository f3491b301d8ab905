"""Verification of layouts: what is right is found, and nothing that is wrong gets through."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.evidence import layout
from autograder.evidence.model import Manifest
from autograder.oci import manifests
from autograder.oci.manifests import digest_of

from .images import Layout, js


def kinds(repository):
    return sorted(problem.kind for problem in repository.problems)


@pytest.mark.parametrize("oci", [True, False])
@pytest.mark.parametrize("attested", [None, False, True])
def test_a_whole_layout_verifies(oci, attested):
    made = Layout()
    image = made.image([b"base", b"weights"], oci=oci, labels={"course.owner": "ada"})
    target = image if attested is None else made.index(image, attested=attested)
    made.tag("1.0.0", target)
    found = made.verify()
    assert found.problems == ()
    assert found.tags == {"1.0.0": target[0]}
    assert found.image("1.0.0").digest == image[0]
    assert [layer.size for layer in found.image("1.0.0").layers] == [4, 7]
    assert found.labels(found.image("1.0.0")) == {"course.owner": "ada"}
    assert digest_of(b"weights") in found.blobs


def test_an_index_is_followed_to_the_platform_asked_for():
    made = Layout()
    amd, arm = made.image([b"a"]), made.image([b"b"])
    made.tag("1", made.index(amd, arm, attested=True))
    found = made.verify()
    assert found.image("1").digest == amd[0]
    assert found.image("1", "linux/arm64").digest == arm[0]
    assert found.image("1", "linux/riscv64") is None


@pytest.mark.parametrize(
    ("policy", "base", "expected"),
    [("all", (), ["missing-layer"]), ("none", (), []), ("above-base", (digest_of(b"base"),), [])],
)
def test_which_layers_must_travel(policy, base, expected):
    made = Layout()
    made.tag("1", made.image([b"base", b"code"]))
    del made.files[layout.blob_name(digest_of(b"base"))]
    found = made.verify(policy, base)
    assert kinds(found) == expected
    assert (digest_of(b"code") in found.blobs) == (policy != "none")


def test_a_tampered_manifest_is_left_out_and_its_tag_dangles():
    made = Layout()
    target = made.image([b"x"])
    made.tag("1", target)
    made.files[layout.blob_name(target[0])] += b" "
    found = made.verify()
    assert kinds(found) == ["dangling-tag", "tampered"]
    assert found.tags == {} and found.manifests == {}


def test_a_missing_manifest_and_a_missing_child():
    made = Layout()
    gone, kept = made.image([b"gone"]), made.image([b"kept"])
    made.tag("1", made.index(gone, kept))
    made.tag("2", gone)
    del made.files[layout.blob_name(gone[0])]
    found = made.verify()
    assert kinds(found) == ["dangling-tag", "missing-manifest"]
    assert list(found.tags) == ["1"]


def test_a_cycle_can_only_be_a_tampered_index_and_ends():
    made = Layout()
    first, second = "sha256:" + "1" * 64, "sha256:" + "2" * 64
    for digest, child in ((first, second), (second, first)):
        entry = {"mediaType": manifests.OCI_INDEX, "digest": child, "size": 3}
        made.files[layout.blob_name(digest)] = js(
            {"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": [entry]}
        )
    made.tag("1", (first, 3, manifests.OCI_INDEX))
    assert kinds(made.verify()) == ["dangling-tag", "tampered"]


def test_one_tag_with_two_digests_is_malformed():
    made = Layout()
    made.tag("1", made.image([b"a"]))
    made.tag("1", made.image([b"b"]))
    assert kinds(made.verify()) == ["malformed"]


def test_too_much_for_a_submission(monkeypatch):
    monkeypatch.setattr(layout, "MAX_LAYERS", 450)
    made = Layout()
    made.tag("1", made.image([b"x" * 200, b"y" * 200]))
    assert kinds(made.verify()) == ["too-large"]


def test_ten_thousand_tags():
    made = Layout()
    targets = [made.image([b"layer %d" % n]) for n in range(100)]
    for n in range(10_000):
        made.tag(f"build-{n}", targets[n % 100])
    found = made.verify()
    assert len(found.tags) == 10_000 and len(found.manifests) == 100 and found.problems == ()


def test_the_media_type_of_the_entry_must_be_that_of_the_document():
    made = Layout()
    digest, size, _ = made.image([b"x"])
    made.tag("1", (digest, size, manifests.OCI_INDEX))
    assert kinds(made.verify()) == ["dangling-tag", "malformed"]


def test_a_link_is_never_followed(tmp_path: Path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    folder = tmp_path / "layout"
    made = Layout()
    target = made.image([b"secret"])
    made.tag("1", target)
    for name, content in (made.files | {"index.json": js({"manifests": made.entries})}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    blob = folder / layout.blob_name(digest_of(b"secret"))
    blob.unlink()
    blob.symlink_to(secret)
    found = layout.verify(layout.FolderSource(folder), service="registry", name="x", layers="all")
    assert kinds(found) == ["missing-layer"]


def test_index_document_lists_tags_and_untagged_manifests_but_no_children():
    made = Layout()
    child = made.image([b"a"])
    index, loose = made.index(child), made.image([b"b"])
    made.tag("1", index)
    known = {
        digest: Manifest(media_type=kind, text=made.files[layout.blob_name(digest)].decode())
        for digest, _, kind in (child, index, loose)
    }
    listed = json.loads(layout.index_document({"1": index[0]}, known))["manifests"]
    assert [entry["digest"] for entry in listed] == [index[0], loose[0]]


@given(st.data())
def test_whatever_byte_is_changed_nothing_false_gets_through(data):
    made = Layout()
    made.tag("1", made.index(made.image([b"base", b"code"], oci=False), made.image([b"other"]), attested=True))
    whole = made.verify()
    name = data.draw(st.sampled_from(sorted(n for n in made.files if n.startswith("blobs/"))))
    content = bytearray(made.files[name])
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    made.files[name] = bytes(content)
    found = made.verify()
    assert found.problems, "a changed byte must be noticed"
    changed = "sha256:" + name.rsplit("/", 1)[1]
    assert changed not in found.manifests and changed not in found.blobs
    assert set(found.manifests) <= set(whole.manifests) and set(found.blobs) <= set(whole.blobs)


@given(st.dictionaries(st.text(max_size=30), st.binary(max_size=200), max_size=5), st.binary(max_size=300))
def test_no_content_makes_verification_raise(files, index):
    source = layout.MemorySource(files | {"index.json": index})
    layout.verify(source, service="s", name="n", layers="all")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["mediaType", "manifests", "layers", "config", "subject"]), json_values))
def test_no_document_crashes_the_parser(document):
    with contextlib.suppress(manifests.ManifestError):
        manifests.parse(json.dumps(document).encode())


@pytest.mark.parametrize("tag", ["sha256:" + "0" * 64, "../../other/manifests/1", "", "a b", "x" * 129, "-1", "1\n"])
def test_a_tag_that_no_registry_accepts_is_left_out(tag):
    made = Layout()
    made.tag(tag, made.image([b"a"]))
    found = made.verify()
    assert found.tags == {}
    assert kinds(found) == ["malformed"]


def test_a_tag_cannot_stand_in_for_a_digest():
    made = Layout()
    wanted, other = made.image([b"a"]), made.image([b"b"])
    made.tag("1", wanted)
    made.tag(wanted[0], other)
    assert made.verify().image(wanted[0]).digest == wanted[0]


def test_a_layer_that_is_also_a_manifest_is_verified_like_any_other():
    made = Layout()
    inner = made.image([b"a"])
    outer = made.image([made.files[layout.blob_name(inner[0])]])
    made.tag("1", inner)
    made.tag("2", outer)
    found = made.verify()
    assert found.problems == ()
    assert found.blobs[inner[0]] == inner[1]


def test_an_image_that_is_too_large_does_not_push_out_a_small_one(monkeypatch):
    monkeypatch.setattr(layout, "MAX_LAYERS", 2_000)
    made = Layout()
    made.tag("0-heavy", made.image([b"x" * 1_900]))
    made.tag("1", made.image([b"small"]))
    found = made.verify()
    assert kinds(found) == ["too-large"]
    assert digest_of(b"small") in found.blobs


def test_one_fault_named_many_times_is_one_problem_and_problems_are_bounded(monkeypatch):
    monkeypatch.setattr(layout, "MAX_PROBLEMS", 10)
    missing = [{"mediaType": manifests.OCI_MANIFEST, "digest": digest_of(js(n)), "size": 1} for n in range(30)]
    made = Layout()
    document = js({"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": [missing[0]] * 50})
    made.tag("1", (made.blob(document), len(document), manifests.OCI_INDEX))
    assert kinds(made.verify()) == ["missing-manifest"]
    document = js({"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": missing})
    made.tag("2", (made.blob(document), len(document), manifests.OCI_INDEX))
    assert kinds(made.verify()) == ["missing-manifest"] * 10


def test_what_a_hostile_layout_says_can_be_stored():
    made = Layout()
    made.tag("\ud800", made.image([b"a"]))
    odd = js({"schemaVersion": 2, "mediaType": "\ud800", "layers": []})
    made.tag("2", (made.blob(odd), len(odd), manifests.OCI_MANIFEST))
    found = made.verify("above-base", ["\ud800"])
    assert kinds(found) == ["dangling-tag", "malformed", "malformed"]
    assert type(found).model_validate_json(found.model_dump_json()) == found
