"""Probes in the notebook: the rescan of what the registry holds, with a base that the kit knows."""

from __future__ import annotations

import pytest

from autograder.errors import EnvironmentProblem
from autograder.labs import manifest, probing, students
from autograder.labs.live import Live, Wanted
from autograder.labs.manifest import RepositoryPart
from autograder.oci.client import RegistryClient
from autograder.oci.manifests import OCI_MANIFEST
from autograder.scanning import grader
from autograder.scanning.artifact import Pusher
from autograder.services import images
from tests.scanning.built import base as known
from tests.scanning.built import image, package

OLD = package("joblib", "1.1.0")


@pytest.fixture
def live(home):
    """A lab that is about one repository, without the layers of the base, and asks for a rescan."""
    part = RepositoryPart(service="registry", name="probing/app", layers="above-base")
    shipped = manifest.find("01-first-push")
    check = shipped.checks[0].model_copy(update={"probes": ("rescan", "round-trip")})
    changed = {"repositories": (part,), "probes": ("rescan", "round-trip"), "checks": (check,), "tasks": {}}
    return Live(shipped.model_copy(update=changed), students.issue(students.PUBLIC_KEY, "c", "ada"), home)


def test_a_check_asks_for_the_probes_that_it_rests_on(live):
    id = live.lab.checks[0].id
    assert Wanted.of(live.lab, live.lab.declared_checks(), [id]).probes == {"rescan", "round-trip"}
    assert Wanted.everything(live.lab).probes == {"rescan", "round-trip"}


@pytest.mark.engine
def test_what_is_in_the_registry_is_scanned_above_the_base(live, registry, engine):
    images.ensure(engine, images.PYTHON_BASE)
    base = engine.images.get(images.PYTHON_BASE).attrs["RootFS"]["Layers"]
    live._bases = (known(*base),)
    fillers = [b"base layer %d" % n for n in range(len(base))]
    built = image(*fillers, OLD, diff_ids=[*base, image(OLD).diff_ids[0]])
    pusher = Pusher(registry, "probing/app")
    for name, content in built.layout.files.items():
        if name.startswith("blobs/"):
            pusher.blob(content)
    pusher.manifest(built.layout.files[f"blobs/{built.digest.replace(':', '/')}"], OCI_MANIFEST, "1.0")
    live.clients["registry"] = RegistryClient(registry)
    evidence = live.collect()
    held = evidence.repository("registry", "probing/app")
    assert held.base_layers == tuple(sorted(built.blobs[: len(base)])) and held.problems == ()
    assert list(evidence.probes) == ["rescan"], "the round trip is the grader's alone"
    row = evidence.probes["rescan"]["registry/probing/app"][built.digest]
    assert [each["id"] for each in row["images"][0]["findings"]] == ["CVE-2022-21797"]


def test_a_probe_that_fails_itself_says_so(live, monkeypatch):
    def fail():
        raise EnvironmentProblem(expected="x", found="no Trivy", next_step="Install it.")

    monkeypatch.setattr(grader, "here", fail)
    context = probing.ProbeContext(live.lab, live.folder, {}, {}, {}, live.client, tuple)
    assert probing.run("rescan", context) == {"fault": "no Trivy. Install it."}
