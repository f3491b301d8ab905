"""A push without a login, or with one that has ended: what the checks of every lab say, whose registry wants one."""

from __future__ import annotations

from typing import Any

import pytest

from autograder.checks.api import Failure
from autograder.checks.shared import images, logins
from autograder.evidence.model import Evidence, Repository, Service
from autograder.labs import manifest
from tests.evidence import emulator_states as states

NAME = "team/ml-model"
EXPIRED = {"status": 403, "code": "DENIED", "message": "Your authorization token has expired."}
IMMUTABLE = {"status": 400, "code": "TAG_INVALID", "message": "The image tag '1.0' already exists."}


def line(number: int, what: str, service: str = "ecr", **more: Any) -> dict[str, Any]:
    return states.line(number, what=what, service=service, **more)


def said(service: str, *journal: dict[str, Any], held: Repository | None = None) -> Failure:
    """How a check fails where an image should be."""
    there = Service(repositories={NAME: held} if held is not None else {})
    e = Evidence.model_construct(services={service: there}, journal=journal)
    with pytest.raises(Failure) as failed:
        images.image(e, service, NAME, "1.0")
    return failed.value


def test_every_service_of_a_lab_that_wants_a_login_has_words():
    wanted = {service for slug in manifest.slugs() for service in manifest.find(slug).services} - {"registry"}
    assert wanted == set(logins.LOGINS)


@pytest.mark.parametrize("service", logins.LOGINS)
def test_nothing_arrived(service):
    for failure in (
        said(service),
        said(service, held=Repository(service=service, name=NAME, layers="none", tags={"other": "sha256:" + "1" * 64})),
    ):
        assert logins.LOGINS[service] in failure.next_step and "log in again" in failure.next_step


def test_the_local_registry_wants_no_login():
    assert "login" not in said("registry").next_step


@pytest.mark.parametrize(
    ("journal", "found"),
    [
        ([line(1, "refuse", detail=EXPIRED)], " The last push was refused: Your authorization token has expired."),
        (
            [line(1, "refuse", repository="", detail={"what": "login"})],
            " A login there was refused: unknown, or ended.",
        ),
        ([line(1, "refuse", detail=EXPIRED), line(2, "push")], ""),
        ([line(1, "refuse", detail=EXPIRED), line(2, "login", repository="")], ""),
        ([line(1, "refuse", detail=EXPIRED, repository="team/other")], ""),
        ([line(1, "refuse", "acr", detail=EXPIRED)], ""),
        ([line(1, "refuse", detail=IMMUTABLE)], ""),
        ([line(1, "refuse", detail=None)], ""),
    ],
)
def test_what_the_journal_knows_of_it(journal, found):
    assert said("ecr", *journal).found == "No such repository is there." + found
