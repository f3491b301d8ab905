"""Which programs the machines of GitHub and the images of jobs have: what is not there answers "command not found".

Sources: https://github.com/actions/runner-images/blob/main/images/ubuntu/Ubuntu2404-Readme.md (image 20260816.277.1),
https://github.com/docker-library/docker/blob/master/29/cli/Dockerfile (29.7.2: Alpine 3.24 with git and openssh-client)
and the Dockerfile of each tool's image.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from autograder.pipelines.tools import HARMLESS, OPAQUE, words

# Programs that bashkit brings along and that many an image lacks: they are there only where a table says so.
OPTIONAL: Final = words("""
    jq yq curl wget git zstd pigz xz lz4 unzip zip openssl ssh python3 python rg tree envsubst sqlite3 http file bc
    dig rsync make parallel
""")
_NOT_ON_UBUNTU: Final = words("""
    apk uv ruff pytest mypy black flake8 hadolint syft gitleaks semgrep codecov glab ko dagger earthly pack nerdctl tofu
    task just helmfile act pnpm dockerd-entrypoint.sh terraform http rg
""")
_UBUNTU: Final = (OPTIONAL | HARMLESS | OPAQUE | {"docker", "buildah", "podman", "skopeo"}) - _NOT_ON_UBUNTU


@dataclass(frozen=True)
class Place:
    """What a runner or an image has.

    Attributes:
        programs: beside those of a shell and the usual small ones.
        shell: ``bash``, ``busybox`` or ``dash``: what reads scripts.
        entry: the program that the image starts, where that is no shell.
        versions: how many numbers a version of it has.
        sh: what ``sh`` is there, beside a ``shell`` of another name.
    """

    programs: frozenset[str]
    shell: str = "bash"
    entry: str = ""
    versions: int = 2
    sh: str = "dash"


RUNNERS: Final[Mapping[str, Place]] = {
    label: Place(frozenset(_UBUNTU))
    for label in (
        *("ubuntu-latest", "ubuntu-24.04", "ubuntu-22.04", "ubuntu-26.04"),
        *("ubuntu-24.04-arm", "ubuntu-22.04-arm", "ubuntu-26.04-arm"),
    )
}
_ALPINE: Final = frozenset({"wget", "unzip", "xz", "bc", "apk"})  # of BusyBox


def _tool(name: str, *more: str, shell: str = "busybox") -> Place:
    return Place(frozenset({name, *more}) | (_ALPINE if shell == "busybox" else frozenset()), shell, name, 3, shell)


# The end of an image's name -> what it has; the longest end counts.
IMAGES: Final[Mapping[str, Place]] = {
    "docker": Place(_ALPINE | {"docker", "git", "ssh", "openssl"}, "busybox", "", 3),
    "alpine": Place(_ALPINE, "busybox"),
    "busybox": Place(frozenset({"wget", "unzip", "xz"}), "busybox"),
    "alpine/git": Place(_ALPINE | {"git", "ssh"}, "busybox", "git"),
    "curlimages/curl": Place(_ALPINE | {"curl"}, "busybox", "curl"),
    "ubuntu": Place(frozenset({"apt-get", "apt", "dpkg"})),
    "debian": Place(frozenset({"apt-get", "apt", "dpkg"})),
    "fedora": Place(frozenset({"curl"}), sh="bash"),
    "python": Place(
        frozenset({"python3", "python", "pip", "pip3", "git", "curl", "wget", "apt-get", "openssl", "ssh"})
    ),
    "node": Place(frozenset({"node", "npm", "yarn", "python3", "git", "curl", "wget", "apt-get", "openssl", "ssh"})),
    "golang": Place(frozenset({"go", "git", "curl", "wget", "apt-get", "openssl", "ssh", "make"})),
    "bash": Place(_ALPINE, sh="busybox"),
    "trivy": _tool("trivy", "git"),
    "grype": _tool("grype"),
    "crane": _tool("crane"),
    "gcrane": _tool("crane"),
    "skopeo": _tool("skopeo", shell="bash"),
    "skopeo/stable": _tool("skopeo", shell="bash"),
    "buildah": Place(frozenset({"buildah"}), "bash", "", 3, "bash"),
    "buildah/stable": Place(frozenset({"buildah"}), "bash", "", 3, "bash"),
    "podman": Place(frozenset({"podman"}), "bash", "", 3, "bash"),
    "podman/stable": Place(frozenset({"podman"}), "bash", "", 3, "bash"),
    "executor": _tool("executor"),
    "regctl": _tool("regctl"),
    "oras": _tool("oras"),
    "cosign": _tool("cosign"),
    "hadolint": _tool("hadolint"),
    "syft": _tool("syft"),
}
# Images without any shell, unless their tag ends so. Source: the Dockerfile of each
NO_SHELL: Final[Mapping[str, tuple[str, ...]]] = {
    "crane": ("debug",), "gcrane": ("debug",), "grype": ("debug",), "executor": ("debug",), "regctl": ("alpine",),
    "cosign": ("dev",), "syft": ("debug",),
}  # fmt: skip
# What packages of Alpine and Debian bring, where a script installs them.
PACKAGES: Final[Mapping[str, str]] = {
    **{name: name for name in (*OPTIONAL, "skopeo", "buildah", "podman", "crane", "cosign", "trivy", "grype", "make")},
    "oras-cli": "oras", "xz-utils": "xz", "docker": "docker", "docker-cli": "docker", "docker.io": "docker",
    "gettext": "envsubst", "gettext-base": "envsubst", "openssh-client": "ssh", "git-core": "git", "bash": "bash",
    "docker-cli-buildx": "docker", "regclient": "regctl", "regctl": "regctl",
}  # fmt: skip
# Part of an address -> the program that its install script or archive brings.
INSTALLERS: Final[Mapping[str, str]] = {
    "aquasecurity/trivy": "trivy", "anchore/grype": "grype", "get.anchore.io/grype": "grype",
    "go-containerregistry": "crane", "sigstore/cosign": "cosign", "regclient/regclient": "regctl",
    "oras-project/oras": "oras", "anchore/syft": "syft",
}  # fmt: skip


# Scanners -> who makes their images, in whichever registry.
MAKERS: Final[Mapping[str, tuple[str, ...]]] = {"trivy": ("aquasec", "aquasecurity"), "grype": ("anchore",)}


def name_of(image: str) -> str:
    """The end of an image's name that the table has; nothing where it has none."""
    plain = re.sub(r":[^/]*$", "", image.partition("@")[0])
    parts = plain.split("/")
    if is_copy(image):
        return ""
    return next((name for name in ("/".join(parts[-2:]), parts[-1]) if name in IMAGES), "")


def is_copy(image: str) -> bool:
    """Whether an image is called as a scanner and does not lie where its makers put it: it may hold anything."""
    *owners, name = re.sub(r":[^/]*$", "", image.partition("@")[0]).split("/")
    if owners and re.search(r"[.:$]|^localhost$", owners[0]):
        owners = owners[1:]
    if "dependency_proxy" in owners:  # GitLab's, of Docker Hub
        owners = owners[owners.index("dependency_proxy") + 2 :]
    return name in MAKERS and tuple(owners) not in {(maker,) for maker in MAKERS[name]}


def place(image: str) -> Place | None:
    """What an image has; None where no table says."""
    found = IMAGES.get(name_of(image))
    if found is None:
        return None
    tag = tag_of(image)
    if "alpine" in tag and name_of(image) in ("python", "node", "golang"):
        return Place(
            _ALPINE | (found.programs & {"python3", "python", "pip", "pip3", "node", "npm", "yarn", "go"}), "busybox"
        )
    if "slim" in tag:
        return Place(found.programs - {"git", "curl", "wget", "ssh", "openssl", "make"})
    return found


def tag_of(image: str) -> str:
    """The tag of an image's name; nothing where it has none."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


def has_shell(image: str) -> bool:
    """Whether an image has a shell at all."""
    endings = NO_SHELL.get(name_of(image))
    return endings is None or any(ending in tag_of(image) for ending in endings)
