"""The settings that a cloud's emulator contributes to Evidence: their shape as types, and the check that they have it.

``Evidence.services["ecr"].settings`` is what these types say, live and from a submission alike: a check may rely on
every field named here and on its type. Further fields may be there, of any shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NotRequired, TypeVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, FailFast, JsonValue, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from autograder.domain import instants, services
from autograder.domain.references import grammar
from autograder.oci import manifests

MAX_STATE = 6 << 20  # bytes of one emulator's settings as JSON
MAX_REPOSITORIES = 300  # of one service in one submission
MAX_KEYS = 10_000  # of one mapping: repositories of ECR take more than MAX_STATE before there are so many
MAX_LINES = 4_000  # journal lines: the newest ones travel
MAX_JOURNAL = 2 << 20  # bytes of them as JSON


def _few(value: Any) -> Any:
    if isinstance(value, dict) and len(value) > MAX_KEYS:
        raise ValueError(f"more than {MAX_KEYS} entries")
    return value


def _moment(text: str) -> str:
    found = instants.read(text)
    if found is None:
        raise ValueError("not a time that can be read")
    if found.tzinfo is None:
        raise ValueError("a time without a zone")
    return text


def _digest(text: str) -> str:
    if not manifests.is_digest(text):
        raise ValueError("not a digest")
    return text


def _name(text: str) -> str:
    if len(text) > grammar.PATH_LIMIT or not grammar.PATH.fullmatch(text):
        raise ValueError("not a repository's name")
    return text


Moment = Annotated[str, AfterValidator(_moment)]  # ISO 8601 with its zone, on the emulators' clock
Digest = Annotated[str, AfterValidator(_digest)]
Name = Annotated[str, AfterValidator(_name)]
Attributes = dict[str, JsonValue]
# The first wrong entry is enough: with an error for each of a million, a small hostile file would take gigabytes.
T = TypeVar("T")
Listed = Annotated[list[T], FailFast()]
FEW = BeforeValidator(_few)
_OPEN = ConfigDict(extra="allow", strict=True)


class Tag(TypedDict):
    """A tag. ``attributes``: ACR's locks that were set (``writeEnabled``, ``deleteEnabled``, ``readEnabled``)."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    name: str
    created: Moment
    changed: Moment
    attributes: Attributes


class Image(TypedDict):
    """A manifest of Docker Hub, Artifact Registry or ACR, tagged or not. ``children``: of an index."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    digest: Digest
    mediaType: str
    size: int
    children: Listed[Digest]
    subject: Digest | None
    pushed: Moment
    changed: Moment
    pulled: Moment | None
    attributes: Attributes
    tags: Listed[Tag]


class ImageRepository(TypedDict):
    """A repository of Docker Hub (``attributes``: ``private``, ``immutable``), Artifact Registry or ACR (locks)."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    name: Name
    attributes: Attributes
    images: Listed[Image]


class HubToken(TypedDict):
    """An access token. ``expires`` is "" for one without end; ``fingerprint`` is its secret's (domain/dockerhub)."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    id: str
    name: str
    owner: str
    scopes: Listed[str]
    created: Moment
    expires: str
    expired: bool
    fingerprint: str


class RevokedHubToken(HubToken):
    """A token that was taken back, and when."""

    revoked: Moment


class Hub(TypedDict):
    """Docker Hub. ``revoked`` are the tokens that were taken back last; the others are in ``tokens``."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    now: Moment
    repositories: Listed[ImageRepository]
    accounts: Listed[str]
    tokens: Listed[HubToken]
    revoked: Listed[RevokedHubToken]


class GoogleRepository(TypedDict):
    """Settings of PROJECT/REPOSITORY. ``cleanupPolicies`` are as in the policy file."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    name: Name
    location: str
    format: str
    mode: str
    immutableTags: bool
    createTime: Moment
    cleanupPolicies: Listed[JsonValue]
    cleanupPolicyDryRun: bool
    packages: Listed[str]


class GoogleKey(TypedDict):
    """A service account's key. ``owner`` is the account's address, ``scopes`` its role."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    id: str
    name: str
    owner: str
    scopes: Listed[str]


class Google(TypedDict):
    """Artifact Registry: images by PROJECT/REPOSITORY/IMAGE, settings by PROJECT/REPOSITORY."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    now: Moment
    repositories: Listed[ImageRepository]
    settings: Listed[GoogleRepository]
    keys: Listed[GoogleKey]


class AcrRetention(TypedDict):
    """The retention policy for untagged manifests: ``status`` is enabled or disabled."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    status: str
    days: int
    lastUpdatedTime: Moment | None


class AcrRegistry(TypedDict):
    """The registry itself."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    name: str
    adminUserEnabled: bool
    anonymousPullEnabled: bool
    retentionPolicy: AcrRetention


class ScopeMap(TypedDict):
    """A scope map: ``actions`` are ``repositories/NAME/content/read`` and so on."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    name: str
    actions: Listed[str]


class AcrToken(TypedDict):
    """A token with the actions of its scope map, without its password."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    name: str
    scopeMap: str
    actions: Listed[str]
    created: Moment
    expires: str
    expired: bool


class Acr(TypedDict):
    """Azure Container Registry."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    now: Moment
    repositories: Listed[ImageRepository]
    settings: AcrRegistry
    scopeMaps: Listed[ScopeMap]
    tokens: Listed[AcrToken]


class EcrScan(TypedDict):
    """A scan: ``status`` is IN_PROGRESS, COMPLETE or FAILED; ``findings`` have the API's shape ImageScanFinding."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    status: str
    findings: Listed[dict[str, JsonValue]]


class EcrImage(TypedDict):
    """An image. ``size`` is null for an index whose children are not there."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    digest: Digest
    tags: Listed[str]
    mediaType: str
    artifactType: str | None
    size: int | None
    pushedAt: Moment
    lastPulledAt: Moment | None
    status: str
    archivedAt: Moment | None
    children: Listed[Digest]
    subject: Digest | None
    scan: EcrScan | None


class EcrFilter(TypedDict):
    """A filter: an exclusion from a repository's tag mutability, or the names that a scanning rule is for."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    filterType: str
    filter: str


class EcrRepository(TypedDict):
    """A repository; policies as data (their text, where it is no JSON), null without one."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    arn: str
    createdAt: Moment
    imageTagMutability: str
    imageTagMutabilityExclusionFilters: Listed[EcrFilter]
    imageScanningConfiguration: dict[str, JsonValue]
    scanFrequency: str
    encryptionConfiguration: dict[str, JsonValue]
    resourceTags: Annotated[dict[str, str], FEW]
    policy: JsonValue
    lifecyclePolicy: JsonValue
    lifecycleEvaluatedAt: Moment | None
    images: Listed[EcrImage]


class EcrScanningRule(TypedDict):
    """A rule of the scanning configuration."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    scanFrequency: NotRequired[str]
    repositoryFilters: NotRequired[Listed[EcrFilter]]


class EcrScanning(TypedDict):
    """The registry's scanning configuration."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    scanType: str
    rules: Listed[EcrScanningRule]


class EcrProfile(TypedDict):
    """One of the lab's AWS identities."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    account: str
    arn: str


class Ecr(TypedDict):
    """Amazon ECR: one account and region."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    now: Moment
    account: str
    region: str
    profiles: Annotated[dict[str, EcrProfile], FEW]
    scanning: EcrScanning
    registryPolicy: JsonValue
    repositories: Annotated[dict[Name, EcrRepository], FEW]


class Line(TypedDict):
    """A line of the journal. ``what``: push, pull, resolve, delete, login, refuse, configure, create, expire, …

    ``resolve`` is a manifest's HEAD; its detail has the ``actions`` of the token, where there was one.
    """

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    number: int
    when: Moment
    service: str
    who: str
    what: str
    repository: str
    tag: str
    digest: str
    detail: dict[str, JsonValue]


ADAPTERS: dict[str, TypeAdapter[Any]] = {
    "dockerhub": TypeAdapter(Hub),
    "ecr": TypeAdapter(Ecr),
    "artifact-registry": TypeAdapter(Google),
    "acr": TypeAdapter(Acr),
}
_LINES: TypeAdapter[Any] = TypeAdapter(Listed[Line])


def problem(service: str, settings: object) -> str | None:
    """What is wrong with an emulator's settings: the place and the rule, on one line; None when all is well."""
    return _problem(ADAPTERS[service], settings)


def problem_of_lines(journal: object) -> str | None:
    """What is wrong with a list of journal lines; None when all is well."""
    return _problem(_LINES, journal)


def _problem(adapter: TypeAdapter[Any], value: object) -> str | None:
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}"[:300]
    except RecursionError:
        return "it is nested too deeply"
    return None


def names(service: str, settings: Mapping[str, Any]) -> frozenset[str]:
    """The repositories that an emulator knows, empty ones included; none of what is no emulator."""
    listed = settings.get("repositories", ()) if service in services.EMULATORS else ()
    return frozenset(listed if service == "ecr" else (found["name"] for found in listed))


def images(service: str, settings: Mapping[str, Any]) -> dict[str, dict[str, tuple[str, ...]]]:
    """What an emulator says of its images: repository -> digest -> tags, untagged manifests included.

    Args:
        service: its name.
        settings: its settings, of the shape above; empty ones have no repository.
    """
    listed = settings.get("repositories", ())
    if service == "ecr":
        named = dict(listed).items()
        return {name: {i["digest"]: tuple(i["tags"]) for i in found["images"]} for name, found in named}
    return {
        found["name"]: {image["digest"]: tuple(tag["name"] for tag in image["tags"]) for image in found["images"]}
        for found in listed
    }
