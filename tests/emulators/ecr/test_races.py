"""What happens in the ECR emulator while something else is under way."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError

from autograder.emulators.ecr import layers, scanning
from autograder.emulators.ecr.layers import Uploads
from autograder.emulators.interface import Kind, RegistryError
from autograder.oci.manifests import digest_of

from ..support import Meanwhile, when_called
from .emulator import ADMIN, Emulator, refusal


def test_a_setting_waits_for_a_push_that_was_allowed(emulator: Emulator, ecr: Any) -> None:
    emulator.push_new("app", "1", "one")
    with emulator.context.lock("app"):
        change = Meanwhile(lambda: ecr.put_image_tag_mutability(repositoryName="app", imageTagMutability="IMMUTABLE"))
        assert change.waits, "the push that is under way would move a tag that was told to stay"
        assert ecr.describe_repositories()["repositories"][0]["imageTagMutability"] == "MUTABLE"
    assert change.end()["imageTagMutability"] == "IMMUTABLE"


def test_an_image_is_scanned_once_a_day_whoever_asks(
    emulator: Emulator, ecr: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator.push_new("app", "1", "one")
    asked = {"repositoryName": "app", "imageId": {"imageTag": "1"}}
    other = when_called(monkeypatch, scanning, "check", lambda: emulator.client().start_image_scan(**asked))
    assert ecr.start_image_scan(**asked)
    with pytest.raises(ClientError, match="scan quota"):
        other[0].end()


def test_a_repository_may_go_while_one_of_its_images_is_asked_for(emulator: Emulator, ecr: Any) -> None:
    digest = emulator.push_new("app", "1", "one")
    call = emulator.call("GET", Kind.MANIFEST, "app", "1")
    ecr.delete_repository(repositoryName="app", force=True)
    emulator.backend.check_pull(ADMIN, call, digest)  # the store does not have it either: 404
    assert emulator.backend.commit_pull(ADMIN, call, digest, "") == {}
    with pytest.raises(RegistryError) as caught:
        emulator.backend.referrers(ADMIN, "app", digest)
    assert caught.value.code == "NAME_UNKNOWN"


# Layers


@pytest.fixture
def uploads(emulator: Emulator, ecr: Any) -> Uploads:
    return emulator.backend.registry.uploads


class Signal:
    """A hash that lets something happen while it is updated."""

    def __init__(self, hash: Any, job: Any) -> None:
        self.hash, self.job, self.begun = hash, job, list[Meanwhile]()

    def update(self, blob: bytes) -> None:
        if not self.begun and threading.current_thread() is threading.main_thread():
            self.begun.append(Meanwhile(self.job))
        self.hash.update(blob)

    def hexdigest(self) -> str:
        return str(self.hash.hexdigest())


def test_a_part_that_is_sent_twice_at_once_is_taken_once(emulator: Emulator, ecr: Any, uploads: Uploads) -> None:
    upload = ecr.initiate_layer_upload(repositoryName="app")["uploadId"]
    content = b"a part of a layer"
    part = {"partFirstByte": 0, "partLastByte": len(content) - 1, "layerPartBlob": content}
    asked = {"repositoryName": "app", "uploadId": upload}
    held = uploads._uploads[upload]
    held.hash = signal = Signal(held.hash, lambda: emulator.client().upload_layer_part(**asked, **part))
    ecr.upload_layer_part(**asked, **part)
    with pytest.raises(ClientError, match="InvalidLayerPart"):
        signal.begun[0].end()
    done = ecr.complete_layer_upload(**asked, layerDigests=[digest_of(content)])
    assert done["layerDigest"] == digest_of(content)


def test_an_upload_is_completed_once(
    emulator: Emulator, ecr: Any, uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"a layer"
    upload = ecr.initiate_layer_upload(repositoryName="app")["uploadId"]
    asked = {"repositoryName": "app", "uploadId": upload}
    ecr.upload_layer_part(**asked, partFirstByte=0, partLastByte=len(content) - 1, layerPartBlob=content)
    complete = {**asked, "layerDigests": [digest_of(content)]}
    other = when_called(
        monkeypatch, emulator.store, "put_blob", lambda: refusal(emulator.client().complete_layer_upload, **complete)
    )
    ecr.complete_layer_upload(**complete)
    assert other[0].end() == "UploadNotFoundException"


def test_uploads_that_begin_together_drop_the_oldest_each(
    emulator: Emulator, ecr: Any, uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "MOST_UPLOADS", 1)
    ecr.initiate_layer_upload(repositoryName="app")
    other = when_called(
        monkeypatch, uploads, "_drop", lambda: emulator.client().initiate_layer_upload(repositoryName="app")
    )
    ecr.initiate_layer_upload(repositoryName="app")
    other[0].end()
    assert len(uploads._uploads) == 1 and len(list(uploads._folder.iterdir())) <= 1
