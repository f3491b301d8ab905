"""One record a service: whatever else it needs is there, and a message says where it is missing."""

from __future__ import annotations

import re

import pytest

from autograder.checks.shared import images
from autograder.content import names
from autograder.domain import services
from autograder.emulators.assembly import Configuration, Emulators
from autograder.evidence import emulator_state
from autograder.services import addresses, cloud_credentials, clouds, ports


def test_every_emulator_has_its_parts(home, tmp_path):
    credentials = cloud_credentials.load()["credentials"]
    for place, there in {
        "services/cloud_credentials.py": credentials,
        "evidence/emulator_state.py (ADAPTERS)": emulator_state.ADAPTERS,
    }.items():
        assert tuple(there) == services.EMULATORS, f"{place} has another list than domain/services.py"
    credentials["acr"]["host"] = "localhost:5005"
    wanted = Configuration(tmp_path, "http://localhost:1", clouds.INSIDE, "", b"", credentials)
    emulators = Emulators(wanted)  # a KeyError here: emulators/assembly.py makes no backend for a service
    try:
        for name, backend in emulators.backends.items():
            assert (backend.service, backend.prefix) == (name, services.BY_NAME[name].prefix)
            assert emulator_state.problem(name, {}) is not None
    finally:
        emulators.close()


def test_tables_of_services_derive_from_the_records():
    assert services.NAMES == ("registry", *services.EMULATORS) == tuple(addresses.VARIABLES)
    assert list(ports.DEFAULTS) == [*services.NAMES, "jupyter", "site"] and set(names.HOSTS) == set(services.EMULATORS)
    assert images.SERVICES["ecr"] == "the ECR emulator" and images.SERVICES["private"] == "your private registry"


@pytest.mark.parametrize("part", ["name", "title", "variable", "port"])
def test_no_two_services_share(part):
    values = [getattr(service, part) for service in services.SERVICES]
    assert len(set(values)) == len(values)


def test_records_have_the_form_that_others_rely_on():
    prefixes = [service.prefix for service in services.SERVICES if service.prefix]
    assert len(set(prefixes)) == len(prefixes)
    for service in services.SERVICES:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", service.name) and re.fullmatch(r"[A-Z]+(_[A-Z]+)*", service.variable)
        assert bool(service.prefix) == bool(service.hosts) and re.fullmatch(r"([a-z]+/)?", service.prefix)
