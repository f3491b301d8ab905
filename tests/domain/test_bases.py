"""Known bases: the table, what is proved about one, and which of an image's layers are one's."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.domain import bases
from autograder.domain.bases import Base
from autograder.oci import manifests
from autograder.oci.manifests import digest_of
from tests.evidence.images import Layout

ENTRY = """
[[base]]
name = "python:3.11"
platform = "linux/amd64"
source = "somewhere"
date = 2026-01-02
"""
DIGEST = "sha256:" + "0" * 64


def known(**more):
    return Base("python:3.11", "linux/amd64", "a test", date(2026, 1, 1), **more)


def made(*layers: bytes, tars: list[str] | None = None):
    """(manifest, config) of an image over these blobs."""
    layout = Layout()
    tars = [digest_of(b"tar " + one) for one in layers] if tars is None else tars
    digest, _, _ = layout.image(list(layers), config={"rootfs": {"type": "layers", "diff_ids": tars}})
    image = manifests.parse(layout.files[f"blobs/{digest.replace(':', '/')}"], None)
    return image, json.loads(layout.files[f"blobs/{image.config.digest.replace(':', '/')}"])


def test_every_entry_says_where_and_when_it_was_read():
    for one in bases.load():
        assert one.source and one.date.year >= 2026 and one.platform.startswith("linux/"), one
        assert bool(one.index) == bool(one.config) == bool(one.manifest) == bool(one.layers), one
    official = {one.platform for one in bases.load() if one.index}
    assert {"linux/amd64", "linux/arm64/v8"} <= official, "students' machines have these two"


def test_the_newest_official_base_is_pinned():
    pinned = bases.pinned("python:3.11-slim-bookworm")
    newest = max(one.date for one in bases.load() if one.index)
    assert {one.index for one in bases.load() if one.date == newest and one.index} == {pinned}
    assert bases.pinned("registry:2") == ""


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("", "neither"),
        ('layers = ["sha256:1"]', "no digest"),
        (f'index = "latest"\nlayers = ["{DIGEST}"]', "no digest"),
        (f'layer = ["{DIGEST}"]', "layer"),
    ],
)
def test_a_table_with_a_slip_is_refused(more, words):
    with pytest.raises(ValueError, match=words):
        bases.parse(ENTRY + more)


def test_layers_are_a_bases_by_either_digest_and_only_as_a_whole_from_the_bottom():
    image, config = made(b"one", b"two", b"own")
    blobs, tars = [layer.digest for layer in image.layers], config["rootfs"]["diff_ids"]
    two = tuple(blobs[:2])
    assert bases.of_base(image, config, [known(layers=two)]) == two
    assert bases.of_base(image, config, [known(diff_ids=tuple(tars[:2]))]) == two
    assert bases.of_base(image, config, [known(layers=two[:1]), known(diff_ids=tuple(tars[:2]))]) == two
    for wrong in (two[::-1], tuple(blobs[1:]), (*blobs, DIGEST), (blobs[0], DIGEST)):
        assert bases.of_base(image, config, [known(layers=wrong)]) == ()
    assert bases.of_base(image, config, [known(layers=two, diff_ids=(DIGEST,))]) == two
    assert bases.of_base(image, None, [known(layers=two)]) == ()
    assert bases.of_base(image, {"rootfs": {"diff_ids": tars[:2]}}, [known(layers=two)]) == ()


def test_a_config_proves_the_diff_ids_of_the_base_whose_digest_it_has():
    config = json.dumps({"rootfs": {"diff_ids": [DIGEST, DIGEST]}}).encode()
    table = [known(config=digest_of(config), layers=(DIGEST, DIGEST)), known(diff_ids=(DIGEST,))]
    assert [one.diff_ids for one in bases.proved([], table)] == [(), (DIGEST,)]
    assert [one.diff_ids for one in bases.proved([b"{}", config], table)] == [(DIGEST, DIGEST), (DIGEST,)]
    assert bases.proved([config + b" "], table) == tuple(table), "another content proves nothing"


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_whatever_is_handed_in_as_a_config_changes_nothing(contents):
    table = [known(config=digest_of(one), layers=(DIGEST,)) for one in contents]
    assert all(one.diff_ids == () for one in bases.proved(contents, table))


def test_an_entry_without_a_config_keeps_its_diff_ids():
    assert bases.proved([]) == bases.load()
    assert any(one.diff_ids and not one.config for one in bases.load()), "the base of the sample class"
