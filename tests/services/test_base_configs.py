"""Configs of known bases, taken from the engine byte for byte."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import pytest
import requests
from docker.errors import ImageNotFound

from autograder.domain import bases
from autograder.domain.bases import Base
from autograder.oci.manifests import digest_of
from autograder.services import base_configs, images
from tests.scanning.built import tar

CONFIG = json.dumps({"rootfs": {"type": "layers", "diff_ids": ["sha256:" + "1" * 64]}}).encode()
LAYER = "sha256:" + "2" * 64


def known(config: bytes = CONFIG) -> Base:
    return Base("python:3.11", "linux/amd64", "a test", date(2026, 1, 1), config=digest_of(config), layers=(LAYER,))


class Engine:
    """An engine with one image, whose archive comes in small pieces."""

    def __init__(self, config: bytes, archive: bytes) -> None:
        self.id, self.archive, self.asked, self.broken = digest_of(config), archive, 0, False
        self.images = self

    def get(self, id: str) -> SimpleNamespace:
        self.asked += 1
        if id != self.id:
            raise ImageNotFound(id)
        return SimpleNamespace(save=self.save)

    def save(self):
        yield b""
        for n in range(0, len(self.archive), 7):
            yield self.archive[n : n + 7]
        if self.broken:
            raise requests.exceptions.ConnectionError("the transfer broke off")


def test_the_config_is_found_in_what_the_engine_saves_and_kept(home):
    other = {"manifest.json": b"[]", "layer.tar": b"x" * 1_000, "blobs/sha256/abc": CONFIG + b" "}
    engine = Engine(CONFIG, tar(other | {"config": CONFIG}))
    assert base_configs.find(engine, [known()]) == [CONFIG]
    assert base_configs.find(engine, [known()]) == [CONFIG] and engine.asked == 1
    [proved] = bases.proved(base_configs.find(engine, [known()]), [known()])
    assert proved.diff_ids == ("sha256:" + "1" * 64,)


def test_a_kept_file_that_was_changed_is_taken_anew(home):
    engine = Engine(CONFIG, tar({"config": CONFIG}))
    base_configs.find(engine, [known()])
    [file] = (home / ".course" / "bases").iterdir()
    file.write_bytes(b"{}")
    assert base_configs.find(engine, [known()]) == [CONFIG] and engine.asked == 2


def test_what_is_not_there_is_left_out(home):
    engine = Engine(b"another", tar({"config": b"another"}))
    assert base_configs.find(engine, [known()]) == []
    assert base_configs.find(engine, [replace(known(), diff_ids=(LAYER,))]) == [] and engine.asked == 1
    assert base_configs.find(Engine(CONFIG, b"no archive" * 100), [known()]) == []
    engine = Engine(CONFIG, tar({"other": b"x"})[:600])
    engine.broken = True
    assert base_configs.find(engine, [known()]) == []


@pytest.mark.engine
def test_a_real_engine_gives_the_config_of_an_image_or_needs_none(engine, home):
    images.ensure(engine, images.PYTHON_BASE)
    image = engine.images.get(images.PYTHON_BASE)
    base = Base("x", "linux/amd64", "here", date(2026, 1, 1), config=image.id, layers=(LAYER,))
    found = base_configs.find(engine, [base])
    if any("io.containerd.snapshotter" in str(row) for row in engine.info().get("DriverStatus") or []):
        assert bases.proved(found, [base]) == (base,), "there an image's id is the digest of its manifest"
    else:
        assert [digest_of(content) for content in found] == [image.id]
        assert json.loads(found[0])["rootfs"]["diff_ids"] == image.attrs["RootFS"]["Layers"]
