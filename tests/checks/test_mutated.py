"""A solved lab with one thing wrong fails the check that is about it, and the message names the cause.

``WRONG`` is lab → what is wrong, in words → the check, the change, and words of the message that name the cause.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from autograder.checks.tagging.rules import Spec
from autograder.domain import references
from autograder.evidence.model import Evidence

from . import mutated
from .mutated import State

Change = Callable[[State], object]
R = "registry"


HEAVY = {"digest": "sha256:" + "6" * 64, "size": 8_402_113}


def later(config: dict[str, Any]) -> None:
    """The same content, built at another time."""
    config["created"] = "2026-12-24T00:00:00Z"


def another_base(s: State) -> None:
    """Build and push the second release again, on a base with other files."""
    other = {"digest": "sha256:" + "5" * 64, "size": 29_000_000}
    push(
        s, s["v2"],
        config=lambda config: config["rootfs"]["diff_ids"].__setitem__(0, "sha256:" + "4" * 64),
        image=lambda image: image["layers"][0].update(other),
    )  # fmt: skip


def push(s: State, tag: str, **how: Any) -> None:
    s.tag(R, s["repository"], tag, s.rebuild(R, s["repository"], tag, **how))


def hub(s: State) -> Any:
    return s.settings("dockerhub")


def token(s: State, name: str) -> Any:
    return next(one for one in [*hub(s)["tokens"], *hub(s)["revoked"]] if one["name"] == s[name])


def ecr(s: State) -> Any:
    return s.settings("ecr")["repositories"][s["repository"]]


def acr(s: State) -> Any:
    return s.settings("acr")


def garden(s: State, name: str) -> Any:
    """Settings of a repository of Artifact Registry."""
    return next(one for one in s.settings("artifact-registry")["settings"] if one["name"].endswith(f"/{name}"))


def entries(change: Callable[[list[dict[str, Any]]], object], keep_list: bool = True) -> Change:
    """Another index under the tag of lab 11; the list of what refers to it moves with it."""

    def do(s: State) -> None:
        name, tag = s["repository"], s["tag"]
        old = s.held(R, name).tags[tag]
        s.tag(R, name, tag, s.rebuild(R, name, tag, image=lambda index: change(index["manifests"])))
        if keep_list:
            s.held(R, name).tags[f"sha256-{s.held(R, name).tags[tag][7:]}"] = s.held(R, name).tags[f"sha256-{old[7:]}"]

    return do


def swap(entries: list[dict[str, Any]]) -> None:
    entries[0]["platform"], entries[1]["platform"] = entries[1]["platform"], entries[0]["platform"]


def clouds(s: State) -> dict[str, str]:
    """The four repositories of lab 12 by service."""
    return {name: next(iter(one.repositories)) for name, one in s.e.services.items()}


def point(service: str, tag: str, to: str | None) -> Change:
    return lambda s: s.tag(
        service, clouds(s)[service], tag.format(**s.e.parameters), to and to.format(**s.e.parameters)
    )


def untag(s: State, service: str, tag: str) -> None:
    """What the emulator of ACR or Artifact Registry tells of a tag is gone."""
    for image in s.settings(service)["repositories"][0]["images"]:
        image["tags"] = [one for one in image["tags"] if one["name"] != tag]


def version(s: State, number: int) -> str:
    """The version of one of lab 04's releases."""
    return str(s.e.parameter("releases")[number]["version"])


def tag_of(s: State, kind: str, number: int) -> str:
    """A tag that one of lab 04's releases has by the student's rules."""
    release = s.e.parameter("releases")[number]
    return str(Spec.of(s.e.parameters).tag(kind, release["version"], release["commit"]))


def each(s: State, name: str, change: Callable[[str], str]) -> None:
    """Change each text of a recorded list."""
    s.answer(name, [change(one) for one in s.given(name)])


def oci(s: State, service: str, name: str, tag: str) -> None:
    """The same content in OCI's media types, as a newer engine pushes it."""
    forms = {
        "application/vnd.docker.container.image.v1+json": "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.image.rootfs.diff.tar.gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
    }
    held, kind = s.held(service, name), "application/vnd.oci.image.manifest.v1+json"
    document = json.loads(held.manifests[held.tags[tag]].text) | {"mediaType": kind}
    for part in (document["config"], *document["layers"]):
        part["mediaType"] = forms.get(part["mediaType"], part["mediaType"])
    s.tag(service, name, tag, s.store(service, name, document, kind))


def indexed(s: State, service: str, name: str, tag: str) -> None:
    """The tag points at an index of the image and an attestation, as an engine with the containerd store pushes it."""
    held, kind = s.held(service, name), "application/vnd.oci.image.index.v1+json"
    image = held.tags[tag]
    statement = {"mediaType": "application/vnd.in-toto+json", "digest": "sha256:" + "3" * 64, "size": 700}
    config = json.loads(held.manifests[image].text)["config"]
    oci_manifest = "application/vnd.oci.image.manifest.v1+json"
    about = {"schemaVersion": 2, "mediaType": oci_manifest, "config": config, "layers": [statement]}
    note = s.store(service, name, about, oci_manifest)
    listed = [
        {"mediaType": held.manifests[one].media_type, "digest": one, "size": len(held.manifests[one].text or ""),
         "platform": {"os": place[0], "architecture": place[1]}}
        for one, place in ((image, ("linux", "amd64")), (note, ("unknown", "unknown")))
    ]  # fmt: skip
    listed[1]["annotations"] = {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": image,
    }
    index = {"schemaVersion": 2, "mediaType": kind, "manifests": listed}
    s.tag(service, name, tag, s.store(service, name, index, kind))


def variant(listed: list[dict[str, Any]]) -> None:
    [arm] = [one for one in listed if one["platform"]["architecture"] == "arm64"]
    arm["platform"]["variant"] = "v8"


RIGHT: dict[str, dict[str, tuple[str, Change]]] = {
    "01-first-push": {
        "blanks around the digest": ("digest", lambda s: s.answer("v1_digest", f" {s.given('v1_digest')}\n")),
        "latest as well": ("first-push", lambda s: s.tag(R, s["repository"], "latest", s["v2"])),
        "a label more": ("first-push", lambda s: push(
            s, s["v1"], config=lambda config: config["config"]["Labels"].update(mood="good"))),
        "the first release in OCI's forms": ("first-push", lambda s: oci(s, R, s["repository"], s["v1"])),
        "both releases in OCI's forms": ("shared-layers", lambda s: (
            oci(s, R, s["repository"], s["v1"]), oci(s, R, s["repository"], s["v2"]))),
        "one release in OCI's forms": ("v2-bytes", lambda s: oci(s, R, s["repository"], s["v2"])),
        "the first release as an index": ("first-push", lambda s: indexed(s, R, s["repository"], s["v1"])),
        "the second release as an index": ("both-tags", lambda s: indexed(s, R, s["repository"], s["v2"])),
        "the image's digest where the tag points at an index": ("by-digest", lambda s: indexed(
            s, R, s["repository"], s["v2"])),
        "the digest of an index": ("digest", lambda s: (indexed(s, R, s["repository"], s["v1"]), s.answer(
            "v1_digest", s.held(R, s["repository"]).tags[s["v1"]]))),
        "bytes as a number with a point": ("v2-bytes", lambda s: s.answer("v2_bytes", float(s.given("v2_bytes")))),
        "a reference with tag and digest": ("by-digest", lambda s: s.answer(
            "v2_reference", s.given("v2_reference").replace("@", f":{s['v2']}@"))),
        "another name of this machine": ("by-digest", lambda s: s.answer(
            "v2_reference", "127.0.0.1:5001/" + s.given("v2_reference").partition("/")[2])),
        "the prediction as the body's text": ("prediction", lambda s: s.answer(
            "prediction", json.dumps(s.given("prediction")))),
        "a field more in the prediction": ("prediction", lambda s: s.answer(
            "prediction", s.given("prediction") | {"took": 3})),
    },
    "02-names": {
        "blanks around the names": ("full-names", lambda s: each(s, "full_names", lambda one: f" {one}\n")),
        "blanks around the repaired names": ("repair", lambda s: each(s, "repaired", lambda one: f"{one} ")),
        "repaired names in full": ("repair", lambda s: each(
            s, "repaired", lambda one: references.parse(one).canonical())),
    },
    "03-docker-hub": {
        "a token for a day": ("token", lambda s: token(s, "laptop").update(expires="2026-11-27T00:45:49.153741Z")),
        "an older token of that name, revoked": ("token", lambda s: hub(s)["revoked"].insert(
            0, token(s, "laptop") | {"id": "00000000", "scopes": ["repo:admin"], "fingerprint": "0" * 12})),
        "a token more for something else": ("revoked", lambda s: hub(s)["tokens"].append(
            token(s, "server") | {"id": "11111111", "name": "phone", "fingerprint": "1" * 12})),
        "latest as well": ("tags", lambda s: s.tag("dockerhub", s["repository"], "latest", s["version"])),
        "both tags on an index": ("tags", lambda s: (indexed(s, "dockerhub", s["repository"], s["version"]), s.tag(
            "dockerhub", s["repository"], s["moving"], s["version"]))),
        "one tag on an index of the same image": ("tags", lambda s: indexed(
            s, "dockerhub", s["repository"], s["moving"])),
        "blanks around the fingerprint": ("stored", lambda s: s.answer("stored", f"{s.given('stored')}\n")),
        "a pull in the middle of a day": ("counted", lambda s: s.answer(
            "limits", s.given("limits") | {"before": 57, "after": 56})),
        "a key more": ("limit", lambda s: s.answer("limits", s.given("limits") | {"window": 21600})),
        "what a registry says without Docker's words": ("refused", lambda s: s.answer(
            "refusal", "denied: requested access to the resource is denied")),
        "what a newer engine says": ("refused", lambda s: s.answer(
            "refusal", "Error response from daemon: failed to resolve reference: pull access denied, repository does "
            "not exist or may require authorization: server message: insufficient_scope: authorization failed")),
        "the error as a list of lines": ("refused", lambda s: s.answer("refusal", s.given("refusal").split("\n"))),
        "the private repository has a tag more": ("private", lambda s: s.tag(
            "dockerhub", s["internal"], s["moving"], s["version"])),
    },
    "04-tagging": {
        "a time with an offset": ("labels", lambda s: s.labelled(
            R, s["repository"], version(s, 0), created=s.e.parameter("releases")[0]["created"].replace("Z", "+00:00"))),
        "a time in another zone": ("labels", lambda s: s.labelled(R, s["repository"], version(s, 0), created=str(
            datetime.fromisoformat(s.e.parameter("releases")[0]["created"]).astimezone(
                timezone(timedelta(hours=2))).isoformat()))),
        "blanks around the digest": ("tested", lambda s: s.answer("tested", s.given("tested") + " ")),
        "a tag for oneself": ("floating", lambda s: s.tag(R, s["repository"], "work", version(s, 0))),
        "a tag for oneself beside those of production": ("rollback", lambda s: s.tag(
            R, s["repository"], "prod-test", version(s, 2))),
        "a label more": ("labels", lambda s: push(
            s, version(s, 2), config=lambda config: config["config"]["Labels"].update(mood="good"))),
    },
    "06-ecr": {
        "filters the other way round": ("repository", lambda s: ecr(s)["imageTagMutabilityExclusionFilters"].reverse()),
        "a rule more for another repository of the team": ("scanning", lambda s: s.settings("ecr")["scanning"][
            "rules"].append({"repositoryFilters": [{"filter": f"{s['team']}/other-*", "filterType": "WILDCARD"}],
                             "scanFrequency": "SCAN_ON_PUSH"})),
        "the old switch as well": ("scanning", lambda s: ecr(s)["imageScanningConfiguration"].update(scanOnPush=True)),
        "latest is an index of the newest release": (
            "releases", lambda s: indexed(s, "ecr", s["repository"], "latest")),
        "a release in OCI's forms": ("releases", lambda s: oci(s, "ecr", s["repository"], s.e.texts("releases")[0])),
        "blanks around the reference": ("untagged", lambda s: s.answer("old_build", f" {s.given('old_build')}\n")),
        "names with blanks around": ("names", lambda s: s.answer("real_names", [
            f"{one} " for one in s.given("real_names")])),
    },
    "07-google-azure": {
        "names with blanks around": ("names", lambda s: s.answer(
            "new_names", [f" {one}" for one in s.given("new_names")])),
        "a token for a day": ("token", lambda s: acr(s)["tokens"][0].update(expires="2026-11-27T12:43:09.221705Z")),
        "a token more": ("token", lambda s: acr(s)["tokens"].append(acr(s)["tokens"][0] | {"name": "other"})),
        "locked against deleting as well": ("lock", lambda s: acr(s)["repositories"][0]["images"][0]["tags"][0][
            "attributes"].update(deleteEnabled=False)),
        "the same image in OCI's forms in both": ("same-image", lambda s: (
            oci(s, "acr", s["repository"], s["version"]),
            oci(s, "artifact-registry", f"{s['project']}/models/ml-model", s["version"]))),
        "a tag more": ("same-image", lambda s: s.tag("acr", s["repository"], "latest", s["version"])),
    },
    "08-lifecycle": {
        "causes in capitals": ("causes", lambda s: s.answer("causes", [one.upper() for one in s.given("causes")])),
        "causes with blanks around": ("causes", lambda s: s.answer("causes", [f"{one} " for one in s.given("causes")])),
        "a number with a point": ("report", lambda s: s.answer("left", float(s.given("left")))),
        "bytes with a point": ("report", lambda s: s.answer("saved", float(s.given("saved")))),
        "the images in another order": ("inherited", lambda s: s.answer(
            "takes", dict(reversed(s.given("takes").items())))),
    },
    "11-multi-arch": {
        "entries in another order": ("index", entries(lambda e: e.reverse())),
        "arm64 with its variant": ("read", entries(variant)),
        "an index with an annotation": ("content", lambda s: s.tag(R, s["repository"], s["tag"], s.rebuild(
            R, s["repository"], s["tag"], image=lambda index: index.update(annotations={"a": "b"})))),
        "the digest behind a name": ("read", lambda s: s.answer("arm64", f"localhost:5001/x@{s.given('arm64')}")),
        "blanks around the digest": ("read", lambda s: s.answer("arm64", f"{s.given('arm64')}\n")),
        "platforms in another order": ("attestations", lambda s: s.answer("platforms", s.given("platforms")[::-1])),
        "platforms with blanks around": ("attestations", lambda s: s.answer(
            "platforms", [f" {one}" for one in s.given("platforms")])),
        "a tag more": ("sbom", lambda s: s.tag(R, s["repository"], "latest", s["tag"])),
    },
    "12-multi-registry": {
        "latest as well": ("one-digest", point("acr", "latest", "{version}")),
        "production has a second name": ("promoted", point("ecr", "production", "{version}")),
        "a development build more": ("cleaned", lambda s: acr(s)["repositories"][0]["images"][0]["tags"].append(
            acr(s)["repositories"][0]["images"][0]["tags"][0] | {"name": "dev-99"})),
    },
}  # fmt: skip

WRONG: dict[str, dict[str, tuple[str, Change, str]]] = {
    "01-first-push": {
        "the first release was never pushed": ("first-push", lambda s: s.tag(R, s["repository"], s["v1"], None),
            "The repository has the tag"),
        "pushed as latest": ("first-push", lambda s: (s.tag(R, s["repository"], "latest", s["v1"]),
                             s.tag(R, s["repository"], s["v1"], None)), "The repository has the tags"),
        "no version given to the build": ("first-push",
            lambda s: s.labelled(R, s["repository"], s["v1"], version="0.0.0"),
            "the Dockerfile's default: the build was told no version"),
        "no version label": ("first-push", lambda s: s.labelled(R, s["repository"], s["v1"], version=None),
            "The image has no such label"),
        "another owner": ("first-push", lambda s: s.labelled(R, s["repository"], s["v1"], owner="me"),
            "The label names me"),
        "no owner": ("first-push", lambda s: s.labelled(R, s["repository"], s["v1"], owner=None),
            "The image has no such label"),
        "the second release over the first": ("first-push", lambda s: s.tag(R, s["repository"], s["v1"], s["v2"]),
            "the second release was pushed over the first"),
        "the config's digest": ("digest",
            lambda s: s.answer("v1_digest", json.loads(s.held(R, s["repository"]).manifests[
            s.held(R, s["repository"]).tags[s["v1"]]].text)["config"]["digest"]),
            "is the digest of an image's config (the image ID that many engines"),
        "the second release's digest": ("digest",
            lambda s: s.answer("v1_digest", s.held(R, s["repository"]).tags[s["v2"]]),
            "is the digest of the manifest of"),
        "a digest without sha256:": ("digest", lambda s: s.answer("v1_digest", s.given("v1_digest")[7:]),
            "lacks the form of a digest"),
        "a digest of indented JSON": ("digest", lambda s: s.answer("v1_digest", "sha256:" + "0" * 64),
            "is the digest of something else"),
        "a short digest": ("digest", lambda s: s.answer("v1_digest", s.given("v1_digest")[:19]), "is no digest"),
        "one image under both tags": ("both-tags", lambda s: s.tag(R, s["repository"], s["v2"], s["v1"]),
            "Both tags point at the same manifest, so they name one and the same"),
        "the second release says that it is the first": (
            "both-tags", lambda s: s.labelled(R, s["repository"], s["v2"], version=s["v1"]), "The label says"),
        "no second release": ("both-tags", lambda s: s.tag(R, s["repository"], s["v2"], None),
            "The repository has the tag"),
        "the second release on another base": ("shared-layers", another_base,
            "The releases stand on different base layers"),
        "weights trained anew": ("shared-layers", lambda s: push(
            s, s["v2"], image=lambda image: image["layers"][-1].update(HEAVY)),
            "A new layer of the second release has"),
        "no new code": ("shared-layers", lambda s: push(
            s, s["v2"], image=lambda d: d.update(layers=json.loads(s.held(R, s["repository"]).manifests[
                s.held(R, s["repository"]).tags[s["v1"]]].text)["layers"])),
            "No layer of the second release is new: its code is the first one's"),
        "the whole second image in bytes": ("v2-bytes", lambda s: s.answer("v2_bytes", 43_109_876), "You recorded"),
        "bytes as a text": ("v2-bytes", lambda s: s.answer("v2_bytes", f"{s.given('v2_bytes')} bytes"),
            "bytes', which is no number"),
        "kilobytes": ("v2-bytes", lambda s: s.answer("v2_bytes", s.given("v2_bytes") / 1000), "You recorded"),
        "a reference by tag": ("by-digest",
            lambda s: s.answer("v2_reference", f"localhost:5001/{s['repository']}:{s['v2']}"),
            "names a tag, and a tag can be moved"),
        "a reference without a registry": (
            "by-digest", lambda s: s.answer("v2_reference", s.given("v2_reference").partition("/")[2]),
            "Without an address the name means Docker Hub"),
        "a reference with http://": ("by-digest",
            lambda s: s.answer("v2_reference", "http://" + s.given("v2_reference")),
            "That is no image reference: character 5 (':'): a reference starts"),
        "the digest alone": ("by-digest", lambda s: s.answer("v2_reference", s.given("v2_reference").partition("@")[2]),
            "That is a digest alone: it says what, but not where"),
        "the first release by digest": ("by-digest", lambda s: s.answer(
            "v2_reference", s.given("v2_reference").partition("@")[0] + "@" + s.given("v1_digest")),
            "is the digest of the manifest of"),
        "a prediction of the first release": ("prediction", lambda s: s.answer(
            "prediction", s.given("prediction") | {"version": s["v1"]}), "The release that answered calls itself"),
        "a prediction without the field": ("prediction", lambda s: s.answer(
            "prediction", {k: v for k, v in s.given("prediction").items() if k != s["field"]}),
            "the running image has the old code"),
        "the field under another name": ("prediction", lambda s: s.answer("prediction", {
            ("runner_up" if k == s["field"] else k): v for k, v in s.given("prediction").items()}),
            "The runner-up is there, but under the name runner_up"),
        "the queue alone": ("prediction", lambda s: s.answer("prediction", s.given("prediction")["queue"]),
            "account” is not JSON"),
        "no greeting image": ("hello", lambda s: s.tag(R, s["hello"], s["hello_tag"], None),
            "The repository has no tag at all"),
    },
    "02-names": {
        "as they are written": ("full-names", lambda s: s.answer("full_names", list(s.e.parameter("names"))),
            "the registry is left out"),
        "without Docker Hub's name": ("full-names", lambda s: each(
            s, "full_names", lambda one: one.removeprefix("docker.io/")),
            "the registry is left out"),
        "the old address of Docker Hub": ("full-names", lambda s: each(s, "full_names", lambda one: one.replace(
            "docker.io/", "index.docker.io/")),
            "Docker Hub's name in a reference is docker.io"),
        "without library/": ("full-names", lambda s: each(s, "full_names", lambda one: one.replace("/library/", "/")),
            "on Docker Hub a repository has a namespace"),
        "library/ on every registry": ("full-names", lambda s: each(s, "full_names", lambda one: one.replace(
            "/", "/library/", 1).replace("library/library", "library")),
            "library/ is filled in on Docker Hub only"),
        "without latest": ("full-names", lambda s: each(s, "full_names", lambda one: one.removesuffix(":latest")),
            "the tag is left out"),
        "all on Docker Hub": ("full-names", lambda s: each(
            s, "full_names", lambda one: "docker.io/" + one.partition("/")[2]),
            "has the form of a host, so it is the registry"),
        "backwards": ("full-names", lambda s: s.answer("full_names", s.given("full_names")[::-1]),
            "0 of 8 are right"),
        "seven of eight": ("full-names", lambda s: s.answer("full_names", s.given("full_names")[:-1]),
            "Your list has 7 entries"),
        "one text": ("full-names", lambda s: s.answer("full_names", ", ".join(s.given("full_names"))),
            "You recorded one text"),
        "names of dicts": ("full-names", lambda s: s.answer(
            "full_names", [{"name": one} for one in s.given("full_names")]),
            "Entry 1 is no text"),
        "not repaired": ("repair", lambda s: s.answer("repaired", list(s.e.parameter("broken"))),
            "unchanged: Docker reads it as"),
        "repaired backwards": ("repair", lambda s: s.answer("repaired", s.given("repaired")[::-1]),
            "names the repository"),
        "four of five repaired": ("repair", lambda s: s.answer("repaired", s.given("repaired")[:-1]),
            "Your list has 4 entries"),
        "repaired names with https://": ("repair", lambda s: each(s, "repaired", lambda one: "https://" + one),
            "without https:// or http://"),
        "repaired names without their host": ("repair", lambda s: each(
            s, "repaired", lambda one: one.rpartition("/")[2]),
            "goes to docker.io"),
        "repaired names in capitals": ("repair", lambda s: each(s, "repaired", str.upper),
            "a repository name is lower-case"),
        "what was meant for what is to be written": ("repair", lambda s: s.answer(
            "repaired", list(s.e.parameter("broken").values())),
            "a reference holds no space"),
    },
    "03-docker-hub": {
        "a token that may delete": ("token", lambda s: token(s, "laptop").update(scopes=["repo:admin"]),
            "is good, and the last one may read, write and delete, more than a"),
        "a token that may only read": ("token", lambda s: token(s, "laptop").update(scopes=["repo:read"]),
            "is good, and the last one may read, so it cannot push"),
        "a token without an end": ("token", lambda s: token(s, "laptop").update(expires=None),
            "is good, and the last one never ends"),
        "a token for a year": ("token", lambda s: token(s, "laptop").update(expires="2027-11-26T00:45:49.153741Z"),
            "days after it was made, and who finds it has it for so long"),
        "a token of another name": ("token", lambda s: token(s, "laptop").update(name="laptop"),
            "Your account has the token"),
        "a token of another account": ("token", lambda s: token(s, "laptop").update(owner="student"),
            "exists, but of the account student"),
        "no moving tag": ("tags", lambda s: s.tag("dockerhub", s["repository"], s["moving"], None), "is not there"),
        "built again for the second tag": ("tags", lambda s: s.tag("dockerhub", s["repository"], s["moving"], s.rebuild(
            "dockerhub", s["repository"], s["version"], config=later)),
            "point at two different images"),
        "another team's owner label": ("tags",
            lambda s: (s.labelled("dockerhub", s["repository"], s["version"], owner="shop"),
                                       s.tag("dockerhub", s["repository"], s["moving"], s["version"])),
            "The label course.owner says shop"),
        "another version label": ("tags",
            lambda s: (s.labelled("dockerhub", s["repository"], s["version"], version="1.0"),
                                  s.tag("dockerhub", s["repository"], s["moving"], s["version"])),
            "The label org.opencontainers.image.version says"),
        "the public repository is private": ("tags", lambda s: next(
            one for one in hub(s)["repositories"] if one["name"] == s["repository"])["attributes"].update(private=True),
            "The repository is private"),
        "a second repository by a slip": ("own-namespace", lambda s: hub(s)["repositories"].append(
            hub(s)["repositories"][0] | {"name": s["namespace"] + "/ml-mode"}), "There is also"),
        "the same image in another namespace": ("own-namespace", lambda s: hub(s)["repositories"].append(
            hub(s)["repositories"][0] | {"name": "student/ml-model"}), "The same image is in student/ml-model"),
        "the fingerprint of another text": ("stored", lambda s: s.answer("stored", "0123456789ab"),
            "That is the fingerprint of no token"),
        "the fingerprint of the server's token": ("stored",
            lambda s: s.answer("stored", token(s, "server")["fingerprint"]),
            "That is the token"),
        "the secret itself": ("stored", lambda s: s.answer("stored", "dckr_pat_abcdefghijklmnop"),
            "You recorded the secret itself"),
        "the limit without a login": ("limit", lambda s: s.answer("limits", s.given("limits") | {"limit": 100}),
            "That is the limit of an address without a login"),
        "an address as source": ("limit", lambda s: s.answer("limits", s.given("limits") | {"source": "127.0.0.1"}),
            "is an address: that is who is counted without a login"),
        "the window as limit": ("limit", lambda s: s.answer("limits", s.given("limits") | {"limit": 21600}),
            "limit is"),
        "a look that counts": ("counted", lambda s: s.answer("limits", s.given("limits") | {"after": 198}),
            "Two were used between before and after"),
        "nothing counted": ("counted", lambda s: s.answer("limits", s.given("limits") | {"after": 200}),
            "Nothing was used between before and after"),
        "before and after the wrong way round": ("counted", lambda s: s.answer("limits", s.given("limits") | {
            "before": 199, "after": 200}), "and after is"),
        "a public second repository": ("private", lambda s: next(
            one for one in hub(s)["repositories"] if one["name"] == s["internal"])["attributes"].update(private=False),
            "The repository is public: a push without a repository makes a public"),
        "another image in the private repository": ("private", lambda s: s.tag(
            "dockerhub", s["internal"], s["version"], s.rebuild(
                "dockerhub", s["internal"], s["version"], config=later)),
            "It holds another image"),
        "another tag in the private repository": ("private", lambda s: (
            s.tag("dockerhub", s["internal"], "latest", s["version"]),
            s.tag("dockerhub", s["internal"], s["version"], None)), "The repository has the tag latest"),
        "a pull that went well": ("refused", lambda s: s.answer(
            "refusal", f"{s['version']}: Pulling from {s['internal']}\nStatus: Downloaded newer image"),
            "That pull went well, so you were still logged in, or the repository"),
        "a tag that does not exist": ("refused", lambda s: s.answer(
            "refusal", "Error response from daemon: manifest for x:9 not found: manifest unknown"),
            "That is the answer to a tag that does not exist, to someone who may"),
        "the real Docker Hub": ("refused", lambda s: s.answer(
            "refusal", f"pull access denied for {s['internal']}, repository does not exist or may require login"),
            "That pull went to the real Docker Hub"),
        "the laptop's token is not revoked": ("revoked", lambda s: (hub(s)["tokens"].append(hub(s)["revoked"].pop())),
            "still logs in"),
        "the server's token is revoked as well": ("revoked", lambda s: hub(s)["revoked"].append(hub(s)["tokens"].pop()),
            "was revoked"),
        "the server may push": ("revoked", lambda s: token(s, "server").update(scopes=["repo:write"]),
            "may read and write"),
        "the server's token has no end": ("revoked", lambda s: token(s, "server").update(expires=None), "never ends"),
    },
    "04-tagging": {
        "a shortened commit in the label": ("labels", lambda s: s.labelled(
            R, s["repository"], version(s, 0), revision=s.e.parameter("releases")[0]["commit"][:7]),
            "a shortened commit id"),
        "a v in the version label": ("labels",
            lambda s: s.labelled(R, s["repository"], version(s, 0), version="v" + version(s, 0)),
            "The label says v"),
        "no time of creation": ("labels", lambda s: s.labelled(R, s["repository"], version(s, 2), created=None),
            "The image has no such label"),
        "a time of another form": ("labels",
            lambda s: s.labelled(R, s["repository"], version(s, 2), created="21 March 2026"),
            "is no time as RFC"),
        "the labels of another release": ("labels", lambda s: s.tag(R, s["repository"], version(s, 2), version(s, 0)),
            "point at the same manifest: one image with two version tags"),
        "a release without its exact tag": ("labels", lambda s: s.tag(R, s["repository"], version(s, 2), None),
            "is there, but under the tag"),
        "no tag of the commit": ("tag-sets", lambda s: s.tag(R, s["repository"], tag_of(s, "commit", 0), None),
            "There is no such tag"),
        "a tag of the commit with fewer digits": ("tag-sets", lambda s: (
            s.tag(R, s["repository"], tag_of(s, "commit", 0)[:-2], version(s, 0)),
            s.tag(R, s["repository"], tag_of(s, "commit", 0), None)),
            "The tag is not there, but sha-8be"),
        "the tag of the commit on another release": ("tag-sets", lambda s: s.tag(
            R, s["repository"], tag_of(s, "commit", 0), version(s, 2)), "points at the image"),
        "the newest tag at the last release": ("floating",
            lambda s: s.tag(R, s["repository"], tag_of(s, "newest", 0), version(s, 2)),
            "the fix of an older line moved it, because it was released last"),
        "the major tag at the last release": ("floating",
            lambda s: s.tag(R, s["repository"], tag_of(s, "major", 0), version(s, 2)),
            "the fix of an older line moved it, because it was released last"),
        "the newest tag at the pre-release": ("floating",
            lambda s: s.tag(R, s["repository"], tag_of(s, "newest", 0), version(s, 1)),
            "-beta.1: a pre-release moved it"),
        "no tag of the older line": ("floating", lambda s: s.tag(R, s["repository"], tag_of(s, "minor", 2), None),
            "There is no such tag"),
        "latest as well": ("floating", lambda s: s.tag(R, s["repository"], "latest", version(s, 0)),
            "The repository has the tag latest: the default name of clients is in"),
        "a minor tag of a pre-release": ("floating",
            lambda s: s.tag(R, s["repository"], tag_of(s, "minor", 1), version(s, 1)),
            "only a stable release moves it, and there is none yet"),
        "next at the stable release": ("floating",
            lambda s: s.tag(R, s["repository"], tag_of(s, "pre-release", 1), version(s, 0)),
            "next points at the image"),
        "no staging": ("tested", lambda s: s.tag(R, s["repository"], "staging", None), "There is no such tag"),
        "staging at the pre-release": ("tested", lambda s: s.tag(R, s["repository"], "staging", version(s, 1)),
            "-beta.1: that is a pre-release"),
        "staging at the last release": ("tested", lambda s: s.tag(R, s["repository"], "staging", version(s, 2)),
            "that came out last, and is not the newest"),
        "a tag for a digest": ("tested", lambda s: s.answer("tested", "staging"), "staging” is no digest"),
        "another release's digest": ("tested", lambda s: s.answer(
            "tested", s.held(R, s["repository"]).tags[version(s, 2)]), "is the digest of the manifest of"),
        "not promoted": ("promotion", lambda s: s.tag(R, s["repository"], s["region_stays"], version(s, 2)),
            "it was not promoted"),
        "built again for production": ("promotion", lambda s: s.tag(R, s["repository"], s["region_stays"], s.rebuild(
            R, s["repository"], version(s, 0), config=later)),
            "points at another build of the same release"),
        "no way back": ("promotion", lambda s: s.tag(R, s["repository"], s["region_stays"] + "-previous", None),
            "There is no such tag"),
        "a way back to what runs": ("promotion",
            lambda s: s.tag(R, s["repository"], s["region_stays"] + "-previous", version(s, 0)),
            "which is what runs now: the way back is lost"),
        "not rolled back": ("rollback", lambda s: (s.tag(R, s["repository"], s["region_back"], version(s, 0)),
                            s.tag(R, s["repository"], s["region_back"] + "-previous", version(s, 2))),
            "it was not rolled back"),
        "what was rolled back from is lost": ("rollback", lambda s: s.tag(
            R, s["repository"], s["region_back"] + "-previous", version(s, 2)), "which is what runs now"),
        "rolled back to the pre-release": ("rollback", lambda s: s.tag(
            R, s["repository"], s["region_back"], version(s, 1)), "points at the image"),
    },
    "06-ecr": {
        "every tag can move": ("repository", lambda s: ecr(s).update(
            imageTagMutability="MUTABLE", imageTagMutabilityExclusionFilters=[]),
            "Every tag of the repository can move: the default"),
        "no tag can move": ("repository", lambda s: ecr(s).update(
            imageTagMutability="IMMUTABLE", imageTagMutabilityExclusionFilters=[]),
            "the second push of a pointer will be refused"),
        "the wrong way round": ("repository", lambda s: ecr(s).update(imageTagMutability="MUTABLE_WITH_EXCLUSION"),
            "It is the wrong way round: dev-* and"),
        "a filter without a star": ("repository", lambda s: ecr(s)["imageTagMutabilityExclusionFilters"][1].update(
            filter="dev-"), "A filter without a star covers that one tag alone"),
        "a filter that is too wide": ("repository", lambda s: ecr(s)["imageTagMutabilityExclusionFilters"][1].update(
            filter="dev*"), "The exclusions are dev* and"),
        "no filter for latest": ("repository", lambda s: ecr(s)["imageTagMutabilityExclusionFilters"].pop(0),
            "The exclusions are dev-*"),
        "one filter more": ("repository", lambda s: ecr(s)["imageTagMutabilityExclusionFilters"].append(
            {"filter": "4.*", "filterType": "WILDCARD"}), "The exclusions are 4.*, dev-* and"),
        "no scanning rule": ("scanning", lambda s: s.settings("ecr")["scanning"].update(rules=[]),
            "The registry has no scanning rule, so scans are started by hand only"),
        "the old switch of the repository": ("scanning",
            lambda s: (s.settings("ecr")["scanning"].update(rules=[]), ecr(s)[
            "imageScanningConfiguration"].update(scanOnPush=True)),
            "The repository itself is set to scan on push, which AWS is giving up;"),
        "a scanning rule by hand": ("scanning", lambda s: s.settings("ecr")["scanning"]["rules"][0].update(
            scanFrequency="MANUAL"), "The rule's frequency is MANUAL"),
        "a scanning rule for one repository": ("scanning", lambda s: s.settings("ecr")["scanning"]["rules"][0][
            "repositoryFilters"][0].update(filter=s["repository"]),
            "scanned on push, a repositor"),
        "a scanning rule for everybody": ("scanning", lambda s: s.settings("ecr")["scanning"]["rules"][0][
            "repositoryFilters"][0].update(filter="*"), "The filters * cover shop/ml-model, too"),
        "a scanning rule without the slash": ("scanning", lambda s: s.settings("ecr")["scanning"]["rules"][0][
            "repositoryFilters"][0].update(filter=s["team"] + "*"), "x/ml-model, too"),
        "latest at an older release": ("releases",
            lambda s: s.tag("ecr", s["repository"], "latest", s.e.texts("releases")[1]),
            "points at"),
        "latest built again": ("releases", lambda s: s.tag("ecr", s["repository"], "latest", s.rebuild(
            "ecr", s["repository"], s.e.texts("releases")[2], config=later)),
            "points at an image that is none of the releases"),
        "a release with another's label": ("releases", lambda s: s.labelled(
            "ecr", s["repository"], s.e.texts("releases")[1], version=s.e.texts("releases")[0]), "The label says"),
        "a release without an owner": ("releases",
            lambda s: s.labelled("ecr", s["repository"], s.e.texts("releases")[1], owner=None),
            "The label says nothing: it is not there"),
        "a release is missing": ("releases", lambda s: s.tag("ecr", s["repository"], s.e.texts("releases")[1], None),
            "The repository has the tags"),
        "the build that has the tag": ("untagged", lambda s: s.answer("old_build", s.given("old_build").partition("@")[
            0] + "@" + s.held("ecr", s["repository"]).tags[s["dev_tag"]]), "That is the image which"),
        "a release for the untagged build": ("untagged", lambda s: s.answer("old_build", s.given("old_build").partition(
            "@")[0] + "@" + s.held("ecr", s["repository"]).tags[s.e.texts("releases")[0]]), "That image has the tag"),
        "an unknown digest": ("untagged", lambda s: s.answer("old_build", s.given("old_build").partition("@")[
            0] + "@sha256:" + "7" * 64), "The repository has no untagged image of that digest"),
        "the tag instead of a digest": ("untagged", lambda s: s.answer(
            "old_build", f"{s.given('old_build').partition('@')[0]}:{s['dev_tag']}"),
            "It names a tag, and that image has none"),
        "AWS tells another digest": ("agree", lambda s: ecr(s)["images"][0].update(digest="sha256:" + "7" * 64),
            "They differ for"),
        "another region": ("names", lambda s: s.answer("real_names", [
            one.replace(s["region"], "us-north-9") for one in s.given("real_names")]),
            "the region is us-north-9, and me.region is asked for"),
        "another account": ("names", lambda s: s.answer("real_names", [
            one.replace(s["account"], "123456789012") for one in s.given("real_names")]),
            "and me.account is asked for"),
        "another order": ("names", lambda s: s.answer("real_names", s.given("real_names")[::-1]),
            "and here it is the turn of"),
        "region and service the wrong way round": ("names", lambda s: s.answer("real_names", [
            one.replace("ecr." + s["region"], s["region"] + ".ecr") for one in s.given("real_names")]),
            "ecr.amazonaws.com is no address of an ECR registry"),
        "two of three names": ("names", lambda s: s.answer("real_names", s.given("real_names")[:2]),
            "dkr.ec…, which is no list of three texts"),
    },
    "07-google-azure": {
        "another build in Azure": ("same-image", lambda s: s.tag("acr", s["repository"], s["version"], s.rebuild(
            "acr", s["repository"], s["version"], config=later)),
            "in Artifact Registry and"),
        "nothing in Azure": ("same-image", lambda s: s.tag("acr", s["repository"], s["version"], None),
            "The repository has no tag at all"),
        "nothing in Google's": ("same-image", lambda s: s.tag(
            "artifact-registry", f"{s['project']}/models/ml-model", s["version"], None),
            "The repository has no tag at all"),
        "the tag is not locked": ("lock",
            lambda s: acr(s)["repositories"][0]["images"][0]["tags"][0].update(attributes={}),
            "No tag is locked"),
        "the whole repository is locked": ("lock", lambda s: acr(s)["repositories"][0].update(
            attributes={"writeEnabled": False}),
            "The whole repository is locked, so the next release cannot be pushed"),
        "tags of Artifact Registry can move": ("lock", lambda s: garden(s, "models").update(immutableTags=False),
            "They can: the repository has no immutable tags"),
        "old names": ("names", lambda s: s.answer("new_names", list(s.e.parameter("old_names"))),
            "the host is still asia.gcr.io, which takes no writes any more"),
        "another order": ("names", lambda s: s.answer("new_names", s.given("new_names")[::-1]),
            "the host is us-docker.pkg.dev, and the old host's images lie elsewhere"),
        "eu for europe": ("names", lambda s: s.answer("new_names", [
            one.replace("europe-docker", "eu-docker") for one in s.given("new_names")]),
            "the host is eu-docker.pkg.dev, and the old host's images lie elsewhere"),
        "without the repository": ("names", lambda s: s.answer("new_names", [
            one.replace("/serving", "") for one in s.given("new_names")]),
            "the repository is missing between project and image"),
        "a tag for the digest": ("names", lambda s: s.answer("new_names", [
            one.replace("@sha256:", ":") for one in s.given("new_names")]), "the digest is missing"),
        "gcr.io is in Europe": ("names", lambda s: s.answer("new_names", [
            one.replace("us-docker", "europe-docker") for one in s.given("new_names")]),
            "the host is europe-docker.pkg.dev, and the old host's images lie"),
        "no token": ("token", lambda s: acr(s).update(tokens=[]), "There is no token"),
        "a token of another name": ("token", lambda s: acr(s)["tokens"][0].update(name="edge"),
            "There is none of that name, but edge"),
        "a token that may write": ("token", lambda s: acr(s)["tokens"][0]["actions"].append(
            f"repositories/{s['repository']}/content/write"), "It also has repositories/"),
        "a token for every repository": ("token", lambda s: acr(s)["tokens"][0].update(
            actions=["repositories/*/content/read"]), "repositories/*/content/read covers more repositories than one"),
        "a token without an end": ("token", lambda s: acr(s)["tokens"][0].update(expires=None),
            "Its password never ends"),
        "a token for a year": ("token", lambda s: acr(s)["tokens"][0].update(expires="2027-11-26T12:43:09.221705Z"),
            "Its password is good for"),
        "a token that reads names alone": ("token", lambda s: acr(s)["tokens"][0].update(
            actions=[f"repositories/{s['repository']}/metadata/read"]), "/metadata/read, so it cannot pull"),
    },
    "08-lifecycle": {
        "one rule is taken for another": ("inherited", lambda s: s.answer("takes", s.given("takes") | {"rel-2.5.7": 1}),
            "the preview says another"),
        "an image that stays is said to go": ("inherited", lambda s: s.answer("takes", s.given("takes") | {"prod": 4}),
            "the preview says another"),
        "an image is left out": ("inherited", lambda s: s.answer("takes", {
            k: v for k, v in s.given("takes").items() if k != "prod"}), "Your dict lacks"),
        "numbers of the list for priorities": ("inherited",
            lambda s: s.answer("takes", dict.fromkeys(s.given("takes"), 1)),
            "the preview says another"),
        "causes in another order": ("causes", lambda s: s.answer("causes", s.given("causes")[::-1]),
            "0 of the four fit"),
        "three causes": ("causes", lambda s: s.answer("causes", s.given("causes")[:3]),
            "You recorded something else than four letters"),
        "one cause is wrong": ("causes", lambda s: s.answer("causes", ["a", "c", "b", "e"]), "3 of the four fit"),
        "no policy": ("valid", lambda s: ecr(s).update(lifecyclePolicy=None), "The repository has no lifecycle policy"),
        "too many left": ("report", lambda s: s.answer("left", s.given("left") + 1), "You recorded"),
        "left as tags": ("report", lambda s: s.answer("left", list(s.held("ecr", s["repository"]).tags)),
            "You recorded ["),
        "saved in megabytes": ("report", lambda s: s.answer("saved", 1.8), "You recorded"),
        "saved as a text": ("report", lambda s: s.answer("saved", "1.8 MB"), "You recorded"),
    },
    "11-multi-arch": {
        "a single image under the tag": ("index", lambda s: s.tag(R, s["repository"], s["tag"], s["tag"] + "-amd64"),
            "points at a single image, for"),
        "no tag": ("index", lambda s: s.tag(R, s["repository"], s["tag"], None), "The repository has the tags"),
        "arm64 is missing": ("index", entries(lambda e: e.__setitem__(slice(None), [
            one for one in e if one["platform"]["architecture"] != "arm64"])), "is missing"),
        "amd64 is missing": ("index", entries(lambda e: e.__setitem__(slice(None), [
            one for one in e if one["platform"]["architecture"] != "amd64"])), "is missing"),
        "aarch64 for arm64": ("index", entries(lambda e: [one["platform"].update(
            architecture="aarch64") for one in e if one["platform"]["architecture"] == "arm64"]), "is missing"),
        "a platform twice": ("index", entries(lambda e: e.append(e[0])),
            "2 times, so which one is run is left to the client"),
        "platforms the wrong way round": ("index", entries(swap), "leads to an image whose config says"),
        "a wrong size": ("index", entries(lambda e: e[0].update(size=e[0]["size"] + 1)),
            "bytes of application/vnd.docker.distribution.manifest.v2+json, not"),
        "another media type": ("index", entries(lambda e: e[0].update(
            mediaType="application/vnd.oci.image.manifest.v1+json")),
            "of application/vnd.docker.distribution.manifest.v2+json"),
        "an entry that is not there": ("index", entries(lambda e: e[0].update(digest="sha256:" + "8" * 64)),
            "is not in the repository, or cannot be read"),
        "entries without a platform": ("index", entries(lambda e: [one.pop("platform") for one in e]),
            "names no platform, so no client can choose it"),
        "the index's digest": ("read", lambda s: s.answer("arm64", s.held(R, s["repository"]).tags[s["tag"]]),
            "is the digest of the index itself"),
        "the digest of amd64": ("read",
            lambda s: s.answer("arm64", s.held(R, s["repository"]).tags[s["tag"] + "-amd64"]),
            "is the manifest for"),
        "a tag for a digest": ("read", lambda s: s.answer("arm64", s["tag"] + "-arm64"), "is no digest"),
        "the config's digest": ("read",
            lambda s: s.answer("arm64", json.loads(s.held(R, s["repository"]).manifests[s.held(
            R, s["repository"]).tags[s["tag"] + "-arm64"]].text)["config"]["digest"]),
            "is a config or layer of what is listed for"),
        "unknown among the platforms": ("attestations", lambda s: s.answer(
            "platforms", [*s.given("platforms"), "unknown/unknown"]), "is among them"),
        "one platform is missing": ("attestations", lambda s: s.answer("platforms", s.given("platforms")[:2]),
            "2 of 3 are there"),
        "architectures alone": ("attestations", lambda s: s.answer("platforms", ["amd64", "arm64", "ppc64le"]),
            "No entry is for"),
        "the image for its attestation": ("attestations", lambda s: s.answer(
            "attestation", s.e.parameter("entries")[4]["digest"]), "is the image for"),
        "the last attestation": ("attestations", lambda s: s.answer(
            "attestation", s.e.parameter("entries")[5]["digest"]), "is the attestation about"),
        "the attestation above its image": ("attestations", lambda s: s.answer(
            "attestation", s.e.parameter("entries")[2]["digest"]), "is the attestation about"),
        "the SBOM stayed with the old index": ("sbom", entries(lambda e: e.reverse(), keep_list=False),
            "which is not what"),
        "no list of what refers to it": ("sbom", lambda s: s.tag(R, s["repository"], next(
            tag for tag in s.held(R, s["repository"]).tags if tag.startswith("sha256-")), None),
            "has the right subject, but no list leads to it"),
    },
    "12-multi-registry": {
        "another build in one cloud": ("one-digest", lambda s: s.tag("acr", clouds(s)["acr"], s["version"], s.rebuild(
            "acr", clouds(s)["acr"], s["version"], image=lambda d: d.update(annotations={"a": "b"}))),
            "in the Docker Hub emulator"),
        "one cloud was left out": ("one-digest", point("dockerhub", "{version}", None), "The repository has the tags"),
        "the old release under the new version": ("one-digest", point("ecr", "{version}", "{previous}"),
            "in the Docker Hub emulator"),
        "no tag of the commit in one cloud": ("tags", point("artifact-registry", "sha-{revision}", None),
            "The repository has the tags"),
        "the tag of the commit on the old release": ("tags", point("acr", "sha-{revision}", "{previous}"), "points at"),
        "production is not promoted in one cloud": ("promoted", point("dockerhub", "prod", "{previous}"),
            "prod still points at"),
        "no production in one cloud": ("promoted", point("ecr", "prod", None), "The repository has the tags"),
        "the release before is gone": ("promoted", point("acr", "{previous}", None), "The repository has the tags"),
        "today's build is gone": ("cleaned", lambda s: untag(s, "acr", s["new_build"]), "is not there"),
        "an old build is still there": ("cleaned", lambda s: acr(s)["repositories"][0]["images"][0]["tags"].append(
            acr(s)["repositories"][0]["images"][0]["tags"][0] | {"name": s.e.texts("old_builds")[0]}),
            "is still there"),
        "one run instead of two": ("second-run", lambda s: s.answer("runs", s.given("runs") | {"codes": [0]}),
            "The runs ended with the exit codes [0]"),
        "a second run that fails": ("second-run", lambda s: s.answer("runs", s.given("runs") | {"codes": [0, 1]}),
            "The runs ended with the exit codes [0, 1]"),
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def solved() -> dict[str, Evidence]:
    with tempfile.TemporaryDirectory() as place:
        return mutated.of_ada(Path(place), list(WRONG))


@pytest.mark.parametrize("slug", WRONG)
def test_what_ada_left_passes_as_far_as_it_can_be_judged_here(slug: str, solved: dict[str, Evidence]) -> None:
    state = State(solved[slug])
    checks = {check for check, _, _ in WRONG[slug].values()}
    assert {check: state.verdict(check).found for check in checks if state.verdict(check).status != "passed"} == {}


@pytest.mark.parametrize("slug", RIGHT)
def test_each_other_right_way_passes(slug: str, solved: dict[str, Evidence]) -> None:
    told = {}
    for words, (check, change) in RIGHT[slug].items():
        state = State(solved[slug])
        change(state)
        verdict = state.verdict(check)
        if verdict.status != "passed":
            told[words] = (verdict.check, verdict.status, verdict.found)
    assert told == {}


@pytest.mark.parametrize("slug", WRONG)
def test_each_wrong_way_fails_its_check_and_is_told_why(slug: str, solved: dict[str, Evidence]) -> None:
    told = {}
    for words, (check, change, cause) in WRONG[slug].items():
        state = State(solved[slug])
        change(state)
        verdict = state.verdict(check)
        failed = (verdict.status, verdict.blocked_by) == ("failed", None)
        reasons = [verdict.found, *(row[-1] for row in verdict.table)]
        if not failed or not any(cause in reason for reason in reasons) or not verdict.next_step:
            told[words] = (verdict.status, verdict.found)
    assert told == {}
