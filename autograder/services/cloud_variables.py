"""What shells and notebooks are given: addresses, credentials, and AWS profiles in a file of this installation's own.

The AWS clients are told where that file is, so nothing in ``~/.aws`` is read or written. Source:
https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from autograder import paths
from autograder.services import addresses, cloud_credentials
from autograder.services.installation import Installation
from autograder.services.standins.ecr import aws_config

REGION = "us-east-1"  # as in standins.ecr.identity, which needs moto
CONFIG, CREDENTIALS = "aws-config", "aws-credentials"  # below the installation's state; the second never exists
# No provenance with every build, so that each builder makes a single image; attestations are a subject of their own.
# Students in other terminals may build with them all the same.
# https://docs.docker.com/build/building/variables/#buildx_no_default_attestations
BUILDS = {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
# Variables of another AWS account that the clients would prefer to ours, or mix with them.
FOREIGN = ("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION")

NAMES = (  # of_clouds
    "DOCKERHUB_USER",
    "DOCKERHUB_PASSWORD",
    "ACR_NAME",
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_DEFAULT_REGION",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
)


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
        str(paths.state() / CONFIG),
        str(paths.state() / CREDENTIALS),
    )
    return dict(zip(NAMES, values, strict=True))


def builds() -> dict[str, str]:
    """How images are built: as :data:`BUILDS` says, unless the person's own environment says otherwise (``0``)."""
    return {name: os.environ.get(name) or value for name, value in BUILDS.items()}


def all_of(installation: Installation) -> dict[str, str]:
    """Everything that ``course env`` prints: addresses, credentials, and how images are built."""
    return addresses.of_installation(installation).variables() | of_clouds(installation) | builds()


def hand_out(installation: Installation) -> dict[str, str]:
    """As :func:`all_of`; the file with the AWS profiles is written anew, readable by its owner alone."""
    found = all_of(installation)
    secrets = cloud_credentials.find()
    if secrets is not None and "AWS_CONFIG_FILE" in found:
        config = paths.state() / CONFIG
        config.touch(mode=0o600)
        profiles, endpoint = secrets["credentials"]["ecr"]["profiles"], found["AWS_ENDPOINT_URL"]
        config.write_text(aws_config.text(profiles, endpoint, REGION), encoding="utf-8", newline="\n")
    return found


def neutral(environment: Mapping[str, str]) -> dict[str, str]:
    """Values that take the effect from variables of another AWS account; nothing where none is set.

    An empty value counts as unset for all of them but the profile, which must then be one that exists.
    """
    return {
        name: (aws_config.DEFAULT if "PROFILE" in name else REGION if name == "AWS_REGION" else "")
        for name in FOREIGN
        if environment.get(name)
    }
