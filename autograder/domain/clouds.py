"""What kind of registry a reference points at, and whether its name fits that registry's own rules."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from autograder.domain.references import Reference
from autograder.domain.references.grammar import DOCKER_HUB, LOCALHOST, OFFICIAL_NAMESPACE

HUB: Final = "https://docs.docker.com/docker-hub/repos/create/"
HUB_OFFICIAL: Final = "https://docs.docker.com/docker-hub/repos/manage/trusted-content/official-images/"
ECR: Final = "https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_Repository.html"
ECR_HOSTS: Final = "https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-requests.html"
ECR_CREATE: Final = "https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html"
ECR_PUBLIC: Final = "https://docs.aws.amazon.com/AmazonECR/latest/public/public-registries.html"
GOOGLE_NAMES: Final = "https://docs.cloud.google.com/artifact-registry/docs/docker/names"
GOOGLE_PROJECTS: Final = "https://docs.cloud.google.com/resource-manager/docs/creating-managing-projects"
GOOGLE_REPOSITORIES: Final = "https://docs.cloud.google.com/artifact-registry/docs/repositories/create-repos"
GCR_END: Final = "https://docs.cloud.google.com/artifact-registry/docs/transition/setup-gcr-repo"
ACR: Final = "https://learn.microsoft.com/azure/container-registry/container-registry-get-started-azure-cli"
LOOPBACK: Final = "https://distribution.github.io/distribution/about/insecure/"


@dataclass(frozen=True, slots=True)
class Problem:
    """A rule of the registry's operator that the name breaks, and where the rule stands."""

    message: str
    source: str


@dataclass(frozen=True, slots=True)
class Description:
    """What a reference's host is.

    Attributes:
        cloud: ``docker-hub``, ``ecr``, ``ecr-public``, ``artifact-registry``, ``gcr``, ``acr``, ``ghcr``, ``gitlab``,
            ``loopback`` or ``other``.
        title: the kind of registry, for people.
        parts: what the name says in that registry's own terms, in reading order: account, region, project ...
        problems: rules the name breaks; empty when it fits.
        notes: what is worth knowing and breaks nothing.
    """

    cloud: str
    title: str
    parts: dict[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether the name keeps the registry's rules, as far as they are known here."""
        return not self.problems


def describe(reference: Reference) -> Description:
    """Say what kind of registry ``reference`` names and whether its path fits there. Asks nobody: name rules only."""
    host = reference.registry.lower()
    for pattern, describer in _HOSTS:
        if found := pattern.fullmatch(host):
            return describer(reference, found)
    return Description(
        "other",
        "a registry under its own name",
        {"host": reference.registry, "repository": reference.repository},
        notes=("the rules of this registry are not known here; only the common grammar was checked",),
    )


def _problems(*findings: tuple[bool, str, str]) -> tuple[Problem, ...]:
    """Keep the findings whose first entry is true."""
    return tuple(Problem(message, source) for wrong, message, source in findings if wrong)


def _docker_hub(reference: Reference, _host: re.Match[str]) -> Description:
    namespace, _, name = reference.repository.partition("/")
    official = reference.repository.startswith(OFFICIAL_NAMESPACE)
    note = (
        "library/ is the namespace of Docker's Official Images: nobody else can push there"
        if official
        else f"'{namespace}' has no dot, no colon and no upper-case letter and is not 'localhost': "
        "a Docker Hub namespace, not a host"
    )
    return Description(
        "docker-hub",
        "Docker Hub",
        {"namespace": namespace, "repository": name},
        _problems(("/" in name, "a Docker Hub name has exactly two parts, NAMESPACE/REPOSITORY", HUB)),
        (note,),
    )


def _docker_hub_alias(reference: Reference, _host: re.Match[str]) -> Description:
    return Description(
        "other",
        "an address of Docker Hub that is no image host",
        {"host": reference.registry, "repository": reference.repository},
        _problems((True, f"write {DOCKER_HUB}/{reference.repository}, or leave the host out", HUB)),
    )


_AWS_REGION: Final = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]+")
_AWS_ACCOUNT: Final = re.compile(r"[0-9]{12}")


def _ecr(reference: Reference, host: re.Match[str]) -> Description:
    account, region = host["account"], host["region"]
    repository = reference.repository
    return Description(
        "ecr",
        "Amazon ECR, private registry",
        {"account": account, "region": region, "repository": repository},
        _problems(
            (
                not _AWS_ACCOUNT.fullmatch(account),
                f"an AWS account id has exactly 12 digits; '{account}' has {len(account)} characters",
                ECR,
            ),
            (
                not _AWS_REGION.fullmatch(region),
                f"'{region}' does not look like an AWS region (us-east-1, eu-central-1 ...)",
                ECR_HOSTS,
            ),
            (
                not 2 <= len(repository) <= 256,
                f"an ECR repository name has 2 to 256 characters; this one has {len(repository)}",
                ECR_CREATE,
            ),
        ),
    )


_ECR_ALIAS: Final = re.compile(r"[a-z][a-z0-9]+(?:[._-][a-z0-9]+)*")


def _ecr_public(reference: Reference, _host: re.Match[str]) -> Description:
    alias, _, repository = reference.repository.partition("/")
    return Description(
        "ecr-public",
        "Amazon ECR Public",
        {"alias": alias, "repository": repository},
        _problems(
            (not repository, "an ECR Public name is ALIAS/REPOSITORY", ECR_PUBLIC),
            (
                not (2 <= len(alias) <= 50 and _ECR_ALIAS.fullmatch(alias)),
                f"'{alias}' is no registry alias: 2 to 50 characters, starting with a letter",
                ECR_PUBLIC,
            ),
            (
                bool(repository) and not 2 <= len(repository) <= 205,
                "an ECR Public repository name has 2 to 205 characters",
                ECR_PUBLIC,
            ),
        ),
    )


_GOOGLE_PROJECT: Final = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_GOOGLE_REPOSITORY: Final = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")


def _split_project(path: str) -> tuple[str, list[str]]:
    """Project and the rest of a Google path. ``example.com/p`` is the project ``example.com:p`` of a domain."""
    first, *rest = path.split("/")
    if "." in first and rest:
        return f"{first}:{rest[0]}", rest[1:]
    return first, rest


def _project_finding(project: str) -> tuple[bool, str, str]:
    return (
        not _GOOGLE_PROJECT.fullmatch(project.rpartition(":")[2]),
        f"'{project}' is no project id: 6 to 30 lower-case letters, digits and '-', starting with a letter",
        GOOGLE_PROJECTS,
    )


def _artifact_registry(reference: Reference, host: re.Match[str]) -> Description:
    project, rest = _split_project(reference.repository)
    parts = {"location": host["location"], "project": project}
    if rest:
        parts["repository"] = rest[0]
    if rest[1:]:
        parts["image"] = "/".join(rest[1:])
    return Description(
        "artifact-registry",
        "Google Artifact Registry",
        parts,
        _problems(
            (
                len(rest) < 2,
                "an Artifact Registry name has four parts, LOCATION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE; "
                f"this one has {2 + len(rest)}",
                GOOGLE_NAMES,
            ),
            _project_finding(project),
            (
                bool(rest) and not _GOOGLE_REPOSITORY.fullmatch(rest[0]),
                f"'{rest[0] if rest else ''}' is no repository id: lower-case letters, digits and '-', "
                "starting with a letter, at most 63 characters",
                GOOGLE_REPOSITORIES,
            ),
        ),
    )


def _pkg_dev(reference: Reference, host: re.Match[str]) -> Description:
    return Description(
        "artifact-registry",
        "Google Artifact Registry",
        {"host": reference.registry},
        _problems((True, f"images live under {host['location']}-docker.pkg.dev", GOOGLE_NAMES)),
    )


# Host -> location of the Artifact Registry repository that serves it today. Source: GCR_END.
GCR_LOCATIONS: Final = {"gcr.io": "us", "us.gcr.io": "us", "eu.gcr.io": "europe", "asia.gcr.io": "asia"}


def _gcr(reference: Reference, host: re.Match[str]) -> Description:
    project, rest = _split_project(reference.repository)
    location = GCR_LOCATIONS[host.group()]
    return Description(
        "gcr",
        "Google Container Registry (shut down)",
        {"location": location, "project": project, "image": "/".join(rest)},
        _problems(
            (not rest, f"a {host.group()} name is {host.group()}/PROJECT/IMAGE", GCR_END),
            _project_finding(project),
        ),
        (
            "Container Registry takes no writes since 2025-03-18; this name works only where an Artifact Registry "
            f"repository named {host.group()} in {location} serves it",
            f"today's form: {location}-docker.pkg.dev/{project}/REPOSITORY/{'/'.join(rest) or 'IMAGE'}",
        ),
    )


_ACR_NAME: Final = re.compile(r"[a-z0-9]{5,50}")


def _acr(reference: Reference, host: re.Match[str]) -> Description:
    label = host["label"]
    name, dash, unique = label.partition("-")
    parts = {"registry": name} | ({"hash": unique} if dash else {}) | {"repository": reference.repository}
    return Description(
        "acr",
        "Azure Container Registry",
        parts,
        _problems(
            (
                "." in label,
                "the login server is NAME.azurecr.io; what stands between NAME and azurecr.io is a data endpoint",
                ACR,
            ),
            (
                "." not in label and not _ACR_NAME.fullmatch(name),
                f"'{name}' is no registry name: 5 to 50 letters and digits, no dash",
                ACR,
            ),
            (
                "-" in unique,
                "a login server holds at most one dash, before the hash that Azure appends to the registry name",
                ACR,
            ),
        ),
        ("az acr login takes the resource's name, not this host",) if dash else (),
    )


def _two_parts(cloud: str, title: str, form: str, source: str) -> Callable[[Reference, re.Match[str]], Description]:
    def describer(reference: Reference, _host: re.Match[str]) -> Description:
        owner, _, name = reference.repository.partition("/")
        wrong = _problems((not name, f"a name here is {form}", source))
        return Description(cloud, title, {"owner": owner, "repository": name}, wrong)

    return describer


def _loopback(reference: Reference, host: re.Match[str]) -> Description:
    parts = {"host": host["host"], "port": host["port"] or "80 or 443", "repository": reference.repository}
    return Description(
        "loopback",
        "a registry on the machine where the Docker daemon runs",
        parts,
        notes=(f"Docker speaks plain HTTP to loopback addresses without being told to ({LOOPBACK})",),
    )


# Asked from top to bottom, with the host in lower case.
_HOSTS: Final[tuple[tuple[re.Pattern[str], Callable[[Reference, re.Match[str]], Description]], ...]] = (
    (re.compile(re.escape(DOCKER_HUB)), _docker_hub),
    (re.compile(r"(registry-1|registry|auth)\.docker\.io|(registry\.)?hub\.docker\.com"), _docker_hub_alias),
    (re.compile(r"(?P<account>[^.]+)\.dkr\.ecr(-fips)?\.(?P<region>[^.]+)\.amazonaws\.(com(\.cn)?|eu)"), _ecr),
    (re.compile(r"(?P<account>[^.]+)\.dkr-ecr(-fips)?\.(?P<region>[^.]+)\.on\.aws"), _ecr),
    (re.compile(r"public\.ecr\.aws"), _ecr_public),
    (re.compile(r"(?P<location>[a-z0-9-]+)-docker\.pkg\.dev"), _artifact_registry),
    (re.compile(r"(?P<location>[a-z0-9-]+)\.pkg\.dev"), _pkg_dev),
    (re.compile("|".join(re.escape(host) for host in GCR_LOCATIONS)), _gcr),
    (re.compile(r"(?P<label>[^:]+)\.azurecr\.(io|cn|us)"), _acr),
    (
        re.compile(r"ghcr\.io"),
        _two_parts(
            "ghcr",
            "GitHub Container Registry",
            "ghcr.io/OWNER/IMAGE",
            "https://docs.github.com/packages/working-with-a-github-packages-registry/working-with-the-container-registry",
        ),
    ),
    (
        re.compile(r"registry\.gitlab\.com"),
        _two_parts(
            "gitlab",
            "GitLab container registry",
            "registry.gitlab.com/GROUP/PROJECT",
            "https://docs.gitlab.com/user/packages/container_registry/",
        ),
    ),
    (
        re.compile(rf"(?P<host>{LOCALHOST}|127(?:\.[0-9]+){{3}}|\[::1\])(?::(?P<port>[0-9]+))?"),
        _loopback,
    ),
)
