"""Round trips through a real registry: whole images come back, everything else is told in the registry's words."""

from __future__ import annotations

import json

import pytest

from autograder.evidence import layout
from autograder.evidence.model import Manifest, Repository
from autograder.grading import probe
from autograder.grading.probe import Probe, RoundTrip, RoundTripRegistry
from autograder.oci import manifests
from autograder.oci.client import RegistryClient
from autograder.services import orphans
from autograder.services.throwaway import ProbeFault

from ..evidence.images import Layout, js


def made(oci=True):
    found = Layout()
    image = found.image([b"base", b"", b"code" * 1000], oci=oci)
    found.tag("1.0.0", image)
    found.tag("latest", image)
    return found


@pytest.fixture(scope="module")
def throw_away():
    registry = RoundTripRegistry()
    yield registry
    registry.stop()


def trip(registry, found, repository=None, name="s1/registry/team/app"):
    return RoundTrip(registry.client, name, repository or found.verify(), found.source()).run()


@pytest.mark.engine
@pytest.mark.parametrize("oci", [True, False])
def test_an_image_comes_back_by_tag_and_digest(throw_away, oci):
    found = made(oci)
    repository = found.verify()
    digest = repository.tags["1.0.0"]
    assert trip(throw_away, found) == {
        "tags": {"1.0.0": {"digest": digest, "pulled": True}, "latest": {"digest": digest, "pulled": True}},
        "digests": {digest: True},
        "error": None,
    }


@pytest.mark.engine
def test_an_index_with_attestations_comes_back_whole(throw_away):
    found = Layout()
    index = found.index(found.image([b"amd"]), found.image([b"arm"]), attested=True)
    found.tag("1", found.index(index))  # an index in an index: children go first at every depth
    result = trip(throw_away, found, name="s2/registry/team/app")
    assert result["error"] is None and len(result["digests"]) == 6 and all(result["digests"].values())


@pytest.mark.engine
def test_what_the_registry_refuses_is_told_in_its_words(throw_away):
    found = made()
    repository = found.verify()
    config = repository.image("1.0.0").config.digest
    kept = {digest: size for digest, size in repository.blobs.items() if digest != config}
    result = trip(throw_away, found, repository.model_copy(update={"blobs": kept}), name="s3/registry/team/app")
    assert "MANIFEST_BLOB_UNKNOWN" in result["error"]
    assert not any(result["digests"].values()) and not any(tag["pulled"] for tag in result["tags"].values())


@pytest.mark.engine
def test_a_manifest_that_only_looks_like_one_is_refused(throw_away):
    text = json.dumps({"schemaVersion": 1, "mediaType": manifests.OCI_MANIFEST, "layers": [], "config": {}})
    digest = manifests.digest_of(text.encode())
    fake = Repository(
        service="registry", name="x", layers="all", tags={"1": digest},
        manifests={digest: Manifest(media_type=manifests.OCI_MANIFEST, text=text)},
    )  # fmt: skip
    result = trip(throw_away, Layout(), fake, name="s4/registry/x")
    assert "the registry refused" in result["error"] and result["digests"] == {digest: False}


@pytest.mark.engine
def test_submissions_do_not_see_each_other(throw_away):
    found = made()
    assert trip(throw_away, found, name="s5/registry/a")["error"] is None
    bare = found.verify().model_copy(update={"blobs": {}})  # another student's blobs do not make up for missing ones
    assert "MANIFEST_BLOB_UNKNOWN" in trip(throw_away, found, bare, name="s6/registry/a")["error"]


@pytest.mark.engine
def test_it_is_published_on_loopback_only_and_labelled(throw_away, engine):
    assert throw_away.client.address.startswith("127.0.0.1:")
    [found] = [
        c
        for c in engine.api.containers(filters={"label": f"{orphans.OWNER_LABEL}={orphans.owner().name}"})
        if c["Labels"][orphans.ROLE_LABEL] == "probe"
    ]
    settings = engine.api.inspect_container(found["Id"])
    bound = settings["NetworkSettings"]["Ports"]["5000/tcp"]
    assert {binding["HostIp"] for binding in bound} == {"127.0.0.1"} and not settings["Mounts"]


@pytest.mark.engine
def test_a_registry_that_dies_is_replaced(engine):
    started = []

    def start():
        started.append(RoundTripRegistry())
        return started[-1]

    tool, found = Probe(start), made()
    try:
        work = {"registry/team/app": (found.verify(), found.source())}
        assert tool.run("s1", work)["registry/team/app"]["error"] is None
        engine.api.remove_container(started[0]._registry._container.get_container_id(), force=True)
        assert tool.run("s2", work)["registry/team/app"]["error"] is None
        assert len(started) == 2
    finally:
        tool.close()


class Dead:
    """A registry that does not answer."""

    client = RegistryClient("127.0.0.1:9")
    pushed = 0
    stopped = 0

    def stop(self):
        Dead.stopped += 1


def test_no_registry_at_all_is_a_fault():
    found = made()
    with pytest.raises(ProbeFault):
        Probe(Dead).run("s1", {"registry/a": (found.verify(), found.source())})
    assert Dead.stopped == 2

    def none():
        raise ProbeFault("the throw-away registry did not start: no engine")

    with pytest.raises(ProbeFault, match="no engine"):
        Probe(none).run("s1", {"registry/a": (found.verify(), found.source())})


def test_only_complete_snapshots_are_probed():
    whole, missing = made(), made()
    missing.files = {name: content for name, content in missing.files.items() if content != b"base"}
    assert probe.complete(whole.verify()) and not probe.complete(missing.verify())
    assert not probe.complete(whole.verify(layers="none")) and not probe.complete(whole.verify(layers="above-base"))


def test_thousands_of_tags_are_not_pushed():
    digest = "sha256:" + "0" * 64
    many = Repository(service="r", name="a", layers="all", tags={f"t{n}": digest for n in range(probe.MAX_TAGS + 1)})
    found = RoundTrip(RegistryClient("127.0.0.1:9"), "a", many, layout.MemorySource({})).run()
    assert found["error"] == "more than 1000 tags" and js(found)
