"""A lab's repositories in the clouds' emulators, brought back to the beginning: they are gone."""

from __future__ import annotations

from collections.abc import Sequence

from autograder.domain.services import EMULATORS
from autograder.errors import CourseError
from autograder.labs import manifest
from autograder.labs.manifest import Lab
from autograder.labs.students import Student
from autograder.services import cloud_admin


def services(lab: Lab) -> list[str]:
    """The emulators that a lab uses."""
    return [service for service in lab.services if service in EMULATORS]


def repositories(lab: Lab, student: Student) -> set[tuple[str, str]]:
    """Service and name of every emulator repository that a lab names; of Artifact Registry, PROJECT/REPOSITORY too.

    Raises:
        CourseError: the student has no seed for the lab.
    """
    found: set[tuple[str, str]] = set()
    for service in services(lab):
        for name in lab.listed(service, student.parameters_of(lab)):
            found.add((service, name))
            if service == "artifact-registry":
                found.add((service, "/".join(name.split("/")[:2])))
    return found


def clear(labs: Sequence[Lab], student: Student) -> list[str]:
    """Remove what the labs' students made in the emulators; what another lab names as well stays.

    Returns:
        sentences for the person at the keyboard.

    Raises:
        CourseError: the student has no seed for a lab, or an emulator refuses.
        EnvironmentProblem: an emulator does not answer.
    """
    mine = {entry for lab in labs for entry in repositories(lab, student)}
    others = [manifest.find(slug) for slug in manifest.slugs() if slug not in {lab.slug for lab in labs}]
    kept = mine & {entry for lab in others if lab.slug in student.seeds for entry in repositories(lab, student)}
    said = [f"{name} ({service}) stays: another lab uses it, too." for service, name in sorted(kept)]
    for service, name in sorted(mine - kept):
        if cloud_admin.forget(service, name):
            said.append(f"{name} ({service}) is removed.")
    for name in accounts(labs, student):
        if cloud_admin.call("dockerhub", "account-forget", name=name)["gone"]:
            said.append(f"The account {name} (dockerhub) is removed, with its repositories and tokens.")
    if asked := set(tokens(labs, student)):
        for name in sorted(asked & {token["name"] for token in cloud_admin.call("acr", "token-list")}):
            cloud_admin.call("acr", "token-delete", name=name)
            said.append(f"The token {name} (acr) is deleted.")
    return said


def tokens(labs: Sequence[Lab], student: Student) -> list[str]:
    """The tokens that the labs ask for in the ACR emulator."""
    return [name.format_map(student.parameters_of(lab)) for lab in labs for name in lab.acr_tokens]


def accounts(labs: Sequence[Lab], student: Student) -> list[str]:
    """The accounts that belong to the labs on the Docker Hub emulator."""
    return [name.format_map(student.parameters_of(lab)) for lab in labs for name in lab.hub_accounts]


def cleared(labs: Sequence[Lab], student: Student) -> list[str]:
    """As :func:`clear`, but what keeps it from being done is a sentence as well: the folder is reset all the same."""
    if not any(services(lab) for lab in labs):
        return []
    try:
        return clear(labs, student)
    except CourseError as problem:
        return [f"Repositories in the emulators stay: {problem.found}. {problem.next_step}, and reset again."]
