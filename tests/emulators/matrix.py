"""What the matrix of clients is made of: five registries with a login and a refusal each, and a client's commands."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from autograder.services import cloud_admin

from .support import LOCATION, PLACES, Place, amazon

CLIENTS = ("crane", "skopeo", "oras", "cosign", "podman")
# The reference engine's file tree has them; another machine need not.
MARKS = [pytest.mark.engine, pytest.mark.reference]


# A token that carries less than is needed meets 401; each client has words of its own for that.
UNAUTHORIZED = "(?i)unauthorized|authentication required|requested access to the resource is denied"


@dataclass(frozen=True)
class Target:
    """A registry with a repository that may be pushed to, and what it refuses.

    Attributes:
        repository: ``localhost:PORT/…``, without tag.
        user, password: of its login; empty where it wants none.
        refused: a repository that this login may not push to; "" where everything is allowed.
        words: what every client prints then, as a pattern.
        referrers: whether it has the endpoint; else clients keep a tag for what is about an image.
    """

    service: str
    repository: str
    user: str = ""
    password: str = ""
    refused: str = ""
    words: str = ""
    referrers: bool = False

    @property
    def host(self) -> str:
        return self.repository.partition("/")[0]


def target(service: str, address: str) -> Target:
    """One of the five, with a fresh repository name."""
    fresh = f"m{uuid4().hex[:10]}"
    if service == "registry":  # no login, so nothing is refused
        return Target(service, f"{address}/team/{fresh}")
    if service == "ecr":
        place = amazon(address, f"team/{fresh}")
        missing = f"The repository with name 'team/{fresh}-none' does not exist in the registry"
        return _placed(place, f"team/{fresh}", f"team/{fresh}-none", missing, referrers=True)
    if service == "acr":
        rights = [f"content/{right}" for right in ("read", "write", "delete")]
        repositories = [[f"team/{fresh}", *rights, "metadata/read"]]
        made = cloud_admin.call("acr", "token-create", name=fresh, scope_map=None, repositories=repositories, days=1)
        place = Place(service, address, "team", made["name"], made["password"])
        return _placed(place, f"team/{fresh}", f"team/{fresh}-none", UNAUTHORIZED)
    place = PLACES[service](address)
    if service == "dockerhub":
        return _placed(place, f"{place.namespace}/{fresh}", f"library/{fresh}", UNAUTHORIZED)
    name = f"{place.namespace}/{fresh}"
    return _placed(place, name, f"{place.namespace}-none/{fresh}", f'Repository "{LOCATION}-none" not found')


def _placed(place: Place, name: str, refused: str, words: str, referrers: bool = False) -> Target:
    login = place.user, place.password
    return Target(place.service, f"{place.address}/{name}", *login, f"{place.address}/{refused}", words, referrers)


class Shell:
    """Runs clients with a folder and a configuration of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "DOCKER_CONFIG": str(folder),
            "REGISTRY_AUTH_FILE": str(folder / "config.json"),
            "COSIGN_PASSWORD": "",
            "STORAGE_DRIVER": "vfs",
        }

    def __call__(self, *words: str, text: str = "", fails: bool = False) -> str:
        """What a command printed, both streams; it ends well, or not, as it should."""
        done = subprocess.run(
            words, input=text, capture_output=True, text=True, cwd=self.folder, env=self.environment, timeout=180
        )
        printed = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, f"{' '.join(words)}\nended with {done.returncode}\n{printed}"
        return printed if fails else done.stdout
