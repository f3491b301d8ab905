"""The registries that labs talk to: one record each, from which every table of services derives.

CONTRIBUTING, "A service", says what else a new one needs; ``tests/domain/test_services.py`` says which part is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Service:
    """A registry of an installation: the real one, or a cloud's emulator.

    Attributes:
        name: in lab.toml, evidence, the journal and ``state.json``.
        title: in the list that ``course start`` prints.
        words: how a message names it.
        variable: its address in shells and notebooks.
        port: on 127.0.0.1, where it is free at the first start; an emulator has it inside the container, too.
        hosts: regular expression for the names that its cloud has in lessons; "" for the local registry.
        prefix: where an emulator's repositories live in the store; "" for the local registry.
    """

    name: str
    title: str
    words: str
    variable: str
    port: int
    hosts: str = ""
    prefix: str = ""


# 5000 is AirPlay's on macOS. The ports become part of image names, so they never move by themselves.
SERVICES: Final = (
    Service("registry", "Local registry", "the local registry", "REGISTRY", 5001),
    Service(
        "dockerhub",
        "Docker Hub",
        "the Docker Hub emulator",
        "DOCKERHUB",
        5002,
        hosts=r"(?:(?:index|registry-1|auth)\.)?docker\.io",
        prefix="hub/",
    ),
    Service(
        "ecr",
        "Amazon ECR",
        "the ECR emulator",
        "ECR",
        5003,
        hosts=r"123456789012\.dkr\.ecr\.us-east-1\.amazonaws\.com",
        prefix="ecr/",
    ),
    Service(
        "artifact-registry",
        "Artifact Registry",
        "the Artifact Registry emulator",
        "ARTIFACT_REGISTRY",
        5004,
        hosts=r"[a-z0-9-]+-docker\.pkg\.dev",
        prefix="gar/",
    ),
    Service(
        "acr",
        "Azure ACR",
        "the ACR emulator",
        "ACR",
        5005,
        hosts=r"mlregistry(?:-[a-z0-9]+)?\.azurecr\.io",
        prefix="acr/",
    ),
)
BY_NAME: Final = {service.name: service for service in SERVICES}
NAMES: Final = tuple(BY_NAME)
EMULATORS: Final = tuple(service.name for service in SERVICES if service.prefix)
