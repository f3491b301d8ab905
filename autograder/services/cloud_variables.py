"""What shells and notebooks are given: addresses, credentials, and files of this installation's own for AWS and Docker.

The clients are told where these files are, so nothing in ``~/.aws`` or ``~/.docker`` is read or written. Sources:
https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html and
https://docs.docker.com/reference/cli/docker/#environment-variables

Docker, oras and crane find their logins by DOCKER_CONFIG. Skopeo and podman look first into a file of their own, which
REGISTRY_AUTH_FILE names: an old login in there would win over a new one of ``docker login``. So both name one file.
https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md
Regctl takes Docker's logins for what its own file, which REGCTL_CONFIG names, does not have:
https://regclient.org/usage/regctl/
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from autograder import paths
from autograder.emulators.ecr import aws_config
from autograder.services import addresses, cloud_credentials, docker_config
from autograder.services.installation import Installation, write_private

REGION = "us-east-1"  # as in emulators.ecr.identity, which needs moto
CONFIG, CREDENTIALS = "aws-config", "aws-credentials"  # below the installation's state; the second never exists
# No provenance with every build, so that each builder makes a single image; attestations are a subject of their own.
# Students in other terminals may build with them all the same.
# https://docs.docker.com/build/building/variables/#buildx_no_default_attestations
BUILDS = {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
# Variables that name accounts, keys, addresses and builders of the person's own; of these, all but ours are taken out.
FOREIGN_PREFIX = "AWS_"
FOREIGN = ("DOCKER_AUTH_CONFIG", "REGISTRY_AUTH_FILE", "REGCTL_CONFIG", "BUILDX_BUILDER", "BUILDX_CONFIG")

NAMES = (  # of_clouds
    "DOCKERHUB_USER",
    "DOCKERHUB_PASSWORD",
    "ACR_NAME",
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_DEFAULT_REGION",
)


def private() -> dict[str, str]:
    """Where clients look instead of the person's own files: not into ``~/.aws``, nor at stored logins of Docker.

    Nor is the metadata service of a cloud's machine asked for credentials
    (https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html). This holds before the first start,
    too: then the clients have no credentials at all.
    """
    return {
        "AWS_CONFIG_FILE": str(paths.state() / CONFIG),
        "AWS_SHARED_CREDENTIALS_FILE": str(paths.state() / CREDENTIALS),
        "AWS_EC2_METADATA_DISABLED": "true",
        "DOCKER_CONFIG": str(docker_config.folder()),
        "REGISTRY_AUTH_FILE": str(docker_config.folder() / docker_config.FILE),
        "REGCTL_CONFIG": str(paths.state() / "regctl.json"),
    }


def of_clouds(installation: Installation) -> dict[str, str]:
    """Credentials, beside the addresses: what the AWS clients and `docker login` need; none before the first start."""
    secrets = cloud_credentials.find()
    if secrets is None or "ecr" not in installation.ports:
        return {}
    hub, admin = secrets["credentials"]["dockerhub"], secrets["credentials"]["ecr"]["profiles"][aws_config.DEFAULT]
    values = (
        cloud_credentials.HUB_USER,
        hub["accounts"][cloud_credentials.HUB_USER],
        cloud_credentials.ACR_REGISTRY,
        addresses.url(installation.ports["ecr"], ""),
        admin["access_key_id"],
        admin["secret_access_key"],
        REGION,
    )
    return dict(zip(NAMES, values, strict=True))


def builds() -> dict[str, str]:
    """How images are built: as :data:`BUILDS` says, unless the person's own environment says otherwise (``0``)."""
    return {name: os.environ.get(name) or value for name, value in BUILDS.items()}


def all_of(installation: Installation) -> dict[str, str]:
    """Everything that ``course env`` sets: addresses, credentials, private files, and how images are built."""
    return addresses.of_installation(installation).variables() | of_clouds(installation) | private() | builds()


def hand_out(installation: Installation) -> dict[str, str]:
    """As :func:`all_of`; the files are written as well: AWS profiles, readable by their owner alone, and Docker's."""
    found = all_of(installation)
    secrets = cloud_credentials.find()
    if secrets is not None and "AWS_ENDPOINT_URL" in found:
        config = paths.state() / CONFIG
        profiles, endpoint = secrets["credentials"]["ecr"]["profiles"], found["AWS_ENDPOINT_URL"]
        text = aws_config.text(profiles, endpoint, REGION)
        if not config.is_file() or config.read_text(encoding="utf-8") != text:
            write_private(config, text)
    docker_config.prepare()
    return found


def foreign(environment: Iterable[str]) -> list[str]:
    """Of the names of variables those that are another account's, or could be, sorted; ours are among them."""
    return sorted(name for name in environment if name.startswith(FOREIGN_PREFIX) or name in FOREIGN)
