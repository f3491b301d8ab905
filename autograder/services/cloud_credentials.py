"""The clouds' accounts, passwords and keys: made for each installation and readable by its owner alone."""

from __future__ import annotations

import json
import secrets
import string
from typing import Any

from autograder import paths
from autograder.errors import EnvironmentProblem
from autograder.services import installation

FILE = "clouds.json"
SCHEMA = 1

HUB_USER = "student"
HUB_OTHER = "colleague"  # someone else's namespace
HUB_PUBLISHER = "publisher"  # pushes the course's base images to library/
ACR_REGISTRY = "mlregistry"
# As in autograder.emulators.ecr.identity, which needs moto; a test compares the two.
ECR_PROFILES = ("admin", "ci-role", "reader", "other-account")


def load() -> dict[str, Any]:
    """The secrets of this installation, made at the first call.

    Returns:
        ``admin_secret``, ``secret`` (hex) and ``credentials`` (service -> its own), as the emulators'
        ``Configuration`` takes them.

    Raises:
        EnvironmentProblem: the file is there but cannot be understood.
    """
    file = paths.state() / FILE
    with installation.locked("clouds"):
        if not file.exists():
            installation.write_private(file, json.dumps(_new(), indent=1))
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
            if data["schema"] != SCHEMA:
                raise ValueError(f"its schema is {data['schema']}, this kit's is {SCHEMA}")
            made = _new()["credentials"]
            if made.keys() - data["credentials"].keys():  # an earlier version had no such service
                data["credentials"] = made | data["credentials"]
                installation.write_private(file, json.dumps(data, indent=1))
            return dict(data)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise EnvironmentProblem(
                expected=f"{file} as the kit wrote it",
                found=f"it cannot be understood: {error}",
                next_step="Put back a copy of that file; or remove it: new passwords are made, what you pushed stays, "
                "and you log in again.",
            ) from None


def find() -> dict[str, Any] | None:
    """The secrets, or None before the first start."""
    return load() if (paths.state() / FILE).exists() else None


def _new() -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "admin_secret": secrets.token_urlsafe(24),
        "secret": secrets.token_hex(32),
        "credentials": {
            "dockerhub": {
                "accounts": {name: secrets.token_urlsafe(12) for name in (HUB_USER, HUB_OTHER, HUB_PUBLISHER)},
                "publisher": HUB_PUBLISHER,
            },
            "ecr": {"profiles": {name: _access_key() for name in ECR_PROFILES}},
            "artifact-registry": {},
            "acr": {
                "registry": ACR_REGISTRY,
                "admin_password": secrets.token_urlsafe(24),
                "entra_token": secrets.token_urlsafe(32),
            },
        },
    }


def _access_key() -> dict[str, str]:
    """Shaped as AWS's: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html"""
    letters = string.ascii_uppercase + "234567"
    return {
        "access_key_id": "AKIA" + "".join(secrets.choice(letters) for _ in range(16)),
        "secret_access_key": "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(40)),
    }
