"""What a submission says of the clouds' emulators: of the form that the kit writes, or none of it counts."""

from __future__ import annotations

import io
import json

import pytest

from autograder.evidence import emulator_state
from autograder.grading import intake
from autograder.grading.archive import Archive
from autograder.labs import manifest
from autograder.labs.manifest import RepositoryPart

from ..evidence.emulator_states import DIGEST, ecr_image, ecr_repository, line, state
from ..evidence.images import js
from .submissions import Student, packed

NAME = "team/ml-model"


@pytest.fixture
def ada(ada: Student, monkeypatch: pytest.MonkeyPatch) -> Student:
    """Ada's submission in a lab that is about every repository of ECR, too."""
    parts = (*ada.lab.repositories, RepositoryPart(service="ecr", name="*", layers="all"))
    lab = ada.lab.model_copy(update={"services": ("registry", "ecr"), "repositories": parts})
    monkeypatch.setattr(manifest, "find", lambda name: lab)
    ada.lab = lab
    return ada


def document(settings: object = None, *names: str) -> dict[str, object]:
    """evidence/ecr.json"""
    return {
        "settings": settings,
        "catalog": [],
        "repositories": {name: {"base_layers": []} for name in names or (NAME,)},
    }


def read(ada: Student, ecr: object, journal: object = None, **more: bytes):
    files = ada.files()
    folder = f"evidence/registry/{ada.parameters['repository']}/"
    layout = {name.removeprefix(folder): content for name, content in files.items() if name.startswith(folder)}
    files |= {f"evidence/ecr/{NAME}/{name}": content for name, content in layout.items()}
    files |= {"evidence/ecr.json": ecr if isinstance(ecr, bytes) else js(ecr)} | more
    if journal is not None:
        files["evidence/journal.json"] = js(journal)
    with Archive(io.BytesIO(packed({"submission.json": js(ada.document(files))} | files))) as archive:
        return intake.read(archive, ada.course)


def test_settings_images_and_journal_are_read(ada):
    found = read(ada, document(state("ecr")), [line(2), line(1), line(3, service="acr")])
    assert found.problems == () and found.services["ecr"].settings == state("ecr")
    assert not found.services["ecr"].repositories[NAME].problems
    assert [each["number"] for each in found.journal] == [1, 2], "in order, and of the lab's services"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (None, "valid dictionary"),
        ([], "valid dictionary"),
        ({}, "now"),
        (state("dockerhub"), "account"),
        (state("ecr") | {"now": "x" * 10_000}, "now"),
        (state("ecr") | {"repositories": {"../x": ecr_repository("x")}}, "not a repository's name"),
        (
            state("ecr") | {"repositories": {NAME: ecr_repository(NAME, ecr_image(digest="x\n\x1b[31m"))}},
            "not a digest",
        ),
        (state("ecr") | {"profiles": {"\ud800": 1}}, "profiles"),
    ],
)
def test_settings_of_another_form_do_not_count_and_are_told(ada, settings, says):
    found = read(ada, document(settings))
    (problem,) = found.problems
    assert says in problem and "none count" in problem and problem.isprintable() and len(problem) < 300
    assert found.services["ecr"].settings == {} and not found.services["ecr"].repositories
    assert found.services["registry"].repositories


@pytest.mark.parametrize("content", [b"[" * 50_000, b'{"settings": NaN}', b'{"settings": ' + b" " * (9 << 20) + b"{}}"])
def test_what_cannot_be_read_is_told(ada, content):
    found = read(ada, content)
    assert any("evidence/ecr.json" in problem for problem in found.problems)
    assert found.services["ecr"].settings == {}


@pytest.mark.parametrize("journal", [{}, "x", [1], [line(1) | {"detail": []}], [line(1) | {"number": 1.5}]])
def test_a_journal_of_another_form_does_not_count_and_is_told(ada, journal):
    found = read(ada, document(state("ecr")), journal)
    assert found.journal == () and "evidence/journal.json is not as the kit writes it" in found.problems[0]


def test_every_repository_means_those_that_the_settings_name(ada):
    found = read(ada, document(state("ecr"), NAME, "other", "../../etc", "A", "x" * 300))
    assert list(found.services["ecr"].repositories) == [NAME] and found.problems == ()


def test_of_very_many_repositories_some_are_read_and_it_is_told(ada, monkeypatch):
    monkeypatch.setattr(emulator_state, "MAX_REPOSITORIES", 2)
    names = [NAME, "b", "c", "d"]
    settings = state("ecr") | {"repositories": {name: ecr_repository(name) for name in names}}
    found = read(ada, document(settings, *names))
    assert list(found.services["ecr"].repositories) == names[:2]
    assert any("lists 4 repositories; 2 of them are read" in problem for problem in found.problems)


def test_settings_of_the_plain_registry_are_nothing(ada):
    files = ada.files()
    registry = json.loads(files["evidence/registry.json"]) | {"settings": {"anything": 1}}
    found = read(ada, document(state("ecr")), **{"evidence/registry.json": js(registry)})
    assert found.services["registry"].settings == {}


def test_a_repository_that_is_claimed_but_not_there_is_told(ada):
    settings = state("ecr") | {"repositories": {"gone": ecr_repository("gone", ecr_image("1"))}}
    found = read(ada, document(settings, "gone"))
    assert found.services["ecr"].repositories["gone"].tags == {} and any("ecr/gone" in text for text in found.problems)
    assert DIGEST not in found.services["ecr"].repositories["gone"].manifests


def test_the_seed_gives_the_names(ada):
    assert ada.lab.listed("registry", ada.parameters) == {ada.parameters["repository"]: "all"}
    assert (
        ada.lab.listed("ecr", ada.parameters) == {} and ada.lab.lists_all("ecr") and not ada.lab.lists_all("registry")
    )
    assert ada.lab.repositories_of("ecr", {}, ["a"]) == {"a": "all"}
