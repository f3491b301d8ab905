"""Manifests and configs that somebody wrote by hand: each slip is a lead, and none costs a point by itself."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from autograder.evidence import leads
from autograder.oci import manifests
from autograder.oci.manifests import digest_of

from ..evidence import emulator_states as states
from ..evidence.images import Layout, gzipped, js, tar
from ..evidence.test_leads import BUILT, LATER, STEP, TIME, by_gnu, evidence, of_layout
from .measured import measured

UNPACKED = tar("a", b"a")
LABELS = {"config": {"Labels": {"course.owner": "ada"}}}
WHOLE = {"created": TIME, "history": [BUILT], "rootfs": {"type": "layers", "diff_ids": [digest_of(UNPACKED)]}} | LABELS
CLASSIC = WHOLE | {"history": [STEP], "container_config": {}, "docker_version": "20.10.24"}


def found(config: dict[str, Any], *layers: bytes, oci: bool = True) -> tuple[str, ...]:
    made = Layout()
    made.tag("1", made.image(list(layers or (gzipped(UNPACKED),)), oci=oci, config=config))
    return of_layout(made)


def test_without_a_slip_there_is_none():
    assert found(WHOLE) == found(CLASSIC, oci=False) == ()


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (WHOLE | {"architecture": None}, "does not say architecture and os"),
        (WHOLE | {"os": 1}, "does not say architecture and os"),
        (WHOLE | {"rootfs": {}}, "lists 0 layers and the manifest 1"),
        (WHOLE | {"rootfs": {"type": "layers", "diff_ids": [digest_of(b"a"), digest_of(b"b")]}}, "lists 2 layers"),
        (WHOLE | {"rootfs": {"type": "layers", "diff_ids": [digest_of(b"a")]}}, "unpacks to other bytes"),
        (WHOLE | {"history": []}, "has labels and no history"),
        (WHOLE | {"history": [BUILT, BUILT]}, "tells of 2 layers, and there are 1"),
        (WHOLE | {"history": [BUILT | {"empty_layer": True}]}, "tells of 0 layers"),
        (WHOLE | {"history": "COPY"}, "is no list of entries"),
        (WHOLE | {"history": [{"created": TIME}]}, "says nowhere how a layer was made"),
        (WHOLE | {"created": "2026-12-24T10:00:00Z"}, "created after the submission was written"),
        (WHOLE | {"created": "yesterday"}, "a time of creation that is none"),
        (WHOLE | {"created": 5}, "a time of creation that is none"),
        (CLASSIC | {"created": LATER}, "writes the last step's time as its own"),
        (CLASSIC | {"created": TIME[:19] + "Z", "history": [STEP | {"created": TIME[:19] + "Z"}]}, "a whole second"),
        (
            CLASSIC | {"history": [STEP | {"empty_layer": True}, STEP | {"created": "2026-11-01T10:00:00.1Z"}]},
            "run backwards in time",
        ),
    ],
)  # fmt: skip
def test_a_slip_in_a_config_is_a_lead(config, says):
    assert any(says in lead for lead in found(config)), found(config)


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (b"layer one", "is no archive"),
        (gzip.compress(UNPACKED, mtime=0), "was not compressed by any builder"),
        (gzipped(by_gnu("a", b"a")), "ends as no builder"),
        (gzipped(b"other bytes"), "unpacks to other bytes"),
    ],
)
def test_a_slip_in_a_layer_is_a_lead(layer, says):
    ids = [digest_of(by_gnu("a", b"a") if says.startswith("ends") else UNPACKED)]
    config = WHOLE | {"rootfs": {"type": "layers", "diff_ids": ids}}
    assert any(says in lead for lead in found(config, layer)), found(config, layer)


def test_dockers_manifest_with_the_other_schemas_config_is_a_lead():
    made = Layout()
    config = js({"architecture": "amd64", "os": "linux"} | WHOLE)
    layer = gzipped(UNPACKED)
    document = {
        "schemaVersion": 2,
        "mediaType": manifests.DOCKER_MANIFEST,
        "config": manifests.descriptor(manifests.OCI_CONFIG, config),
        "layers": [manifests.descriptor(manifests.DOCKER_LAYER, layer)],
    }
    for blob in (config, layer):
        made.blob(blob)
    made.tag("1", (made.blob(js(document)), len(js(document)), manifests.DOCKER_MANIFEST))
    [lead] = of_layout(made)
    assert "is Docker's, and its config OCI's" in lead
    del document["mediaType"]
    document["config"] = manifests.descriptor(manifests.DOCKER_CONFIG, config)
    made = Layout()
    for blob in (config, layer):
        made.blob(blob)
    made.tag("1", (made.blob(js(document)), len(js(document)), manifests.DOCKER_MANIFEST))
    [lead] = of_layout(made)
    assert "has no mediaType" in lead


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"createdAt": "2026-11-20T12:00:00Z"}, "was created after an image was pushed to it"),
        ({"now": "2026-11-10T12:00:00Z"}, "later than the cloud's own time"),
        ({"login": False}, "tells of GetAuthorizationToken"),
    ],
)
def test_a_slip_in_ecr_is_a_lead(change, says):
    name, pushed = "team/app", "2026-11-20T10:00:00Z"
    made = states.ecr_repository(
        name, states.ecr_image("1", pushedAt=pushed), createdAt=change.get("createdAt", pushed)
    )
    settings = states.state("ecr", name) | {
        "repositories": {name: made},
        "now": change.get("now", "2026-11-20T18:00:00Z"),
    }
    line = {"when": pushed, "service": "ecr", "who": "admin", "repository": name, "tag": "", "digest": "", "detail": {}}
    login = line | {"number": 1, "what": "login", "repository": ""}
    push = line | {"number": 2, "what": "push", "tag": "1", "digest": states.DIGEST}
    journal = (login, push) if change.get("login", True) else (push,)
    told = leads.found(evidence(services={"ecr": {"settings": settings}}, journal=journal))
    assert any(says in lead for lead in told), told


def test_the_search_takes_no_longer_than_reading():
    """One layer 3,000 times in each of 30 manifests; 60 configs with 1,800 steps each; 9,000 images of one digest."""
    many = Layout()
    for number in range(30):
        ids = {"rootfs": {"type": "layers", "diff_ids": [digest_of(UNPACKED)] * 3_000}}
        steps = {"history": [{"created_by": "RUN"}] * 3_000, "n": number}
        many.tag(f"t{number}", many.image([gzipped(UNPACKED)] * 3_000, config=WHOLE | ids | steps))
    long = Layout()
    for number in range(60):
        long.tag(
            f"t{number}", long.image([gzipped(UNPACKED)], config=WHOLE | {"history": [BUILT] * 1_800, "n": number})
        )
    image = states.ecr_image("1")
    made = states.ecr_repository("team/app", *([image] * 9_000))
    settings = states.state("ecr", "team/app") | {"repositories": {"team/app": made}}
    held = {"team/many": many.verify(), "team/long": long.verify()}
    found = evidence(services={"registry": {"repositories": held}, "ecr": {"settings": settings}})
    took = measured(leads.found, found)
    assert took.error == "" and took.seconds < 10 and took.memory < 200 << 20, took
    assert len(took.value) == leads.MAX_LEADS + 1


@pytest.mark.parametrize("limit", ["MAX_TEXT", "MAX_LAYERS"])
def test_more_than_is_looked_at_is_a_lead(limit):
    made = Layout()
    made.tag("1", made.image([gzipped(UNPACKED)], config=WHOLE))
    held = {"registry": {"repositories": {"team/app": made.verify()}}}
    look = leads._Look(evidence(services=held), text=0 if limit == "MAX_TEXT" else 1 << 20, named=0)
    assert [lead for lead in look.all() if "more than is looked at" in lead]


def test_a_repository_that_the_lab_made_older_is_none():
    """Labs 08 and 12 give a fleet its ages."""
    name, long_ago, today = "team/app", "2026-09-01T10:00:00Z", "2026-11-20T10:00:00Z"
    made = states.ecr_repository(name, states.ecr_image("1", pushedAt=long_ago), createdAt=long_ago)
    settings = states.state("ecr", name) | {"repositories": {name: made}, "now": "2026-11-20T18:00:00Z"}
    line = {"when": today, "service": "ecr", "who": "admin", "repository": name, "tag": "", "digest": "", "detail": {}}
    journal = (
        line | {"number": 1, "what": "login"},
        line | {"number": 2, "what": "push", "tag": "1", "digest": states.DIGEST},
        line | {"number": 3, "what": "backdate", "who": "owner", "detail": {"images": 1}},
    )
    assert leads.found(evidence(services={"ecr": {"settings": settings}}, journal=journal)) == ()
