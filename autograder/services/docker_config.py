"""The configuration folder of ``docker`` in terminals and notebooks: the person's engine, but none of their logins.

Contexts, plug-ins and settings are those of the person. Logins go into a file of this installation, so that a lab
neither reads nor overwrites what the person has stored for accounts of their own.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autograder import paths
from autograder.services import endpoint, installation

FILE = "config.json"
# What holds or finds credentials in a config.json, and headers that may hold some.
# https://docs.docker.com/reference/cli/docker/#docker-cli-configuration-file-configjson-properties
SECRETS = ("auths", "credsStore", "credHelpers", "HttpHeaders")
# Folders of the person's that go on to be used; builders of Buildx are not among them: the labs use the engine's own.
SHARED = ("cli-plugins", "contexts")
# Where a configuration names no credential store and holds no login, `docker` takes the system's by itself.
# https://docs.docker.com/reference/cli/docker/login/#credential-stores
STORES = {"darwin": ("osxkeychain",), "win32": ("wincred",)}
STORES_ELSEWHERE = ("pass", "secretservice")
PLACEHOLDER = {"none.invalid": dict[str, str]()}  # a login that is none, so that the configuration holds one


def folder() -> Path:
    """Where it is; DOCKER_CONFIG names it."""
    return paths.state() / "docker"


def prepare(environment: Mapping[str, str] | None = None) -> Path:
    """Have the folder, with the person's settings of today; logins that were made in it stay.

    Args:
        environment: tells the person's folder, by DOCKER_CONFIG; default: this process's. Where that is the
            installation's own already (in a notebook), the settings stay as they are.
    """
    theirs, ours = endpoint.config_folder(os.environ if environment is None else environment), folder()
    ours.mkdir(parents=True, exist_ok=True)
    if theirs.resolve() != ours.resolve():
        for name in SHARED:
            _share(theirs / name, ours / name)
        settings = {key: value for key, value in _read(theirs).items() if key not in SECRETS}
        before = _read(ours)
        logins = {key: value for key, value in before.items() if key in SECRETS}
        if not any(logins.values()) and _has_store():
            logins["auths"] = PLACEHOLDER
        if settings | logins != before or not (ours / FILE).is_file():  # skopeo takes none that is not there
            installation.write_private(ours / FILE, json.dumps(settings | logins, indent=1))
    return ours


def _read(place: Path) -> dict[str, Any]:
    try:
        found = json.loads((place / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _has_store() -> bool:
    return any(shutil.which(f"docker-credential-{name}") for name in STORES.get(sys.platform, STORES_ELSEWHERE))


def _share(theirs: Path, ours: Path) -> None:
    """Have the person's folder under our name: a link, or a copy where links take more rights than a person has."""
    if ours.is_symlink():
        with contextlib.suppress(FileNotFoundError):  # one of them leads nowhere
            if ours.samefile(theirs):  # by the folder: Windows tells a link's target with a prefix
                return
        ours.unlink(missing_ok=True)
    elif ours.is_dir():
        shutil.rmtree(ours, ignore_errors=True)
    if not theirs.is_dir():
        return
    try:
        ours.symlink_to(theirs, target_is_directory=True)
    except FileExistsError:  # another `course` was faster, and through its link a copy would be onto the folder itself
        return
    except OSError:
        shutil.copytree(theirs, ours, dirs_exist_ok=True)
